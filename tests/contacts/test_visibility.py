"""O4, O5: who sees which contact; `visible_to` and `viewers` are two sides of one rule."""

import orjson
import pytest

from contacts.models import Contact, Follow, Grant
from contacts.queries import document, group_members, viewers
from contacts.services import relations
from contacts.services.groups import Person, create_group, invite
from enterprises.models import Member
from enterprises.services import GRADED_ADMIN
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(team, enterprise):
    """Everybody with an opinion about one contact: owned by Anna (Shenzhen), followed by Bob (north)."""
    contact = factories.contact(team.actors.anna)
    relations.add_follow(team.actors.bob, contact=contact)
    ended = factories.member("Dora")
    left = factories.member("Emil")
    Follow.objects.create(contact=contact, member=ended, added_at=factories.NOON, state="deleted_by_contact")
    Follow.objects.create(contact=contact, member=left, added_at=factories.NOON, state="deleted_by_member")
    helper, former = factories.member("Fay"), factories.member("Gus")
    Grant.objects.create(contact=contact, member=helper, level="viewer")
    Grant.objects.create(contact=contact, member=former, level="editor", expires_at=factories.NOON)
    graded_helper = factories.member("G help", role=GRADED_ADMIN, ranges=[team.north])
    Grant.objects.create(contact=contact, member=graded_helper, level="editor")
    members = {
        "collaborator": helper,
        "collaborator whose time is over": former,
        "graded elsewhere with a grant": graded_helper,
        "super admin": team.admin.member,
        "graded above": team.graded,
        "graded at": factories.member("G at", role=GRADED_ADMIN, ranges=[team.shenzhen]),
        "graded elsewhere": factories.member("G north", role=GRADED_ADMIN, ranges=[team.north]),
        "graded without range": factories.member("G none", role=GRADED_ADMIN, department=team.shenzhen),
        "owner": team.anna,
        "follower": team.bob,
        "follower deleted by the contact": ended,
        "follower who deleted the contact": left,
        "colleague of the owner": team.carl,
    }
    return contact, {name: factories.actor(enterprise, member) for name, member in members.items()}


def test_o5_in_a_group_one_sees_the_people_whom_one_sees(people):
    """Who sees the group learns of others' contacts in it neither name nor id."""
    contact, actors = people
    owner, follower = actors["owner"], actors["follower"]
    chat = create_group(actors["super admin"], name="群")
    theirs = factories.contact(actors["super admin"], name="别人的")
    mine = factories.contact(owner, name="自己的")
    for one in (contact, mine, theirs):
        invite(actors["super admin"], group=chat, people=[Person(one.external_userid, one.name)])

    def inside(actor):
        return {row.contact for row in group_members(actor, chat)}

    assert inside(actors["super admin"]) == {contact, mine, theirs}
    assert inside(owner) == {contact, mine}
    assert inside(follower) == {contact}
    assert inside(actors["colleague of the owner"]) == set()


def test_o2_a_contact_names_the_collaborators_whose_time_is_not_over(people):
    contact, actors = people
    shown = orjson.loads(orjson.dumps(document(actors["owner"], contact)))["collaborators"]
    assert {one["member"]["name"] for one in shown} == {"Fay", "G help"}


SEES = {
    "collaborator": ["collaborator"],
    "collaborator whose time is over": None,
    "graded elsewhere with a grant": None,
    "super admin": ["everything"],
    "graded above": ["range"],
    "graded at": ["range"],
    "graded elsewhere": None,
    "graded without range": None,
    "owner": ["owner", "follower"],
    "follower": ["follower"],
    "follower deleted by the contact": ["follower"],
    "follower who deleted the contact": None,
    "colleague of the owner": None,
}


def test_o4_the_matrix(people):
    contact, actors = people
    seen = {name: Contact.objects.visible_to(actor).filter(pk=contact.pk).exists() for name, actor in actors.items()}
    assert seen == {name: rules is not None for name, rules in SEES.items()}


def test_o5_viewers_say_the_same_and_why(people):
    contact, actors = people
    found = {viewer.member.pk: [str(rule) for rule in viewer.rules] for viewer in viewers(contact)}
    assert found == {actors[name].member_id: rules for name, rules in SEES.items() if rules}
    through = {viewer.member.pk: viewer.departments for viewer in viewers(contact)}
    assert through[actors["graded above"].member_id] == ("华南",)
    assert through[actors["graded at"].member_id] == ("深圳",)


def test_o4_a_contact_without_owner_is_in_nobodys_range(people):
    contact, actors = people
    Contact.objects.update(owner=None)
    contact = Contact.objects.get(pk=contact.pk)
    expected = {
        "super admin",
        "follower",
        "owner",
        "follower deleted by the contact",
        "collaborator",
    }
    seen = {name for name, actor in actors.items() if Contact.objects.visible_to(actor).exists()}
    assert seen == expected  # Anna follows it still
    assert {viewer.member.pk for viewer in viewers(contact)} == {actors[name].member_id for name in expected}


def test_o5_who_may_not_see_contacts_at_all_or_is_gone_is_no_viewer(people):
    contact, actors = people
    Member.objects.filter(pk=actors["owner"].member_id).update(status="resigned")
    role = actors["graded at"].member.role
    role.permissions = [code for code in role.permissions if code != "contacts.view"]
    role.save()
    found = {viewer.member.pk for viewer in viewers(contact)}
    assert actors["owner"].member_id not in found and actors["graded at"].member_id not in found
    assert actors["super admin"].member_id in found


def test_o4_moving_a_department_moves_what_its_admins_see(team):
    contact = factories.contact(team.actors.anna)
    team.shenzhen.parent = team.north
    team.shenzhen.save()
    assert not Contact.objects.visible_to(team.actors.graded).filter(pk=contact.pk).exists()
