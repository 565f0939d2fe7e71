"""The timeline (C6): kinds and sides, pages by cursor, and how long interactions stay."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from pydantic import ValidationError

from common import clock
from common.errors import Invalid
from common.sql import execute
from common.tenancy import tenant
from contacts.models import Contact, Interaction, Purchase
from contacts.queries import timeline_page
from contacts.rules import Kind, Side
from contacts.services.history import record_interaction, record_purchase
from enterprises.models import AuditEntry
from enterprises.policy import Policy
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(inside):
    """A contact with something of every side, an hour apart."""
    contact = factories.contact(inside, name="王小明")
    for hours, kind in enumerate((Kind.MESSAGE_IN, Kind.MESSAGE_OUT, Kind.CALL, Kind.MATERIAL_CLICK), 1):
        record_interaction(inside, contact=contact, kind=kind, at=factories.NOON - timedelta(hours=hours))
    record_purchase(inside, contact=contact, order_no="1", amount=9, paid_at=factories.NOON - timedelta(hours=9))
    return contact


def kinds(contact, **asked):
    return [event.kind for event in timeline_page(contact, size=50, **asked).rows]


def test_c6_a_side_is_what_it_did(history):
    assert kinds(history, sides=["customer"]) == ["message_in", "material_click", "purchase"]
    assert kinds(history, sides=["member"]) == ["message_out", "call"]
    assert kinds(history, sides=["system"]) == ["added"]
    assert sorted(kinds(history, sides=list(Side))) == sorted(kinds(history))
    assert kinds(history, sides=["member"], kinds=["call", "message_in"]) == ["call"]
    assert kinds(history, sides=["member"], kinds=["message_in"]) == []
    for wrong in ({"sides": ["x"]}, {"kinds": ["x"]}, {"sides": ["member"], "kinds": ["x"]}):
        with pytest.raises(Invalid):
            timeline_page(history, size=5, **wrong)


def test_c6_pages_by_cursor_show_everything_once_whatever_comes_in_between(history, inside):
    seen, cursor = [], None
    while True:
        page = timeline_page(history, size=2, cursor=cursor)
        seen += [event.id for event in page.rows]
        record_interaction(inside, contact=history, kind=Kind.MESSAGE_IN, at=factories.NOON)
        if page.next is None:
            break
        cursor = page.next
    assert len(seen) == len(set(seen)) == 6


def test_c6_the_api_filters_by_side(api, enterprise):
    with tenant(enterprise.pk), clock.at(factories.NOON):
        actor = factories.super_admin(enterprise)
        contact = factories.contact(actor)
        record_purchase(actor, contact=contact, order_no="1", amount=9, paid_at=factories.NOON - timedelta(hours=9))
        for kind in (Kind.MESSAGE_IN, Kind.CALL):
            record_interaction(actor, contact=contact, kind=kind)
    path = f"/api/v1/contacts/{contact.pk}/timeline"
    answer = api.get(f"{path}?side=customer,member&kinds=call,purchase").json()
    assert [event["kind"] for event in answer["results"]] == ["call", "purchase"]
    assert api.get(f"{path}?side=nobody").status_code == 400


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_c6_a_page_is_one_statement_however_long_the_history(history, rows, django_assert_num_queries):
    execute(
        """
        INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, key, data)
        SELECT uuid7(), enterprise_id, id, 'message_in', 'customer', added_at - n * interval '1 hour', n::text, '{}'
        FROM contacts_contact, generate_series(1, %(rows)s) AS n
        """,
        {"rows": rows},
    )
    with django_assert_num_queries(1):
        assert len(timeline_page(history, size=30).rows) == min(30, rows + 6)


# --- How long they stay ---------------------------------------------------------------------------------------


def forget(enterprise):
    out = StringIO()
    moment = (factories.NOON + timedelta(days=400)).isoformat()
    call_command("run_job", "contacts.forget", "--enterprise", str(enterprise.pk), "--now", moment, stdout=out)
    return json.loads(out.getvalue())["result"]


@pytest.fixture
def old(enterprise):
    with tenant(enterprise.pk), clock.at(factories.NOON):
        actor = factories.super_admin(enterprise)
        for name in ("甲", "乙", "丙"):
            contact = factories.contact(actor, name=name)
            record_interaction(actor, contact=contact, kind=Kind.MESSAGE_IN)
            record_interaction(actor, contact=contact, kind=Kind.CALL)
            record_purchase(actor, contact=contact, order_no=name, amount=1)
    return enterprise


def test_interactions_stay_for_ever_unless_the_policy_says_otherwise(old):
    assert forget(old) == {"deleted": 0}
    with tenant(old.pk):
        assert Interaction.objects.count() == 9


def test_old_interactions_go_and_what_the_system_noted_stays(old, other_enterprise, monkeypatch):
    monkeypatch.setattr("contacts.services.retention.STEP", 2)
    with tenant(other_enterprise.pk), clock.at(factories.NOON):
        theirs = factories.super_admin(other_enterprise)
        record_interaction(theirs, contact=factories.contact(theirs), kind=Kind.CALL)
    with tenant(old.pk):
        factories.reset_policy({"interaction_days": 365})
        last = list(Contact.objects.values_list("last_customer_at", "activity"))
        with clock.at(factories.NOON + timedelta(days=100)):
            record_interaction(factories.super_admin(old), contact=Contact.objects.first(), kind=Kind.CALL)
    assert forget(old) == {"deleted": 6}
    with tenant(old.pk):
        assert sorted(Interaction.objects.values_list("kind", flat=True)) == ["added", "added", "added", "call"]
        assert Purchase.objects.count() == 3
        assert list(Contact.objects.values_list("last_customer_at", "activity")) == last
        [entry] = AuditEntry.objects.filter(action="contacts.interactions_forgotten")
        assert entry.after == {"deleted": 6}
    with tenant(other_enterprise.pk):
        assert Interaction.objects.filter(kind="call").count() == 1


def test_what_decides_who_is_silent_cannot_be_forgotten():
    for wrong in ({"interaction_days": 180}, {"interaction_days": 300, "inactive_days": 300}, {"interaction_days": -1}):
        with pytest.raises(ValidationError):
            Policy.from_overrides(wrong)
    assert Policy.from_overrides({"interaction_days": 181}).interaction_days == 181
