"""Owners, follows and their ends; groups; tags (C1-C4, C13, O4, Q1, Q8, Q11)."""

import pytest

from common.errors import Conflict, Forbidden, Invalid, Stale
from contacts import queries
from contacts.models import Contact, Follow, FollowTag, GroupMember, Interaction, Tag
from contacts.rules import Kind
from contacts.services import contacts, groups, relations, tags
from contacts.services.groups import Person
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Member
from quota.models import Account, LedgerEntry
from quota.services import verify_counts
from tests import factories
from tests.contacts.conftest import grant
from tests.contacts.unchanged import refused, state

pytestmark = pytest.mark.django_db


def served():
    assert verify_counts()["ok"]
    return Account.objects.get().served


def last_kind(contact):
    return Interaction.objects.filter(contact=contact).order_by("-id").first().kind


# --- Owner ------------------------------------------------------------------------------------------------


def test_change_of_owner_takes_no_place_and_needs_no_friendship(team):
    contact = factories.contact(team.actors.anna)
    changed = relations.change_owner(team.admin, contact=contact, owner=team.bob)
    assert changed.owner == team.bob and changed.version == 2 and served() == 1
    assert not Follow.objects.filter(member=team.bob).exists()
    assert last_kind(contact) == Kind.OWNER_CHANGED
    entry = AuditEntry.objects.get(action="contact.owner_changed")
    assert (entry.before, entry.after) == ({"owner": "Anna"}, {"owner": "Bob"})
    before = state()
    relations.change_owner(team.admin, contact=contact, owner=team.bob)
    assert state() == before


def test_o4_owner_must_be_active_and_in_a_graded_admins_range(team):
    contact = factories.contact(team.actors.anna)
    relations.change_owner(team.actors.graded, contact=contact, owner=team.carl)
    with refused("out_of_range", Forbidden):
        relations.change_owner(team.actors.graded, contact=contact, owner=team.bob)
    with refused("forbidden", Forbidden):
        relations.change_owner(team.actors.anna, contact=contact, owner=team.anna)
    Member.objects.filter(pk=team.bob.pk).update(status="disabled")
    team.bob.refresh_from_db()
    with refused("invalid", Invalid):
        relations.change_owner(team.admin, contact=contact, owner=team.bob)


# --- The end of follows -----------------------------------------------------------------------------------


def test_c2_c4_the_last_follow_takes_the_contact_with_it(team):
    contact = factories.contact(team.actors.anna)
    relations.add_follow(team.actors.bob, contact=contact)
    relations.end_follow(team.actors.anna, contact=contact, member=team.anna, by="contact")
    contact.refresh_from_db()
    assert contact.status == "active" and served() == 1
    follow = Follow.objects.get(member=team.anna)
    assert (follow.state, follow.ended_at) == ("deleted_by_contact", factories.NOON)
    relations.end_follow(team.admin, contact=contact, member=team.bob, by="member")
    contact.refresh_from_db()
    assert (contact.status, contact.lost_at) == ("lost", factories.NOON) and served() == 0
    assert last_kind(contact) == Kind.LOST
    assert LedgerEntry.objects.order_by("-id").first().reason == "lost"
    with refused("not_following", Conflict):
        relations.end_follow(team.admin, contact=contact, member=team.bob, by="member")


def test_an_archived_contact_that_leaves_gives_no_second_place_back(team):
    contact = factories.contact(team.actors.anna)
    contacts.archive_contact(team.admin, contact=contact)
    relations.end_follow(team.actors.anna, contact=contact, member=team.anna, by="contact")
    contact.refresh_from_db()
    assert contact.status == "lost" and served() == 0 and LedgerEntry.objects.count() == 2


def test_somebody_still_in_a_group_is_not_lost(team):
    contact = factories.contact(team.actors.anna)
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    groups.invite(team.admin, group=group, people=[Person(contact.external_userid)])
    relations.end_follow(team.actors.anna, contact=contact, member=team.anna, by="contact")
    contact.refresh_from_db()
    assert contact.status == "active" and served() == 1
    groups.leave(team.admin, group=group, contacts=[contact])
    contact.refresh_from_db()
    assert contact.status == "lost" and served() == 0


def test_members_end_only_their_own_relations(team):
    contact = factories.contact(team.actors.anna)
    relations.add_follow(team.actors.bob, contact=contact)
    with refused("forbidden", Forbidden):
        relations.end_follow(team.actors.anna, contact=contact, member=team.bob, by="contact")
    with refused("forbidden", Forbidden):
        relations.add_follow(team.actors.anna, contact=contact, member=team.carl)
    with refused("invalid", Invalid):
        relations.end_follow(team.actors.anna, contact=contact, member=team.anna, by="god")


# --- Groups -----------------------------------------------------------------------------------------------


def test_q1_people_only_in_a_group_are_served_once(team):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    friend = factories.contact(team.actors.bob)
    people = [Person("wmX", "新人"), Person(friend.external_userid, "别名"), Person("wmX", "新人")]
    assert groups.invite(team.admin, group=group, people=people) == 2
    assert served() == 2
    new = Contact.objects.get(external_userid="wmX")
    assert (new.owner, new.follows.count(), last_kind(new)) == (team.anna, 0, Kind.JOINED_GROUP)
    assert LedgerEntry.objects.get(contact_id=new.pk).reason == "joined_group"
    friend.refresh_from_db()
    assert friend.name != "别名"
    second = groups.create_group(team.admin, name="群2", owner=team.bob)
    assert groups.invite(team.admin, group=second, people=[Person("wmX")]) == 1
    assert groups.invite(team.admin, group=second, people=[Person("wmX")]) == 0
    assert served() == 2


def test_q8_q10_an_invitation_needs_places_for_all_or_none(team, full):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    friend = factories.contact(team.actors.bob)
    full(2)
    with refused("quota_exceeded"):
        groups.invite(team.admin, group=group, people=[Person("wmX", "x"), Person("wmY", "y")])
    groups.invite(team.admin, group=group, people=[Person("wmX", "x")])
    with refused("quota_exceeded"):  # at capacity nobody is invited, not even a friend
        groups.invite(team.admin, group=group, people=[Person(friend.external_userid)])
    assert served() == 2


def test_q11_reported_people_are_recorded_whatever_the_scale_says(team, full):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    archived = factories.contact(team.actors.bob)
    contacts.archive_contact(team.admin, contact=archived)
    full(1)
    system = Actor.system(team.admin.enterprise)
    people = [Person("wmX", "x"), Person("wmY", "y"), Person(archived.external_userid)]
    assert groups.report_joined(system, group=group, people=people) == 3
    assert served() == 2
    archived.refresh_from_db()
    assert archived.status == "archived"


def test_q8_groups_are_not_managed_while_over(team, full):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    factories.contact(team.actors.bob)
    factories.contact(team.actors.bob)
    full(1)
    for call in (
        lambda: groups.create_group(team.admin, name="x"),
        lambda: groups.edit_group(team.admin, group=group, name="x"),
        lambda: groups.dismiss_group(team.admin, group=group),
    ):
        with refused("restricted", Forbidden):
            call()


def test_who_leaves_the_last_group_is_lost_and_may_join_again(team):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    groups.invite(team.admin, group=group, people=[Person("wmX", "x")])
    contact = Contact.objects.get(external_userid="wmX")
    assert groups.leave(team.admin, group=group, contacts=[contact]) == 1
    assert groups.leave(team.admin, group=group, contacts=[contact]) == 0
    contact.refresh_from_db()
    assert contact.status == "lost" and served() == 0
    groups.invite(team.admin, group=group, people=[Person("wmX")])
    contact.refresh_from_db()
    assert contact.status == "active" and served() == 1 and GroupMember.objects.count() == 1
    groups.dismiss_group(team.admin, group=group)
    contact.refresh_from_db()
    assert contact.status == "lost" and served() == 0
    with refused("group_dismissed", Conflict):
        groups.invite(team.admin, group=group, people=[Person("wmX")])


def test_group_refusals(team):
    group = groups.create_group(team.admin, name="群", owner=team.anna, chat_id="wr1")
    with refused("chat_id_taken", Conflict):
        groups.create_group(team.admin, name="x", chat_id="wr1")
    with refused("forbidden", Forbidden):
        groups.create_group(team.actors.anna, name="x")
    with refused("out_of_range", Forbidden):
        groups.create_group(team.actors.graded, name="x", owner=team.bob)
    with refused("invalid", Invalid):
        groups.invite(team.admin, group=group, people=[Person("wmNew")])
    with refused("invalid", Invalid):
        groups.invite(team.admin, group=group, people=[])
    with refused("precondition_failed", Stale):
        groups.edit_group(team.admin, group=group, name="y", version=9)
    archived = factories.contact(team.actors.anna)
    contacts.archive_contact(team.admin, contact=archived)
    with refused("contact_archived", Conflict):
        groups.invite(team.admin, group=group, people=[Person(archived.external_userid)])
    edited = groups.edit_group(team.admin, group=group, name="新名", owner=team.bob, version=1)
    assert (edited.name, edited.owner, edited.version) == ("新名", team.bob, 2)


def test_o4_o5_groups_are_seen_by_owner_and_range_and_their_people_as_far_as_they_are_seen(team):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    theirs = factories.contact(team.actors.anna)
    other = factories.contact(team.actors.bob)
    people = [Person(theirs.external_userid), Person(other.external_userid), Person("wmX", "x")]
    groups.invite(team.admin, group=group, people=people)
    seen = {
        name: [g.size for g in queries.groups(actor)]
        for name, actor in {"admin": team.admin, **vars(team.actors)}.items()
    }
    assert seen == {"admin": [3], "anna": [3], "graded": [3], "bob": [], "carl": []}
    inside = queries.group_members(team.actors.anna, group)
    assert {row.contact.external_userid for row in inside} == {theirs.external_userid, "wmX"}
    assert queries.group_members(team.admin, group).count() == 3


# --- Tags -------------------------------------------------------------------------------------------------


@pytest.fixture
def tagged(team):
    group = tags.create_tag_group(team.admin, name="意向", tags=["高", "低"])
    return {tag.name: tag for tag in Tag.objects.filter(group=group)}


def worn(contact):
    return sorted(
        FollowTag.objects.filter(contact=contact).values_list("follow__member__name", "tag__name"),
    )


def test_c13_a_tag_belongs_to_the_callers_follow(team, tagged):
    contact = factories.contact(team.actors.anna)
    relations.add_follow(team.actors.bob, contact=contact)
    tags.tag_contact(team.actors.bob, contact=contact, add=[tagged["高"]])
    tags.tag_contact(team.actors.anna, contact=contact, add=[tagged["高"], tagged["低"]])
    assert worn(contact) == [("Anna", "低"), ("Anna", "高"), ("Bob", "高")]
    tags.tag_contact(team.actors.bob, contact=contact, remove=[tagged["高"], tagged["低"]])
    assert worn(contact) == [("Anna", "低"), ("Anna", "高")]
    tags.tag_contact(team.admin, contact=contact, add=[tagged["高"]], remove=[tagged["低"]])
    assert worn(contact) == [("Anna", "高")]
    entry = AuditEntry.objects.filter(action="contact.tagged").order_by("id").last()
    assert (entry.before, entry.after) == ({"tags": ["低", "高"]}, {"tags": ["高"]})
    before = state()
    tags.tag_contact(team.admin, contact=contact, add=[tagged["高"]])
    assert state() == before


def test_c13_without_a_relation_there_is_nothing_to_tag(team, tagged):
    group = groups.create_group(team.admin, name="群", owner=team.anna)
    groups.invite(team.admin, group=group, people=[Person("wmX", "x")])
    contact = Contact.objects.get(external_userid="wmX")
    with refused("no_follow", Conflict):
        tags.tag_contact(team.admin, contact=contact, add=[tagged["高"]])


def test_tags_and_groups_are_made_renamed_and_deleted(team, tagged):
    contact = factories.contact(team.actors.anna)
    tags.tag_contact(team.actors.anna, contact=contact, add=list(tagged.values()))
    group = tagged["高"].group
    with refused("name_taken", Conflict):
        tags.create_tag_group(team.admin, name="意向")
    with refused("name_taken", Conflict):
        tags.create_tag(team.admin, group=group, name="高")
    with refused("name_taken", Conflict):
        tags.edit(team.admin, row=Tag.objects.get(name="低"), name="高")
    with refused("invalid", Invalid):
        tags.create_tag(team.admin, group=group, name=" ")
    with refused("forbidden", Forbidden):
        tags.create_tag(team.actors.anna, group=group, name="x")
    tags.edit(team.admin, row=tagged["低"], name="中", position=3)
    assert tags.delete(team.admin, row=tagged["高"]) == 1
    assert worn(contact) == [("Anna", "中")]
    assert tags.delete(team.admin, row=group) == 1
    assert Tag.objects.count() == FollowTag.objects.count() == 0
    entry = AuditEntry.objects.get(action="tag_group.deleted")
    assert entry.before == {"name": "意向", "tags": ["中"], "contacts": 1}
    assert grant(team.actors.anna, "tags.manage").may("tags.manage")
