"""The duplicate radar (O9): who follows the same contact, whose it is, and taking that back."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaboration.models import Duplicate
from collaboration.queries import duplicates as queries
from collaboration.rules.duplicates import Follower, suggested
from collaboration.services import duplicates
from common.errors import Conflict, Forbidden, Invalid
from contacts.models import Contact, Follow
from contacts.services.contacts import archive_contact, edit_contact
from contacts.services.history import record_interaction
from contacts.services.relations import add_follow
from enterprises.models import AuditEntry
from enterprises.policy import Policy
from enterprises.services.members import resign_member
from jobs import services as jobs
from jobs.models import JobRun, Notification
from quota.models import Account, LedgerEntry
from tests import factories
from tests.contacts.entries import stale

pytestmark = pytest.mark.django_db
NOON = factories.NOON
DAY = timedelta(days=1)


@pytest.fixture
def shared(firm, scene):
    """Lea's three contacts; Ann follows all of them since, Nora one; Ann wrote to the first lately."""
    with scene(firm.lea, at=NOON - 200 * DAY) as lea:
        contacts = [factories.contact(lea, name=f"客户{number}") for number in range(3)]
    for days, member, some in ((150, firm.ann, contacts), (100, firm.nora, contacts[:1])):
        with scene(at=NOON - days * DAY) as admin:
            for contact in some:
                add_follow(admin, contact=contact, member=member, remark=member.userid)
    with scene(firm.ann, at=NOON - 3 * DAY) as ann:
        record_interaction(ann, contact=contacts[0], kind="message_out")
    return contacts


def look(scene, at=NOON):
    with scene(at=at):
        return duplicates.radar()


def row(contact) -> Duplicate:
    return Duplicate.objects.select_related("contact").get(contact=contact)


def test_o9_finds_who_came_first_who_was_in_touch_last_and_suggests(firm, scene, shared):
    assert look(scene) == duplicates.Found(found=3, gone=0)
    assert look(scene) == duplicates.Found(found=0, gone=0)
    with scene() as admin:
        first, second = row(shared[0]), row(shared[1])
        assert (first.followers, first.first_id, first.last_id, first.suggested_id) == (
            3,
            firm.lea.pk,
            firm.ann.pk,
            firm.ann.pk,
        )
        assert (second.followers, second.last_id, second.suggested_id) == (2, None, firm.lea.pk)
        assert [one.name for one in queries.followers([first])[shared[0].pk]] == ["Lea", "Ann", "Nora"]
        assert queries.duplicates(admin).order_by("-joined_at")[0].contact_id == shared[0].pk


def test_o9_only_active_members_and_served_contacts_count(firm, scene, shared):
    look(scene)
    with scene() as admin:
        archive_contact(admin, contact=shared[1])
        resign_member(admin, member=firm.ann)
    assert look(scene) == duplicates.Found(found=0, gone=2)
    with scene():
        assert [one.contact_id for one in Duplicate.objects.all()] == [shared[0].pk]
        assert row(shared[0]).followers == 2


def test_o9_settling_keeps_the_others_or_ends_them_and_takes_no_place(firm, scene, shared):
    look(scene)
    with scene() as admin:
        served, entries = Account.objects.get().served, LedgerEntry.objects.count()
        duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.ann)
        duplicates.settle(admin, duplicate=row(shared[1]), owner=firm.ann, others="end")
        assert [Contact.objects.get(pk=one.pk).owner_id for one in shared] == [firm.ann.pk] * 2 + [firm.lea.pk]
        friends = [set(Follow.objects.filter(contact=one, state="active").values_list("member__name", flat=True))
                   for one in shared]  # fmt: skip
        assert friends == [{"Lea", "Ann", "Nora"}, {"Ann"}, {"Lea", "Ann"}]
        assert Notification.objects.get(kind="duplicates.ended").member_id == firm.lea.pk
        assert (Account.objects.get().served, LedgerEntry.objects.count()) == (served, entries)
        assert AuditEntry.objects.filter(action="duplicate.settled").count() == 2
        assert [one.contact_id for one in queries.duplicates(admin)] == [shared[2].pk]
        assert queries.duplicates(admin, {"state": "settled"}).count() == 2
    # The radar leaves what is settled alone, until somebody else joins.
    assert look(scene) == duplicates.Found(found=0, gone=0)
    with scene() as admin:
        assert row(shared[0]).state == "settled"
    with scene(at=NOON + DAY) as admin:
        add_follow(admin, contact=shared[0], member=firm.bob)
    look(scene, at=NOON + DAY)
    with scene():
        assert row(shared[0]).state == "open" and row(shared[1]).state == "settled"


def test_o9_undo_brings_back_owner_and_relations(firm, scene, shared):
    look(scene)
    with scene() as admin:
        duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.nora, others="end")
        duplicates.reopen(admin, duplicate=row(shared[0]))
        assert Contact.objects.get(pk=shared[0].pk).owner_id == firm.lea.pk
        assert Follow.objects.filter(contact=shared[0], state="active").count() == 3
        assert row(shared[0]).state == "open"
        duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.nora)
        Contact.objects.filter(pk=shared[0].pk).update(owner=firm.bob)
        with pytest.raises(Conflict) as refused:
            duplicates.reopen(admin, duplicate=row(shared[0]))
        assert refused.value.code == "changed_since" and row(shared[0]).state == "settled"


def test_o9_refusals_change_nothing(firm, scene, shared):
    look(scene)
    with scene() as admin:
        with pytest.raises(Invalid):
            duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.bob)
        with pytest.raises(Invalid):
            duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.ann, others="x")
        duplicates.settle(admin, duplicate=row(shared[1]), owner=firm.ann)
        with pytest.raises(Conflict) as refused:
            duplicates.settle(admin, duplicate=row(shared[1]), owner=firm.lea)
        assert refused.value.code == "already_settled"
        assert Contact.objects.get(pk=shared[0].pk).owner_id == firm.lea.pk
    with scene(firm.graded) as graded:
        with pytest.raises(Forbidden):
            duplicates.settle(graded, duplicate=row(shared[0]), owner=firm.nora)
    with scene(firm.ann) as ann:
        with pytest.raises(Forbidden):
            duplicates.settle(ann, duplicate=row(shared[0]), owner=firm.ann)


@pytest.mark.parametrize(("by", "owner"), [("suggested", "ann"), ("first", "lea"), ("last", "ann")])
def test_o9_all_by_a_rule_and_back_as_one_batch(firm, scene, shared, work, by, owner):
    look(scene)
    with scene() as admin:
        duplicates.settle_all(admin, by=by, others="end")
    [run] = work()
    assert (run.state, run.result) == ("done", {"done": 3})
    with scene() as admin:
        assert stale() == 0
        assert Contact.objects.get(pk=shared[0].pk).owner_id == getattr(firm, owner).pk
        assert Contact.objects.get(pk=shared[1].pk).owner_id == firm.lea.pk
        assert Follow.objects.filter(state="active").count() == 3
        jobs.undo(admin, run=JobRun.objects.get(pk=run.pk))
    [undone] = work()
    assert (undone.state, undone.result) == ("done", {"done": 3})
    with scene():
        assert Follow.objects.filter(state="active").count() == 7
        assert {one.owner_id for one in Contact.objects.all()} == {firm.lea.pk}
        assert stale() == 0
        assert set(Duplicate.objects.values_list("state", flat=True)) == {"open"}


def test_o4_graded_admins_settle_within_their_departments(firm, scene, shared, work):
    with scene(firm.nora) as nora:
        theirs = factories.contact(nora)
    with scene() as admin:
        add_follow(admin, contact=theirs, member=firm.ann)
    look(scene)
    with scene(firm.graded) as graded:
        assert queries.duplicates(graded).count() == 3
        duplicates.settle_all(graded, by="first")
    [run] = work()
    assert run.result == {"done": 3}
    with scene():
        assert row(theirs).state == "open"


MOMENTS = st.integers(0, 400).map(lambda days: NOON - timedelta(days=days))


@given(st.lists(st.tuples(MOMENTS, st.none() | MOMENTS), min_size=1, max_size=5), st.integers(-1, 4))
def test_o9_the_suggestion_follows_the_contact(given_, owner):
    followers = [Follower(UUID(int=number + 1), *one) for number, one in enumerate(given_)]
    owning = followers[owner].member if 0 <= owner < len(followers) else None
    found = suggested(followers, owning, NOON, Policy())
    fresh = [one for one in followers if one.last_at and one.last_at >= NOON - timedelta(days=90)]
    chosen = next(one for one in followers if one.member == found)
    if fresh:
        assert chosen.last_at == max(one.last_at for one in fresh)
    elif owning:
        assert found == owning
    else:
        assert chosen.since == min(one.since for one in followers)


def test_o9_the_rows_suggest_what_the_rule_suggests(firm, scene, shared):
    look(scene)
    with scene():
        for one in Duplicate.objects.select_related("contact"):
            followers = [
                Follower(each.id, each.added_at, each.last_at) for each in queries.followers([one])[one.contact_id]
            ]
            assert one.suggested_id == suggested(followers, one.contact.owner_id, NOON, Policy())


def test_o9_c11_who_is_made_the_owner_names_the_contact_and_taking_it_back_brings_its_name_back(firm, scene, shared):
    """Ann's word is heard; what Lea, who had none, called them is back afterwards: nothing."""
    look(scene)
    with scene() as admin:
        duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.ann)
        assert (Contact.objects.get(pk=shared[0].pk).remark, stale()) == (firm.ann.userid, 0)
        duplicates.reopen(admin, duplicate=row(shared[0]))
        assert (Contact.objects.get(pk=shared[0].pk).remark, stale()) == ("", 0)
        # What was written since stays.
        duplicates.settle(admin, duplicate=row(shared[0]), owner=firm.ann)
        edit_contact(admin, contact=shared[0], remark="甲方")
        duplicates.reopen(admin, duplicate=row(shared[0]))
        assert (Contact.objects.get(pk=shared[0].pk).remark, stale()) == ("甲方", 0)
