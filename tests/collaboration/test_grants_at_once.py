"""Collaborators under concurrency: real parallel transactions, and the guard removed (O2, O3)."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from collaboration.models import Invitation
from collaboration.services import grants
from common import clock
from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact, Grant, Interaction
from contacts.services import bulk, contacts, relations
from enterprises.models import Member
from enterprises.services import members
from jobs import services as jobs
from jobs.models import Notification
from jobs.runner import execute_run
from tests import factories
from tests.parallel import in_parallel, meet

pytestmark = pytest.mark.usefixtures("committed_db")
INVITED, LIMIT = 16, 3


@pytest.fixture
def firm(committed_db):
    """An enterprise, a contact of Anna's, and colleagues: their ids."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        anna = factories.member("Anna")
        contact = factories.contact(factories.actor(enterprise, anna))
        colleagues = [factories.member().pk for _number in range(INVITED)]
    return enterprise, anna.pk, contact.pk, colleagues


def outcome(enterprise, who, work):
    """What became of `work(actor)` in a transaction of its own."""
    try:
        with tenant(enterprise.pk):
            work(factories.actor(enterprise, Member.objects.get(pk=who)))
    except Refusal as refusal:
        return refusal.code
    return "done"


def inviting(contact, colleague):
    def work(actor):
        grants.invite(
            actor,
            contact=Contact.objects.get(pk=contact),
            member=Member.objects.select_related("role").get(pk=colleague),
            level="viewer",
        )

    return work


def test_o3_16_invitations_at_once_and_room_for_3(firm):
    enterprise, anna, contact, colleagues = firm
    found = in_parallel([partial(outcome, enterprise, anna, inviting(contact, one)) for one in colleagues])
    assert Counter(found) == {"done": LIMIT, "collaborator_limit": INVITED - LIMIT}
    with tenant(enterprise.pk):
        assert Invitation.objects.count() == LIMIT and Grant.objects.count() == 0


def test_the_lock_is_what_keeps_the_limit(firm, monkeypatch):
    """Negative control: everybody counts before anybody has written."""
    enterprise, anna, contact, colleagues = firm
    room = grants._room

    def count_then_meet(terms, contact):
        room(terms, contact)
        meet()

    monkeypatch.setattr(grants, "hold", lambda actor, contact, right: contact)
    monkeypatch.setattr(grants, "_room", count_then_meet)
    found = in_parallel([partial(outcome, enterprise, anna, inviting(contact, one)) for one in colleagues])
    assert Counter(found) == {"done": INVITED}
    with tenant(enterprise.pk):
        assert Invitation.objects.count() == INVITED > LIMIT


def test_the_same_colleague_invited_by_16_at_once_is_invited_once(firm):
    enterprise, anna, contact, colleagues = firm
    found = in_parallel([partial(outcome, enterprise, anna, inviting(contact, colleagues[0]))] * INVITED)
    assert Counter(found) == {"done": 1, "already_invited": INVITED - 1}


def test_accepted_and_taken_back_at_once_it_is_one_of_the_two(firm):
    enterprise, anna, contact, colleagues = firm
    bob = colleagues[0]
    assert outcome(enterprise, anna, inviting(contact, bob)) == "done"

    def accept(actor):
        invitation = Invitation.objects.get()
        meet()
        grants.accept(actor, invitation=invitation)

    def withdraw(actor):
        meet()
        grants.remove(actor, contact=Contact.objects.get(pk=contact), member=Member.objects.get(pk=bob))

    accepted, taken = in_parallel(
        [
            partial(outcome, enterprise, bob, accept),
            partial(outcome, enterprise, anna, withdraw),
        ]
    )
    with tenant(enterprise.pk):
        assert not Grant.objects.exists() and not Invitation.objects.exists()  # joined first, then removed; or refused
    assert (accepted, taken) in {("done", "done"), ("not_found", "done")}


def _give_away(contact, taker):
    def work(actor):
        meet()
        relations.change_owner(actor, contact=Contact.objects.get(pk=contact), owner=Member.objects.get(pk=taker))

    return work


def _rename(contact):
    def work(actor):
        seen = Contact.objects.visible_to(actor).get(pk=contact)
        meet()
        contacts.edit_contact(actor, contact=seen, name="改名")

    return work


def test_the_owner_is_removed_while_editing(firm):
    """Either the edit came first, or the former owner, a friend only, is refused as a whole: nothing in between."""
    enterprise, anna, contact, colleagues = firm
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.pk
    edited, given = in_parallel(
        [
            partial(outcome, enterprise, anna, _rename(contact)),
            partial(outcome, enterprise, admin, _give_away(contact, colleagues[0])),
        ]
    )
    assert given == "done"
    with tenant(enterprise.pk):
        found = Contact.objects.get()
        history = list(found.interactions.order_by("id").values_list("kind", flat=True))
        assert history == ["added", "owner_changed"] and found.owner_id == colleagues[0]
        assert (edited, found.name == "改名") in {("done", True), ("field_forbidden", False)}


def test_the_right_is_asked_behind_the_lock(firm):
    """The control for the test above: the owner loses the contact while their edit waits for its row."""
    enterprise, anna, contact, colleagues = firm
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.pk

    def give(actor):
        relations.change_owner(
            actor, contact=Contact.objects.get(pk=contact), owner=Member.objects.get(pk=colleagues[0])
        )
        meet()  # the row is held: the edit begins now and waits
        factories.wait_for_blocked()

    edited, given = in_parallel(
        [partial(outcome, enterprise, anna, _rename(contact)), partial(outcome, enterprise, admin, give)]
    )
    assert (edited, given) == ("field_forbidden", "done")
    with tenant(enterprise.pk):
        assert Contact.objects.get().name != "改名"


def test_negative_control_without_the_lock_who_owned_it_edits_it(firm, monkeypatch):
    """Read without the lock, the right is one of a moment ago: the edit comes after the contact went to another."""
    enterprise, anna, contact, colleagues = firm
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.pk
    asked = contacts.access.require_fields

    def ask_then_wait(*question):
        asked(*question)
        meet()  # the owner may
        meet()  # and is it no more

    monkeypatch.setattr(contacts, "locked", lambda one: Contact.objects.get(pk=one.pk))
    monkeypatch.setattr(contacts.access, "require_fields", ask_then_wait)

    def rename(actor):
        contacts.edit_contact(actor, contact=Contact.objects.get(pk=contact), name="改名")

    def give():
        meet()
        given = outcome(
            enterprise,
            admin,
            lambda actor: relations.change_owner(
                actor, contact=Contact.objects.get(pk=contact), owner=Member.objects.get(pk=colleagues[0])
            ),
        )
        meet()  # committed
        return given

    assert in_parallel([partial(outcome, enterprise, anna, rename), give]) == ["done", "done"]
    with tenant(enterprise.pk):
        found = Contact.objects.get()
        assert (found.owner_id, found.name) == (colleagues[0], "改名")


def test_a_collaborator_is_removed_while_writing(firm):
    enterprise, anna, contact, colleagues = firm
    bob = colleagues[0]
    with tenant(enterprise.pk):
        Grant.objects.create(contact_id=contact, member_id=bob, level="editor")

    def remark(actor):
        seen = Contact.objects.visible_to(actor).get(pk=contact)
        meet()
        contacts.edit_contact(actor, contact=seen, remark="x")

    def remove(actor):
        grants.remove(actor, contact=Contact.objects.get(pk=contact), member=Member.objects.get(pk=bob))
        meet()
        factories.wait_for_blocked()

    written, removed = in_parallel(
        [partial(outcome, enterprise, bob, remark), partial(outcome, enterprise, anna, remove)]
    )
    assert (written, removed) == ("not_found", "done")
    with tenant(enterprise.pk):
        assert Contact.objects.get().remark == ""


def test_no_grant_outlives_the_contact_deleted_for_good(firm):
    enterprise, anna, contact, colleagues = firm
    with tenant(enterprise.pk):
        Grant.objects.create(contact_id=contact, member_id=colleagues[1], level="editor")
    assert outcome(enterprise, anna, inviting(contact, colleagues[0])) == "done"
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        contacts.archive_contact(admin, contact=Contact.objects.get())
        run = bulk.start(admin, action="delete", ids=[contact], params={"count": 1})
    ended = execute_run(enterprise.pk, run.pk)
    assert ended is not None and (ended.state, ended.result["done"]) == ("done", 1)
    with tenant(enterprise.pk):
        assert not Contact.objects.exists() and not Grant.objects.exists() and not Invitation.objects.exists()


def test_o2_the_job_tells_and_clears_away_and_may_run_twice(firm):
    enterprise, anna, contact, colleagues = firm
    over, soon, later = colleagues[:3]
    with tenant(enterprise.pk), clock.at(factories.NOON):
        for member, days in ((over, 1), (soon, 4), (later, 9)):
            Grant.objects.create(
                contact_id=contact, member_id=member, level="editor", expires_at=factories.NOON + timedelta(days=days)
            )
    asked = outcome(enterprise, anna, inviting(contact, colleagues[3]))
    assert asked in ("done", "collaborator_limit")
    for hours in (0, 1):
        with clock.at(factories.NOON + timedelta(days=1, hours=1 + hours)):
            with tenant(enterprise.pk):
                run = jobs.enqueue(factories.super_admin(enterprise), name="collaboration.expire_grants")
            ended = execute_run(enterprise.pk, run.pk)
            assert ended is not None and ended.state == "done"
            assert ended.result["expired"] == (1 if hours == 0 else 0)
    with tenant(enterprise.pk):
        assert set(Grant.objects.values_list("member_id", flat=True)) == {soon, later}
        told = Counter(Notification.objects.filter(kind__startswith="collaboration.").values_list("kind", "member_id"))
        for news in (
            ("collaboration.expired", anna),
            ("collaboration.yours_expired", over),
            ("collaboration.ends_soon", anna),
            ("collaboration.ends_soon", soon),
        ):
            assert told[news] == 1, news
        left = Interaction.objects.get(contact_id=contact, kind="collaborator_left")
        assert left.at == factories.NOON + timedelta(days=1)


@pytest.mark.parametrize("first", ["resign", "accept"])
def test_resigned_while_accepting_leaves_no_grant(firm, first):
    """The membership ends while the invitation is being accepted: whoever is second waits, and nothing is left."""
    enterprise, anna, contact, colleagues = firm
    bob = colleagues[0]
    assert outcome(enterprise, anna, inviting(contact, bob)) == "done"
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise).member.pk

    def accept(actor):
        invitation = Invitation.objects.get()
        if first == "resign":
            meet()
        grants.accept(actor, invitation=invitation)
        if first == "accept":
            meet()
            factories.wait_for_blocked()

    def resign(actor):
        leaver = Member.objects.get(pk=bob)
        if first == "accept":
            meet()
        members.resign_member(actor, member=leaver)
        if first == "resign":
            meet()
            factories.wait_for_blocked()

    found = in_parallel([partial(outcome, enterprise, bob, accept), partial(outcome, enterprise, admin, resign)])
    assert found == (["invalid", "done"] if first == "resign" else ["done", "done"])
    with tenant(enterprise.pk):
        assert not Grant.objects.exists() and not Invitation.objects.exists()
