"""Admission is exact, however many ask at once (Q10, Q14): real parallel transactions, and the guard removed."""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction
from contacts.services.contacts import archive_contact
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Enterprise, IdempotencyRecord
from enterprises.services import update_policy
from quota import queries, services
from quota.models import Account, LedgerEntry
from quota.services import QuotaExceeded, places
from quota.services.places import Claims
from tests import factories
from tests.parallel import WAIT, in_parallel

CLIENTS, LEFT, SERVED = 64, 10, 20


@pytest.fixture
def full_soon(committed_db) -> Enterprise:
    """An enterprise with 20 served contacts and 10 places left."""
    enterprise = factories.enterprise(verified=False)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        update_policy(actor, values={"free_unverified": SERVED + LEFT})
        for _number in range(SERVED):
            factories.contact(actor)
    return enterprise


def counts() -> dict[str, int]:
    """Everything that an admission writes."""
    models = (Contact, Follow, Interaction, AuditEntry, LedgerEntry, IdempotencyRecord)
    return {model.__name__: model.objects.count() for model in models}


def assert_books(served: int) -> None:
    """Q14: the three numbers agree, and the ledger counts without gap or jump."""
    found = services.verify_counts()
    assert found == {"ledger": served, "counter": served, "contacts": served, "ok": True}
    entries = list(LedgerEntry.objects.order_by("number").values_list("number", "delta", "served_after"))
    assert [number for number, _delta, _after in entries] == list(range(1, len(entries) + 1))
    running = 0
    for _number, delta, after in entries:
        running += delta
        assert after == running
    assert Account.objects.get().ledger_number == len(entries)


def add(client: Client, number: int):
    return client.post(
        "/api/v1/contacts",
        {"external_userid": f"new{number}", "name": f"新客户{number}"},
        content_type="application/json",
        headers={"Idempotency-Key": f"add-{number}"},
    )


def test_q10_64_clients_and_10_places(full_soon):
    """Exactly 10 get in; the other 54 are told what would help, and leave nothing behind."""
    client = factories.api_client(full_soon)
    with tenant(full_soon.pk):
        before = counts()
    answers = in_parallel([partial(add, client, number) for number in range(CLIENTS)])
    assert Counter(answer.status_code for answer in answers) == {201: LEFT, 409: CLIENTS - LEFT}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    for problem in refused:
        assert problem["code"] == "quota_exceeded"
        assert (problem["served"], problem["capacity"]) == (SERVED + LEFT, SERVED + LEFT)
        remedies = {remedy["kind"]: remedy for remedy in problem["remedies"]}
        assert remedies["verify"]["capacity"] == 2000 and remedies["archive"]["count"] == 1
    with tenant(full_soon.pk):
        grown = {name: number - before[name] for name, number in counts().items()}
        assert set(grown.values()) == {LEFT}, grown
        assert_books(SERVED + LEFT)
        got_in = {number for number, answer in enumerate(answers) if answer.status_code == 201}
        made = Contact.objects.filter(external_userid__startswith="new").values_list("external_userid", flat=True)
        assert set(made) == {f"new{number}" for number in got_in}


def test_q10_a_place_given_back_is_not_lost(full_soon):
    """64 want in, 5 are archived at the same time: 10 to 15 get in, and afterwards the rest of the 15 fit."""
    client = factories.api_client(full_soon)
    with tenant(full_soon.pk):
        old = list(Contact.objects.order_by("id")[:5])
        actor = factories.super_admin(full_soon)

    def archive(contact: Contact) -> None:
        with tenant(full_soon.pk):
            archive_contact(actor, contact=contact)

    works = [partial(add, client, number) for number in range(CLIENTS)] + [partial(archive, one) for one in old]
    admitted = sum(answer.status_code == 201 for answer in in_parallel(works)[:CLIENTS])
    assert LEFT <= admitted <= LEFT + len(old)
    more = sum(add(client, number).status_code == 201 for number in range(CLIENTS, CLIENTS + 10))
    assert admitted + more == LEFT + len(old)
    with tenant(full_soon.pk):
        assert_books(SERVED + LEFT)


def test_q8_q10_restoring_in_parallel_is_as_exact(full_soon):
    with tenant(full_soon.pk):
        actor = factories.super_admin(full_soon)
        update_policy(actor, values={"free_unverified": 100})
        archived = [factories.contact(actor) for _number in range(CLIENTS)]
        for contact in archived:
            archive_contact(actor, contact=contact)
        update_policy(actor, values={"free_unverified": SERVED + LEFT})
    client = factories.api_client(full_soon)
    with tenant(full_soon.pk):
        before = counts()
    answers = in_parallel([partial(client.post, f"/api/v1/contacts/{contact.pk}/restore") for contact in archived])
    assert Counter(answer.status_code for answer in answers) == {200: LEFT, 409: CLIENTS - LEFT}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in refused} == {"quota_exceeded"}
    assert all((problem["served"], problem["capacity"]) == (SERVED + LEFT, SERVED + LEFT) for problem in refused)
    assert all("archive" in {remedy["kind"] for remedy in problem["remedies"]} for problem in refused)
    with tenant(full_soon.pk):
        grown = {name: number - before[name] for name, number in counts().items()}
        assert grown == {
            "Contact": 0,
            "Follow": 0,
            "Interaction": LEFT,
            "AuditEntry": LEFT,
            "LedgerEntry": LEFT,
            "IdempotencyRecord": 0,
        }
        assert Contact.objects.filter(status="archived").count() == CLIENTS - LEFT
        assert_books(SERVED + LEFT)


def test_q10_partial_admissions_share_what_is_left(full_soon):
    """As many as fit: 16 imports that want 3 each get 10 together."""

    def take() -> int:
        with tenant(full_soon.pk):
            actor = factories.super_admin(full_soon)
            return services.reserve_up_to(actor, 3, claimants=list).count

    granted = in_parallel([take] * 16)
    assert sum(granted) == LEFT
    assert Counter(granted)[3] == 3 and Counter(granted)[1] == 1
    with tenant(full_soon.pk):
        assert Account.objects.get().served == SERVED + LEFT


def test_q10_all_or_nothing_never_takes_a_part(full_soon):
    """16 admissions of 3: three fit into the 10, and the tenth place stays free."""

    def take() -> bool:
        try:
            with tenant(full_soon.pk):
                services.reserve(factories.super_admin(full_soon), 3, claims=dict)
        except QuotaExceeded as refusal:
            assert refusal.extra["wanted"] == 3
            return False
        return True

    assert sum(in_parallel([take] * 16)) == 3
    with tenant(full_soon.pk):
        assert Account.objects.get().served == SERVED + 9


def test_the_guard_is_what_keeps_it_exact(full_soon, monkeypatch):
    """Negative control: read, then write, as everybody would at first. All 64 get in."""
    everybody_has_read = threading.Barrier(CLIENTS)

    def read_then_write(actor: Actor, wanted: int, *, claims: Claims) -> None:
        account = Account.objects.get()
        everybody_has_read.wait(WAIT)
        if account.served + wanted > account.capacity:
            raise places.exceeded(actor.enterprise, wanted)
        Account.objects.update(served=F("served") + wanted, ledger_number=F("ledger_number") + wanted)

    monkeypatch.setattr(places, "reserve", read_then_write)
    client = factories.api_client(full_soon)
    answers = in_parallel([partial(add, client, number) for number in range(CLIENTS)])
    assert sum(answer.status_code == 201 for answer in answers) == CLIENTS > LEFT
    with tenant(full_soon.pk):
        assert Account.objects.get().served == SERVED + CLIENTS > SERVED + LEFT


def test_c1_the_same_person_added_by_64_takes_one_place(full_soon):
    client = factories.api_client(full_soon)

    def add_same():
        body = {"external_userid": "same", "name": "同一个人"}
        return client.post("/api/v1/contacts", body, content_type="application/json").status_code

    assert Counter(in_parallel([add_same] * CLIENTS)) == {201: 1, 200: CLIENTS - 1}
    with tenant(full_soon.pk):
        assert_books(SERVED + 1)


def test_q10_the_hot_row_is_changed_last(full_soon):
    """DESIGN.md 5: the account's conditional update comes after the contact's writes and before the commit."""
    client = factories.api_client(full_soon)
    with CaptureQueriesContext(connection) as captured:
        assert add(client, 1).status_code == 201
    statements = [query["sql"] for query in captured]

    def at(start: str) -> int:
        return next(nth for nth, sql in enumerate(statements) if " ".join(sql.split()).startswith(start))

    decided = at("UPDATE quota_account SET served = served + 1, ledger_number = ledger_number + 1")
    assert "served + 1 <= capacity" in statements[decided]
    for table in ("contacts_contact", "contacts_follow", "contacts_interaction", "enterprises_auditentry"):
        assert at(f"INSERT INTO {table} ") < decided
    assert decided < at("INSERT INTO quota_ledgerentry") < at("COMMIT")
    # Between the decision and the commit nothing is written but the ledger and the answer to a repeated request.
    between = [" ".join(sql.split()) for sql in statements[decided + 1 : at("COMMIT")]]
    written = [sql for sql in between if "INSERT" in sql or "UPDATE quota" in sql or sql.startswith("UPDATE")]
    assert all("ledger" in sql or "idempotency" in sql for sql in written), written


def test_refusals_do_not_wait_for_each_other(full_soon):
    """A full enterprise is asked a lot: saying no takes no lock."""
    with tenant(full_soon.pk):
        services.reserve(factories.super_admin(full_soon), LEFT, claims=dict)
    with tenant(full_soon.pk), CaptureQueriesContext(connection) as captured:
        actor = factories.super_admin(full_soon)
        with pytest.raises(QuotaExceeded):
            services.reserve(actor, 1, claims=dict)
        assert not [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
        assert queries.position(full_soon).served == SERVED + LEFT
