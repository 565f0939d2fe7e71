"""C1, O3, O8, Q12, Q14: two contacts become one, with their collaborators, hand-overs, duplicates and places."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collaboration.models import Duplicate, Invitation, TransferItem
from collaboration.queries import grants as queries
from collaboration.rules.grants import higher
from collaboration.services import duplicates, grants, transfers
from common.errors import Conflict, NotFound
from contacts.models import Contact, GroupChat, GroupMember
from contacts.rules import Level
from contacts.services import merges
from contacts.services.contacts import archive_contact
from contacts.services.relations import add_follow, change_owner, end_follow, lose_if_nobody_is_left
from enterprises.models import Member
from quota import services as quota
from tests import factories
from tests.quota.teams import assert_true, budget, served

pytestmark = pytest.mark.django_db
NOON = factories.NOON
DAY = timedelta(days=1)


@pytest.fixture
def pair(firm, scene):
    """Lea's and Nora's contact, one person; five colleagues beside."""
    with scene():
        people = [factories.member(f"同事{number}", department=firm.south) for number in range(5)]
        kept = factories.contact(factories.acting(firm.enterprise, firm.lea), name="王小明")
        gone = factories.contact(factories.acting(firm.enterprise, firm.nora), name="小明")
    return kept, gone, people


def join(firm, contact, member, level="viewer", until=None):
    """The owner invites, the member accepts."""
    owner = factories.acting(firm.enterprise, contact.owner)
    offer = grants.invite(owner, contact=contact, member=member, level=level, expires_at=until)
    return grants.accept(factories.acting(firm.enterprise, member), invitation=offer)


def ask(firm, contact, member):
    return grants.invite(
        factories.acting(firm.enterprise, contact.owner), contact=contact, member=member, level="editor"
    )


def at(contact) -> dict:
    """Who is there, and how."""
    contact = Contact.objects.get(pk=contact.pk)
    return {
        one.member.name: (one.level, one.expires_at, one.invited) for one in queries.collaborators(contact)
    }  # fmt: skip


def rows(model) -> set:
    return set(model.objects.values_list("pk", "contact_id"))


def test_o3_collaborators_go_over_the_higher_level_wins_and_all_of_it_comes_back(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        join(firm, kept, people[0], "viewer")
        join(firm, kept, people[1], "editor", NOON + 9 * DAY)
        join(firm, gone, people[0], "editor", NOON + DAY)
        join(firm, gone, people[1], "viewer")
        join(firm, gone, people[2], "viewer", NOON + 2 * DAY)
        before = at(kept), at(gone)
        seen = merges.preview(admin, contact=kept, gone=gone)
        assert (seen.moves["contacts_grant"], seen.stays["contacts_grant"]) == (1, 2)
        made = merges.merge(admin, contact=kept, gone=gone)
        assert at(kept) == {
            "同事0": ("editor", NOON + DAY, False),
            "同事1": ("editor", NOON + 9 * DAY, False),
            "同事2": ("viewer", NOON + 2 * DAY, False),
        }
        merges.undo(admin, merge=made)
        assert (at(kept), at(gone)) == before


def test_o3_the_limit_is_not_passed_editors_come_first_and_invitations_last(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        join(firm, kept, people[0])
        join(firm, gone, people[1], "viewer")
        join(firm, gone, people[2], "editor")
        waiting = ask(firm, gone, people[3])
        made = merges.merge(admin, contact=kept, gone=gone)
        assert set(at(kept)) == {"同事0", "同事2", "同事1"}
        # Who found no room cannot accept meanwhile: the contact of the invitation is not there.
        invited = factories.acting(firm.enterprise, people[3])
        assert not queries.invitations(invited).exists()
        with pytest.raises(NotFound):
            grants.accept(invited, invitation=waiting)
        merges.undo(admin, merge=made)
        assert at(gone) == {
            "同事1": ("viewer", None, False),
            "同事2": ("editor", None, False),
            "同事3": ("editor", None, True),
        }
    with scene(people[3]) as invited:
        assert grants.accept(invited, invitation=waiting).contact_id == gone.pk


def test_o3_an_invitation_goes_over_where_there_is_room_and_can_be_accepted(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        ask(firm, kept, people[0])
        join(firm, gone, people[0], "viewer")  # invited here, a collaborator there
        ask(firm, gone, people[1])
        merges.merge(admin, contact=kept, gone=gone)
        assert at(kept)["同事1"] == ("editor", None, True)
        for member in people[:2]:
            invitation = Invitation.objects.get(member=member, contact=kept)
            grants.accept(factories.acting(firm.enterprise, member), invitation=invitation)
        assert at(kept) == {"同事0": ("editor", None, False), "同事1": ("editor", None, False)}


def test_o3_who_owns_it_needs_no_grant_and_what_was_over_makes_way(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        join(firm, gone, firm.lea, "editor")  # owns the other one
        join(firm, kept, people[0], "viewer", NOON + DAY)
        join(firm, gone, people[0], "viewer", NOON + 9 * DAY)
    with scene(at=NOON + 2 * DAY) as admin:
        made = merges.merge(admin, contact=kept, gone=gone)
        assert at(kept) == {"同事0": ("viewer", NOON + 9 * DAY, False)}
        merges.undo(admin, merge=made)
        assert (at(kept), set(at(gone))) == ({}, {"Lea", "同事0"})


def test_c5_undoing_leaves_terms_that_somebody_changed_since(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        join(firm, kept, people[0], "viewer")
        join(firm, gone, people[0], "editor", NOON + DAY)
        made = merges.merge(admin, contact=kept, gone=gone)
        kept.refresh_from_db()
        grants.change(admin, contact=kept, member=people[0], changes={"expires_at": NOON + 5 * DAY})
        merges.undo(admin, merge=made)
        assert at(kept) == {"同事0": ("editor", NOON + 5 * DAY, False)}
        assert at(gone) == {"同事0": ("editor", NOON + DAY, False)}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ((Level.EDITOR, NOON), (Level.VIEWER, None), True),
        ((Level.VIEWER, None), (Level.EDITOR, NOON), False),
        ((Level.VIEWER, None), (Level.VIEWER, NOON), True),
        ((Level.VIEWER, NOON + DAY), (Level.VIEWER, NOON), True),
        ((Level.VIEWER, NOON), (Level.VIEWER, NOON), False),
        ((Level.VIEWER, NOON), (Level.VIEWER, None), False),
        ((Level.VIEWER, None), (Level.VIEWER, None), False),
    ],
)
def test_o3_which_terms_give_more(one, other, found):
    assert higher(one, other) is found


def test_o7_o8_what_is_on_its_way_goes_over_and_takes_effect_there(firm, scene, work, pair):
    kept, gone, _people = pair
    to_ann = {"parts": [{"takers": [str(firm.ann.pk)]}]}
    with scene() as admin:
        transfer = transfers.order(admin, member=firm.nora, plan=to_ann)
    work()
    with scene() as admin:
        merges.merge(admin, contact=kept, gone=gone)
        assert TransferItem.objects.get().contact_id == kept.pk
    with scene(at=NOON + DAY) as admin:
        assert transfers.settle_due(admin) == 1
        transfer.refresh_from_db()
        assert transfer.contacts == {"done": 1}
        # Nora's friendship went to Ann; the contact that stayed was and is Lea's.
        friends = kept.follows.filter(state="active").values_list("member__name", flat=True)
        assert set(friends) == {"Lea", "Ann"}
        assert Contact.objects.get(pk=kept.pk).owner_id == firm.lea.pk


def test_o8_of_two_on_their_way_one_goes_on_and_the_other_comes_back_with_the_undo(firm, scene, work, pair):
    """A contact of a member is in one open hand-over at most; what the merge left behind never takes effect there."""
    kept, gone, _people = pair
    to_ann = {"parts": [{"takers": [str(firm.ann.pk)]}]}
    with scene() as admin:
        change_owner(admin, contact=gone, owner=firm.lea)
        end_follow(admin, contact=gone, member=firm.nora, by="member")
        Contact.objects.filter(pk=gone.pk).update(status="active", lost_at=None)
        transfers.order(admin, member=firm.lea, plan=to_ann)
        before = rows(TransferItem)
        made = merges.merge(admin, contact=kept, gone=gone)
        assert rows(TransferItem) == before
    work()
    with scene(at=NOON + DAY) as admin:
        transfers.settle_due(admin)
        states = dict(TransferItem.objects.values_list("contact_id", "state"))
        assert states == {kept.pk: "done", gone.pk: "failed"}
        assert TransferItem.objects.get(contact=gone).reason == "not_found"
        gone.refresh_from_db()
        assert gone.owner_id == firm.lea.pk
        merges.undo(admin, merge=made)
        assert rows(TransferItem) == before


def test_o7_a_merge_during_the_day_of_waiting_stops_what_stayed_behind(firm, scene, work, pair):
    kept, gone, _people = pair
    with scene() as admin:
        change_owner(admin, contact=gone, owner=firm.lea)
        add_follow(admin, contact=gone, member=firm.lea)
        transfers.order(admin, member=firm.lea, plan={"parts": [{"takers": [str(firm.ann.pk)]}]})
    work()
    with scene() as admin:
        merges.merge(admin, contact=kept, gone=gone)
    with scene(at=NOON + DAY) as admin:
        assert transfers.settle_due(admin) == 2
        found = Counter(TransferItem.objects.values_list("state", "reason"))
        assert found == {("done", ""): 1, ("failed", "not_found"): 1}


def test_o9_the_radar_keeps_one_entry(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        add_follow(admin, contact=gone, member=people[0])
        duplicates.radar()
        [found] = Duplicate.objects.all()
        assert found.contact_id == gone.pk
        made = merges.merge(admin, contact=kept, gone=gone)
        assert rows(Duplicate) == {(found.pk, kept.pk)}
        duplicates.radar()
        assert Duplicate.objects.get().followers == 3
        merges.undo(admin, merge=made)
        assert rows(Duplicate) == {(found.pk, gone.pk)}


# --- Places of teams (Q12, Q14) -------------------------------------------------------------------------------


STATES = ("active", "archived", "lost")


@pytest.mark.parametrize("gone_as", STATES)
@pytest.mark.parametrize("kept_as", STATES)
@pytest.mark.parametrize("owned", [True, False])
def test_q12_q14_the_place_is_where_the_owner_is(firm, scene, pair, owned, kept_as, gone_as):
    """Who was in group chats only has no owner; a merge gives them one, and its undo takes it away again."""
    kept, gone, _people = pair
    with scene() as admin:
        budget(admin, firm.south, 5)
        budget(admin, firm.north, 1)
        if not owned:
            unowned(admin, kept)
        for contact, state in ((kept, kept_as), (gone, gone_as)):
            become(admin, contact, state)
        assert_true()
        before = served(), everybody()
        made = merges.merge(admin, contact=kept, gone=gone)
        assert_true()
        one = int("active" in (kept_as, gone_as))
        assert served() == ({"华南": one, "华北": 0} if owned else {"华南": 0, "华北": one})
        merges.undo(admin, merge=made)
        assert_true()
        assert (served(), everybody()) == before


def unowned(admin, contact) -> None:
    """Somebody of a group chat whom nobody has as a friend."""
    group = GroupChat.objects.create(chat_id="wr-1", name="群", owner=admin.member)
    GroupMember.objects.create(group=group, contact=contact, joined_at=NOON)
    end_follow(admin, contact=contact, member=Member.objects.get(name="Lea"), by="member")
    Contact.objects.filter(pk=contact.pk).update(owner=None)
    quota.move(lambda: {Member.objects.get(name="Lea").pk: -1, None: 1})


def become(admin, contact, state) -> None:
    contact.refresh_from_db()
    if state == "archived":
        archive_contact(admin, contact=contact)
    elif state == "lost":
        contact.group_memberships.update(left_at=NOON)
        contact.follows.update(state="deleted_by_contact", ended_at=NOON)
        lose_if_nobody_is_left(admin, contact=contact, at=NOON)


def everybody() -> dict:
    return {one.pk: (one.status, one.owner_id) for one in Contact.objects.all()}


@pytest.mark.parametrize("number", [1, 3])
def test_merging_takes_a_constant_number_of_queries_with_collaborators(firm, scene, pair, number):
    kept, gone, people = pair
    with scene() as admin:
        for member in people[:number]:
            join(firm, gone, member)
        with CaptureQueriesContext(connection) as queries:
            merges.merge(admin, contact=kept, gone=gone)
        assert len(at(kept)) == number and len(queries) == 44


def test_o3_a_merge_taken_back_twice_moves_nothing_a_second_time(firm, scene, pair):
    kept, gone, people = pair
    with scene() as admin:
        join(firm, gone, people[0])
        made = merges.merge(admin, contact=kept, gone=gone)
        merges.undo(admin, merge=made)
        before = at(kept), at(gone)
        with pytest.raises(Conflict):
            merges.undo(admin, merge=made)
        assert (at(kept), at(gone)) == before
