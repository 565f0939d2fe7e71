"""C8: announce, object, archive as a batch, delete for good; and who comes back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, connections
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from common.errors import Conflict, Forbidden
from common.tenancy import tenant
from contacts import cleanup_rounds
from contacts.filters import ContactFilter
from contacts.models import CleanUp, CleanUpItem, Contact, Grant, Interaction
from contacts.services import cleanups, merges, returns
from contacts.services.contacts import add_contact, archive_contact, restore_contact
from contacts.services.history import record_interaction
from enterprises.models import AuditEntry, Member
from enterprises.services import update_policy
from jobs import schedule
from jobs.models import Delivery, JobRun, Notification
from jobs.runner import execute_run
from quota.models import Account, LedgerEntry
from quota.services import refresh_account, verify_counts
from tests import factories
from tests.contacts.bulk import consistent, do, end_round, silent
from tests.contacts.conftest import grant
from tests.factories import NOON
from tests.parallel import in_parallel

DAY = timedelta(days=1)
WEEK = 7 * DAY


# --- Announcing and objecting ---------------------------------------------------------------------------------


def test_c8_a_round_holds_the_silent_ones_and_tells_their_owners(team):
    mine, others = silent(team.actors.anna, 3), silent(team.actors.bob, 1)
    factories.contact(team.actors.anna)
    silent(team.actors.anna, 1)[0].follows.all()
    Contact.objects.filter(pk=mine[0].pk).update(status="archived")
    made = cleanups.announce(team.admin)
    assert (made.state, made.contacts, made.due_at) == ("announced", 4, NOON + WEEK)
    assert others[0].pk in set(made.items.values_list("contact", flat=True))
    told = dict(Notification.objects.values_list("member__name", "data__count"))
    assert told == {"Anna": 3, "Bob": 1}
    mails = Delivery.objects.filter(channel="mail").values_list("notification__member__name", flat=True)
    assert set(mails) == {"Anna", "Bob"}, "there is a time to object, so it must reach them"


def test_c8_nobody_silent_nothing_announced(inside):
    factories.contact(inside)
    with pytest.raises(Conflict) as refused:
        cleanups.announce(inside)
    assert refused.value.code == "nothing_silent"


def test_c8_o5_a_graded_admin_announces_only_their_range(team):
    silent(team.actors.anna), silent(team.actors.bob)
    made = cleanups.announce(team.actors.graded)
    assert made.contacts == 1
    seers = {
        name for name in ("anna", "bob", "graded") if made in cleanup_rounds.visible_to(getattr(team.actors, name))
    }
    assert seers == {"anna", "graded"}


def test_c8_o1_who_may_archive_only_their_own_announce_only_their_own(team):
    silent(team.actors.anna, 2)
    for contact in silent(team.actors.bob):
        add_contact(team.actors.anna, external_userid=contact.external_userid, name="x")
    assert cleanups.announce(grant(team.actors.anna, "contacts.archive")).contacts == 2
    reader = factories.actor(team.admin.enterprise, factories.member(role=factories.role("contacts.view")))
    with pytest.raises(Forbidden):
        cleanups.announce(reader)
    assert CleanUp.objects.count() == 1


def test_c8_o1_owners_and_admins_keep_and_nobody_else(team):
    mine, other = silent(team.actors.anna, 2), silent(team.actors.bob, 1)[0]
    made = cleanups.announce(team.admin)
    everybody = [*(one.pk for one in mine), other.pk]
    anna = grant(team.actors.anna, "contacts.assign")
    assert cleanups.keep(team.actors.carl, clean_up=made, ids=everybody) == 0
    assert cleanups.keep(anna, clean_up=made, ids=[other.pk, mine[0].pk]) == 1
    assert cleanups.keep(anna, clean_up=made, ids=[mine[0].pk]) == 0
    assert cleanups.keep(anna, clean_up=made) == 1
    assert cleanups.keep(team.admin, clean_up=made, ids=[other.pk]) == 1
    assert cleanups.let_go(anna, clean_up=made, ids=everybody) == 2
    assert cleanup_rounds.figures(team.admin, [made]) == {made.pk: (3, 1)}
    assert cleanup_rounds.figures(anna, [made]) == {made.pk: (2, 0)}


def test_c8_o2_a_friend_or_collaborator_keeps_nobody_elses(team):
    """They see the contact in the round; whether it stays is its owner's to say."""
    contact = silent(team.actors.bob)[0]
    add_contact(team.actors.anna, external_userid=contact.external_userid, name="x")
    Grant.objects.create(contact=contact, member=team.carl, level="editor", granted_at=NOON)
    made = cleanups.announce(team.admin)
    for name in ("anna", "carl"):
        actor = getattr(team.actors, name)
        assert contact.pk in cleanup_rounds.items(actor, made).values_list("contact_id", flat=True)
        assert cleanups.keep(actor, clean_up=made, ids=[contact.pk]) == 0
        assert cleanups.keep(actor, clean_up=made) == 0
    assert cleanups.keep(team.actors.bob, clean_up=made) == 1
    for name in ("anna", "carl"):
        assert cleanups.let_go(getattr(team.actors, name), clean_up=made, ids=[contact.pk]) == 0
    assert CleanUpItem.objects.get().kept_by == team.bob


def test_c8_the_time_to_object_ends(inside):
    contact = silent(inside)[0]
    made = cleanups.announce(inside)
    with clock.at(NOON + WEEK):
        for attempt in (
            lambda: cleanups.keep(inside, clean_up=made, ids=[contact.pk]),
            lambda: cleanups.let_go(inside, clean_up=made, ids=[contact.pk]),
            lambda: cleanups.cancel(inside, clean_up=made),
        ):
            with pytest.raises(Conflict) as refused:
                attempt()
            assert refused.value.code == "round_over"


def test_c8_a_round_that_was_called_off_archives_nobody(inside):
    silent(inside)
    made = cleanups.announce(inside)
    cleanups.cancel(inside, clean_up=made)
    assert cleanups.carry_out(inside, now=NOON + WEEK) == {"archived": 0, "cancelled": 0}


def test_c8_o2_a_round_of_others_contacts_is_not_called_off_by_one_owner(team):
    """Staff may archive their own: that is no say in what happens to everybody else's."""
    silent(team.actors.anna), silent(team.actors.bob)
    made = cleanups.announce(team.admin)
    before = AuditEntry.objects.count()
    for name in ("anna", "graded"):
        actor = getattr(team.actors, name)
        assert made in cleanup_rounds.visible_to(actor) and not cleanup_rounds.may_call_off(actor, made)
        with pytest.raises(Forbidden) as refused:
            cleanups.cancel(actor, clean_up=made)
        assert refused.value.code == "not_yours"
    assert (CleanUp.objects.get().state, AuditEntry.objects.count()) == ("announced", before)


def test_c8_o2_who_announced_a_round_or_may_archive_all_of_it_calls_it_off(team):
    def call_off(announcer, actor, filter=None):
        made = cleanups.announce(announcer, filter=filter)
        cleanups.cancel(actor, clean_up=made)
        return CleanUp.objects.get(pk=made.pk).state

    twin, _other = silent(team.actors.anna, 2)
    silent(team.actors.bob)
    assert call_off(team.actors.anna, team.actors.graded) == "cancelled"  # all of it lies in their range
    assert call_off(team.actors.anna, team.admin) == "cancelled"
    of_anna = {"owner": str(team.anna.pk)}
    assert call_off(team.admin, team.actors.anna, of_anna) == "cancelled"  # all of it is hers
    made = cleanups.announce(team.admin, filter=of_anna)
    gone = factories.contact(team.actors.anna)
    merges.merge(team.admin, contact=gone, gone=twin)  # who was merged stands in nobody's way
    assert cleanup_rounds.may_call_off(team.actors.anna, made)
    cleanups.cancel(team.actors.anna, clean_up=made)
    # She announced it, and somebody else owns one of them by now.
    made = cleanups.announce(team.actors.anna)
    Contact.objects.filter(pk=_other.pk).update(owner=team.bob)
    cleanups.cancel(team.actors.anna, clean_up=made)
    assert CleanUp.objects.get(pk=made.pk).state == "cancelled"


def test_c8_the_last_day_is_told_in_the_enterprises_time(inside):
    """At 07:00 in Shanghai it is still yesterday in London."""
    silent(inside)
    with clock.at(datetime(2026, 6, 14, 23, tzinfo=UTC)):
        cleanups.announce(inside)
    assert Notification.objects.get().data["day"] == "2026-06-22"


def test_c8_without_a_time_to_object_it_is_archived_at_once(inside):
    factories.reset_policy({"veto_days": 0})
    silent(inside)
    made = cleanups.announce(inside)
    assert (made.state, made.job.name) == ("archived", "contacts.archive")
    assert not Notification.objects.exists()


@pytest.mark.usefixtures("committed_db")
def test_c8_whoever_is_still_silent_and_not_kept_is_archived_as_one_batch():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        archived, kept, woken = silent(actor, 3)
        made = cleanups.announce(actor)
        cleanups.keep(actor, clean_up=made, ids=[kept.pk])
        record_interaction(actor, contact=woken, kind="message_in")
        later = silent(actor)[0]  # was not announced
    with clock.at(NOON + WEEK - DAY):
        assert schedule.fan_out_waiting("contacts.clean_up") == 0
    with clock.at(NOON + WEEK):
        assert schedule.fan_out_waiting("contacts.clean_up") == 1
        with tenant(enterprise.pk):
            due = JobRun.objects.get(name="contacts.clean_up")
        assert execute_run(enterprise.pk, due.pk).result == {"archived": 1, "cancelled": 0}
        with tenant(enterprise.pk):
            made.refresh_from_db()
            assert made.state == "archived"
        ended = execute_run(enterprise.pk, made.job_id)
        assert (ended.state, ended.result["freed"]) == ("done", 1)
        assert schedule.fan_out_waiting("contacts.clean_up") == 0
    assert consistent(enterprise) == 3
    with tenant(enterprise.pk):
        states = dict(Contact.objects.values_list("pk", "status"))
    assert states == {archived.pk: "archived", kept.pk: "active", woken.pk: "active", later.pk: "active"}


@pytest.mark.usefixtures("committed_db")
def test_x6_many_workers_carry_a_round_out_once():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        silent(factories.super_admin(enterprise), 3)
        cleanups.announce(factories.super_admin(enterprise))

    def work():
        with tenant(enterprise.pk):
            return cleanups.carry_out(factories.super_admin(enterprise), now=NOON + WEEK)["archived"]

    assert sorted(in_parallel([work] * 5)) == [0, 0, 0, 0, 1]
    with tenant(enterprise.pk):
        assert JobRun.objects.filter(name="contacts.archive").count() == 1


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("locked", [True, False])
def test_c8_who_is_kept_at_the_last_moment_is_not_archived(locked, monkeypatch):
    """The round waits for the objection under way; without the lock it would archive whom somebody keeps."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        kept, _other = silent(actor, 2)
        made = cleanups.announce(actor)
    if not locked:
        monkeypatch.setattr(cleanups, "_open", lambda clean_up: clean_up)

    def elsewhere():
        try:
            return end_round(enterprise, made)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, tenant(enterprise.pk), clock.at(made.due_at - timedelta(seconds=1)):
        assert cleanups.keep(factories.super_admin(enterprise), clean_up=made, ids=[kept.pk]) == 1
        assert pool.submit(elsewhere).result() == (0 if locked else 1)
    assert end_round(enterprise, made) == (1 if locked else 0)
    with tenant(enterprise.pk):
        assert CleanUpItem.objects.get(contact=kept).kept_at is not None
        assert Contact.objects.get(pk=kept.pk).status == ("active" if locked else "archived")
    assert consistent(enterprise) == (1 if locked else 0)


def test_c8_who_announced_and_may_archive_no_more_archives_nothing(team):
    silent(team.actors.anna)
    made = cleanups.announce(team.actors.graded)
    Member.objects.filter(pk=team.graded.pk).update(status=Member.Status.DISABLED)
    assert cleanups.carry_out(team.admin, now=NOON + WEEK) == {"archived": 0, "cancelled": 1}
    made.refresh_from_db()
    assert (made.state, made.job_id) == ("cancelled", None)


@pytest.mark.parametrize("number", [1, 3])
def test_c8_announcing_and_keeping_take_a_constant_number_of_queries(number, inside):
    made = silent(inside, number)
    with CaptureQueriesContext(connection) as queries:
        announced = cleanups.announce(inside)
        cleanups.keep(inside, clean_up=announced, ids=[one.pk for one in made])
    assert len(queries) == 14


# --- Deleting for good ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("committed_db")
def test_c8_q14_deleting_takes_the_name_off_ledger_audit_and_notices():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        gone, stays = factories.contact(actor, name="王消失"), factories.contact(actor, name="李留下")
        for contact in (gone, stays):
            archive_contact(actor, contact=contact)
            returns._wait([(contact.pk, contact.name, actor.member_id)])
        before = LedgerEntry.objects.count()
    run = do(enterprise, "delete", ids=[gone.pk], params={"count": 1})
    assert run.result["done"] == 1
    with tenant(enterprise.pk):
        assert LedgerEntry.objects.count() == before and verify_counts()["ok"]
        labels = dict(LedgerEntry.objects.values_list("contact_id", "contact_label"))
        assert labels == {gone.pk: "", stays.pk: "李留下"}
        told = str(list(AuditEntry.objects.values())) + str(list(Notification.objects.values()))
        assert "王消失" not in told and "李留下" in told
        assert AuditEntry.objects.filter(subject_id=gone.pk, action="contact.archived").exists()
        assert not Contact.objects.filter(pk=gone.pk).exists()


# --- Coming back ----------------------------------------------------------------------------------------------


@pytest.fixture
def away(inside):
    """An archived contact."""
    return archive_contact(inside, contact=factories.contact(inside, name="王归来", added_at=NOON - 9 * DAY))


def write(actor, contact, at=None, kind="message_in", **more):
    record_interaction(actor, contact=contact, kind=kind, at=at, **more)
    contact.refresh_from_db()
    return contact.status, contact.waiting_since


def test_c8_q10_an_archived_person_who_writes_comes_back_while_there_is_room(inside, away):
    assert write(inside, away) == ("active", None)
    last = LedgerEntry.objects.order_by("-number").first()
    assert (last.reason, last.delta, last.contact_id) == ("returned", 1, away.pk)
    assert Interaction.objects.filter(contact=away, kind="returned").count() == 1
    assert verify_counts()["ok"]


def test_c8_who_finds_no_room_waits_and_the_owner_is_told_once(inside, away, full):
    factories.contact(inside)
    full(1)
    assert write(inside, away) == ("archived", NOON)
    with clock.at(NOON + DAY):
        assert write(inside, away, at=NOON + DAY) == ("archived", NOON)
    told = Notification.objects.get(kind="contacts.waiting")
    assert told.data == {"count": 1, "contact": "王归来", "id": str(away.pk)}
    waiting = ContactFilter.from_params({"waiting": "true"}, inside).queryset()
    assert list(waiting) == [away]
    full(2)
    assert write(inside, away, key="again") == ("active", None)
    assert not ContactFilter.from_params({"waiting": "true"}, inside).queryset().exists()


def test_c8_restoring_ends_the_wait_and_archiving_again_does_not_begin_one(inside, away, full):
    factories.contact(inside)
    full(1)
    write(inside, away)
    full(9)
    restored = restore_contact(inside, contact=away)
    assert restored.waiting_since is None
    archived = archive_contact(inside, contact=restored)
    assert archived.waiting_since is None


@pytest.mark.parametrize("kind", ["message_out", "call", "material_click"])
def test_c8_only_writing_brings_somebody_back(kind, inside, away):
    assert write(inside, away, kind=kind) == ("archived", None)


def test_c8_a_message_from_before_the_archiving_brings_nobody_back(inside, away):
    assert write(inside, away, at=NOON - DAY) == ("archived", None)


def test_c8_who_waited_longest_comes_first(inside, full):
    first, second, third = (
        archive_contact(inside, contact=factories.contact(inside, name=str(number))) for number in range(3)
    )
    Contact.objects.filter(pk=third.pk).update(waiting_since=NOON - 2 * DAY)
    Contact.objects.filter(pk=second.pk).update(waiting_since=NOON - DAY)
    full(2)
    assert returns.come_back(inside, contacts=[first.pk, second.pk, third.pk]) == (2, 1)
    assert set(Contact.objects.filter(status="active")) == {second, third}


def crowd(number, capacity):
    """An enterprise of archived contacts with so many places."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        people = [archive_contact(actor, contact=factories.contact(actor)) for _n in range(number)]
        factories.reset_policy({"free_unverified": capacity, "free_verified": capacity})
        refresh_account(enterprise)
    return enterprise, people


def writing(enterprise, contact):
    def work():
        with tenant(enterprise.pk):
            record_interaction(factories.super_admin(enterprise), contact=contact, kind="message_in")

    return work


@pytest.mark.usefixtures("committed_db")
def test_c8_q10_many_archived_people_write_at_once_and_one_place_is_left():
    enterprise, people = crowd(8, 1)
    in_parallel([writing(enterprise, one) for one in people])
    assert consistent(enterprise) == 1
    with tenant(enterprise.pk):
        assert Contact.objects.filter(status="active", waiting_since=None).count() == 1
        assert Contact.objects.filter(status="archived", waiting_since__isnull=False).count() == 7


@pytest.mark.usefixtures("committed_db")
def test_c8_q10_one_archived_person_writes_many_times_at_once_and_takes_one_place():
    enterprise, (one,) = crowd(1, 5)
    in_parallel([writing(enterprise, one)] * 8)
    assert consistent(enterprise) == 1
    with tenant(enterprise.pk):
        assert LedgerEntry.objects.filter(reason="returned").count() == 1


@pytest.mark.usefixtures("committed_db")
def test_q10_without_the_accounts_decision_they_would_overshoot(monkeypatch):
    """The negative control: places granted without asking the account exceed the scale."""
    enterprise, people = crowd(4, 1)

    def trusting(_actor, wanted, *, claimants):
        Account.objects.update(served=F("served") + wanted, ledger_number=F("ledger_number") + wanted)
        return SimpleNamespace(count=wanted, refused={})

    monkeypatch.setattr(returns.quota, "reserve_up_to", trusting)
    in_parallel([writing(enterprise, one) for one in people])
    with tenant(enterprise.pk):
        account = Account.objects.get()
        assert account.served == 4 > account.capacity


# --- Pages and API --------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(enterprise):
    with tenant(enterprise.pk):
        return silent(factories.super_admin(enterprise), 3, name="王静默")


def test_c8_the_console_announces_keeps_and_calls_off(browser, enterprise, quiet):
    base = f"/e/{enterprise.code}/inactive/"
    assert "Announce" in browser.get(base).content.decode()
    assert "3" in browser.get(f"{base}announce/").content.decode()
    made = browser.post(f"{base}announce/")["Location"]
    page = browser.get(made).content.decode()
    assert page.count("王静默") >= 3 and "Keep the selected" in page
    browser.post(made, {"action": "keep", "ids": [str(quiet[0].pk)]})
    with tenant(enterprise.pk):
        assert CleanUpItem.objects.exclude(kept_at=None).get().contact_id == quiet[0].pk
    browser.post(made, {"action": "let-go", "ids": [str(quiet[0].pk)]})
    browser.post(made, {"action": "keep-mine"})
    with tenant(enterprise.pk):
        assert CleanUpItem.objects.exclude(kept_at=None).count() == 3
    assert browser.post(made, {"action": "keep"}, follow=True).status_code == 200
    browser.post(made, {"action": "cancel"})
    with tenant(enterprise.pk):
        assert CleanUp.objects.get().state == "cancelled"
    assert "Keep the selected" not in browser.get(made).content.decode()


def test_c8_o5_the_console_offers_staff_neither_the_end_of_a_round_nor_somebody_elses_job(enterprise, quiet):
    with tenant(enterprise.pk), clock.at(datetime(2026, 6, 14, 23, tzinfo=UTC)):
        admin, anna = factories.super_admin(enterprise), factories.member("Anna")
        for contact in quiet:
            add_contact(factories.actor(enterprise, anna), external_userid=contact.external_userid, name="x")
        made = cleanups.announce(admin)
        client = Client()
        client.force_login(anna.user)
        client.cookies["language"] = "en"
    page = f"/e/{enterprise.code}/inactive/rounds/{made.pk}/"
    shown = client.get(page).content.decode()
    assert "Clean-up of 2026-06-15" in shown and "Keep all of mine" in shown and "Call it off" not in shown
    assert "whoever announced it" in client.post(page, {"action": "cancel"}, follow=True).content.decode()
    with tenant(enterprise.pk):
        assert CleanUp.objects.get().state == "announced"
        assert cleanups.carry_out(admin, now=made.due_at) == {"archived": 1, "cancelled": 0}
    assert "/jobs/" not in client.get(page).content.decode().split("<main")[-1]
    api = factories.api_client(enterprise, anna)
    assert api.get(f"/api/v1/clean-ups/{made.pk}").json()["job"] is None
    assert factories.api_client(enterprise).get(f"/api/v1/clean-ups/{made.pk}").json()["job"] is not None


def test_c8_the_console_shows_who_waits(browser, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        contact = archive_contact(actor, contact=factories.contact(actor))
        Contact.objects.filter(pk=contact.pk).update(waiting_since=clock.now())
    page = browser.get(f"/e/{enterprise.code}/inactive/").content.decode()
    assert "wait for a place" in page and "waiting%3Dtrue" in page
    assert browser.get(f"/e/{enterprise.code}/contacts/bulk/restore/?filter=waiting%3Dtrue").status_code == 200


@pytest.mark.parametrize("number", [1, 3])
def test_c8_pages_take_a_constant_number_of_queries(number, browser, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        silent(actor, number)
        made = cleanups.announce(actor)
    for page, most in ((f"inactive/rounds/{made.pk}/", 15), ("inactive/", 22)):
        browser.get(f"/e/{enterprise.code}/{page}")
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"/e/{enterprise.code}/{page}").status_code == 200
        assert len(queries) <= most


def test_c8_x1_rounds_by_the_api(api, enterprise, quiet):
    with tenant(enterprise.pk):
        update_policy(factories.super_admin(enterprise), values={"veto_days": 3})
    made = api.post("/api/v1/clean-ups", {}, "application/json")
    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["contacts"], body["kept"], body["job"]) == ("announced", 3, 0, None)
    one = f"/api/v1/clean-ups/{body['id']}"
    assert api.post(f"{one}/keep", {"contacts": [str(quiet[0].pk)]}, "application/json").json() == {"contacts": 1}
    assert api.post(f"{one}/let-go", {"contacts": [str(quiet[0].pk)]}, "application/json").json() == {"contacts": 1}
    assert api.post(f"{one}/keep", {"contacts": []}, "application/json").json() == {"contacts": 0}
    assert api.post(f"{one}/keep", {}, "application/json").json() == {"contacts": 3}
    assert api.get("/api/v1/clean-ups").json()["results"][0]["kept"] == 3
    assert api.delete(one).status_code == 204
    assert api.delete(one).json()["code"] == "round_over"
    assert api.get(one).json()["state"] == "cancelled"
    found = api.get(f"/api/v1/contacts?clean_up={body['id']}&count=1").json()
    assert found["count"]["value"] == 0  # all were kept
