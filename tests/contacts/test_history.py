"""Interactions and purchases, and what follows from them at once (C6, C7, C9, C10)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from common.errors import Conflict, Invalid
from common.ids import uuid7
from contacts import queries
from contacts.models import Contact, Interaction, Purchase
from contacts.rules import Kind
from contacts.services.history import record_interaction, record_purchase
from enterprises.models import AuditEntry
from tests import factories
from tests.contacts.unchanged import refused, state

pytestmark = pytest.mark.django_db
NOW = factories.NOON


@pytest.fixture
def contact(team):
    return factories.contact(team.actors.anna, added_at=NOW - timedelta(days=400))


def fresh(contact):
    contact.refresh_from_db()
    return contact


def days(number):
    return NOW - timedelta(days=number)


def test_c6_the_contact_carries_the_last_time_of_either_side(team, contact):
    record_interaction(team.actors.anna, contact=contact, kind="message_out", at=days(5))
    assert (fresh(contact).last_contact_at, contact.last_customer_at) == (days(5), None)
    record_interaction(team.actors.anna, contact=contact, kind="message_in", at=days(9))
    assert (fresh(contact).last_contact_at, contact.last_customer_at) == (days(5), days(9))
    record_interaction(team.actors.anna, contact=contact, kind="group_message", at=days(2))
    record_interaction(team.actors.anna, contact=contact, kind="message_in", at=days(30))
    assert (fresh(contact).last_contact_at, contact.last_customer_at) == (days(2), days(2))
    assert contact.version == 1  # what somebody edits meanwhile is not touched


def test_c6_the_same_key_again_changes_nothing(team, contact):
    first, is_new = record_interaction(team.actors.anna, contact=contact, kind="call", key="k", data={"minutes": 3})
    assert is_new and first.member == team.anna and first.side == "member"
    before = state()
    again, is_new = record_interaction(team.actors.anna, contact=contact, kind="message_in", key="k")
    assert not is_new and again.pk == first.pk and state() == before


def test_c7_a_sign_of_life_ends_the_silence_at_once(team, contact):
    Contact.objects.update(inactive=True)
    for kind, at in (("message_out", NOW), ("message_in", days(180))):
        record_interaction(team.actors.anna, contact=contact, kind=kind, at=at)
        assert fresh(contact).inactive, "not a sign of life, or as old as the silence"
    record_interaction(team.actors.anna, contact=contact, kind="message_in", at=days(179))
    assert not fresh(contact).inactive


def test_c7_which_kinds_count_is_policy(team, contact):
    factories.reset_policy({"inactive_kinds": ["purchase"]})
    Contact.objects.update(inactive=True)
    record_interaction(team.actors.anna, contact=contact, kind="message_in", at=NOW)
    assert fresh(contact).inactive
    record_purchase(team.actors.anna, contact=contact, order_no="1", paid_at=NOW, amount=Decimal(1))
    assert not fresh(contact).inactive


def test_c10_the_first_word_makes_an_occasional_enquirer(team, contact):
    assert contact.activity == "never"
    record_interaction(team.actors.anna, contact=contact, kind="message_out")
    assert fresh(contact).activity == "never"
    record_interaction(team.actors.anna, contact=contact, kind="material_click")
    assert fresh(contact).activity == "occasional"


def test_c9_c10_purchases_grade_at_once(team, contact):
    for number in range(4):
        record_purchase(
            team.actors.anna, contact=contact, order_no=str(number), paid_at=days(number), amount=Decimal("1250")
        )
    assert (fresh(contact).grade, contact.activity, contact.spend_365d) == ("high", "frequent", Decimal(5000))
    record_purchase(team.actors.anna, contact=contact, order_no="0", paid_at=days(1), amount=Decimal("-0.01"))
    assert (fresh(contact).grade, contact.spend_365d) == ("middle", Decimal("4999.99"))
    record_purchase(team.actors.anna, contact=contact, order_no="old", paid_at=days(366), amount=Decimal(9000))
    assert fresh(contact).grade == "middle" and contact.last_customer_at == NOW
    entry = AuditEntry.objects.filter(action="contact.purchase_recorded").order_by("id").first()
    assert entry.after["amount"] == "1250" and entry.before == {"grade": "low"} and entry.after["grade"] == "middle"


def test_the_same_order_again_changes_nothing(team, contact):
    first, is_new = record_purchase(team.actors.anna, contact=contact, order_no="A", paid_at=NOW, amount=Decimal(5))
    assert is_new
    before = state()
    again, is_new = record_purchase(team.actors.anna, contact=contact, order_no="A", paid_at=NOW, amount=Decimal(5))
    assert not is_new and again.pk == first.pk and state() == before
    with refused("order_differs", Conflict):
        record_purchase(team.actors.anna, contact=contact, order_no="A", paid_at=NOW, amount=Decimal(6))
    record_purchase(team.actors.anna, contact=contact, order_no="A", paid_at=NOW, amount=Decimal(-5))
    assert Purchase.objects.filter(order_no="A").count() == 2


def test_o5_an_order_of_another_contact_is_refused_without_naming_it(team, contact):
    other = factories.contact(team.actors.bob)
    record_purchase(team.actors.bob, contact=other, order_no="A", amount=Decimal(5))
    with refused("order_of_another_contact", Conflict) as caught:
        record_purchase(team.actors.anna, contact=contact, order_no="A", amount=Decimal(5))
    assert caught.value.extra == {} and str(other) not in str(caught.value)


def test_what_cannot_be_recorded(team, contact):
    for fields in (
        {"kind": "archived"},
        {"kind": "lost"},
        {"kind": "nonsense"},
        {"kind": "call", "at": NOW + timedelta(minutes=6)},
        {"kind": "call", "key": "x" * 129},
        {"kind": "call", "data": {"x": "y" * 9000}},
    ):
        with refused("invalid", Invalid):
            record_interaction(team.actors.anna, contact=contact, **fields)
    for fields in (
        {"order_no": " "},
        {"order_no": "x" * 65},
        {"amount": Decimal("1.234")},
        {"amount": Decimal("NaN")},
        {"amount": Decimal(10) ** 10},
        {"paid_at": NOW + timedelta(days=1)},
    ):
        with refused("invalid", Invalid):
            record_purchase(team.actors.anna, contact=contact, **{"order_no": "A", "amount": Decimal(1), **fields})


def test_c6_the_timeline_merges_by_time_and_pages_both_ways(team, contact):
    Interaction.objects.all().delete()
    for number in range(4):
        record_interaction(team.actors.anna, contact=contact, kind="call", at=days(2 * number), data={"n": number})
        record_purchase(
            team.actors.anna, contact=contact, order_no=str(number), paid_at=days(2 * number + 1), amount=Decimal(1)
        )
    whole = queries.timeline(contact, size=50)
    assert [event.at for event in whole] == [days(number) for number in range(8)]
    assert [event.kind for event in whole[:2]] == [Kind.CALL, Kind.PURCHASE]
    assert whole[0].member == {"id": team.anna.pk, "name": "Anna"} and whole[1].member is None
    assert whole[1].data == {"order_no": "0", "amount": "1.00"}
    pages, cursor = [], None
    while True:
        page = queries.timeline_page(contact, size=3, cursor=cursor)
        pages.append(page)
        cursor = page.next
        if cursor is None:
            break
    assert [event for page in pages for event in page.rows] == whole
    assert [len(page.rows) for page in pages] == [3, 3, 2]
    assert queries.timeline_page(contact, size=3, cursor=pages[2].previous).rows == pages[1].rows
    only = queries.timeline_page(contact, size=50, kinds=["purchase"]).rows
    assert {event.kind for event in only} == {"purchase"} and len(only) == 4
    with pytest.raises(Invalid):
        queries.timeline_page(contact, size=3, kinds=["nonsense"])


def test_events_of_one_moment_are_neither_lost_nor_doubled_between_pages(team, contact):
    Interaction.objects.all().delete()
    for _number in range(5):
        record_interaction(team.actors.anna, contact=contact, kind="call", at=NOW, key=str(uuid7()))
    seen, cursor = [], None
    for _page in range(3):
        page = queries.timeline_page(contact, size=2, cursor=cursor)
        seen += [event.id for event in page.rows]
        cursor = page.next
    assert cursor is None and len(seen) == len(set(seen)) == 5
