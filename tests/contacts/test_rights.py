"""O1, O2: the table of rights, asked of every service, of bulk work and of imports, for every level."""

from datetime import timedelta

import pytest
from django.db import transaction

from common.errors import Forbidden, NotFound
from common.sql import row
from contacts import access
from contacts.models import Contact, Follow, Grant, Tag
from contacts.rules import RIGHT_OF, Level, Right
from contacts.services import bulk, contacts, history, relations, tags
from contacts.services.bulk.actions import ACTIONS
from enterprises import permissions
from enterprises.models import Role
from tests import factories
from tests.contacts.unchanged import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(team):
    """A role of staff with every code, so that only the level decides."""
    return Role.objects.create(name="all codes", scope=Role.Scope.RELATED, permissions=list(permissions.ALL))


@pytest.fixture
def contact(team):
    """Anna's contact, with a tag on her follow."""
    made = factories.contact(team.actors.anna)
    tags.create_tag_group(team.admin, name="意向", tags=["高", "低"])
    tags.tag_contact(team.actors.anna, contact=made, add=[Tag.objects.get(name="低")])
    made.refresh_from_db()
    return made


def related(enterprise, team, role, contact, level):
    """Somebody who is just this to the contact."""
    if level is Level.ADMIN:
        return team.admin
    if level is Level.OWNER:
        team.anna.role = role
        team.anna.save(update_fields=["role"])
        return factories.actor(enterprise, team.anna)
    member = factories.member(role=role, department=team.north)
    match level:
        case Level.FOLLOWER:
            Follow.objects.create(contact=contact, member=member, added_at=factories.NOON)
        case Level.VIEWER | Level.EDITOR:
            Grant.objects.create(contact=contact, member=member, level=level.value)
    return factories.actor(enterprise, member)


LEVELS = list(Level)

ACTS = {
    Right.FOLLOW_UP: lambda actor, contact, team: history.record_interaction(actor, contact=contact, kind="call"),
    Right.REMARK: lambda actor, contact, team: contacts.edit_contact(actor, contact=contact, remark="x"),
    Right.PURCHASE: lambda actor, contact, team: history.record_purchase(
        actor, contact=contact, order_no="1", amount=1
    ),
    Right.TAG: lambda actor, contact, team: tags.tag_contact(
        actor, contact=contact, add=[Tag.objects.get(name="高")]
    ),
    Right.DETAILS: lambda actor, contact, team: contacts.edit_contact(actor, contact=contact, name="x"),
    Right.GRADE: lambda actor, contact, team: contacts.set_grade(actor, contact=contact, grade="high"),
    Right.ASSIGN: lambda actor, contact, team: relations.change_owner(actor, contact=contact, owner=team.carl),
    Right.ARCHIVE: lambda actor, contact, team: contacts.archive_contact(actor, contact=contact),
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("right", ACTS)
def test_o1_o2_every_service_asks_the_table(enterprise, team, everything, contact, level, right):
    actor = related(enterprise, team, everything, contact, level)
    assert access.levels(actor, contact) == {level}
    if level in right.levels:
        ACTS[right](actor, contact, team)
        return
    code = "field_forbidden" if right in (Right.REMARK, Right.DETAILS) else "forbidden"
    with refused(code, Forbidden) as caught:
        ACTS[right](actor, contact, team)
    if code == "field_forbidden":
        assert set(caught.value.extra["errors"]) <= set(right.fields)


@pytest.mark.parametrize("right", ACTS)
def test_o5_whoever_is_nothing_to_it_finds_nothing(enterprise, team, everything, contact, right):
    stranger = factories.actor(enterprise, factories.member(role=everything, department=team.shenzhen))
    assert access.levels(stranger, contact) == access.rights(stranger, contact) == frozenset()
    with refused("not_found", NotFound):
        ACTS[right](stranger, contact, team)


PARAMS = {
    "tag": lambda team: {"tags": [str(Tag.objects.get(name="高").pk)]},
    "untag": lambda team: {"tags": [str(Tag.objects.get(name="低").pk)]},
    "transfer": lambda team: {"owner": str(team.carl.pk)},
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ACTIONS)
def test_o2_bulk_work_leaves_out_what_a_level_does_not_allow(enterprise, team, everything, contact, level, name):
    actor = related(enterprise, team, everything, contact, level)
    action = ACTIONS[name]
    params = PARAMS[name](team) if name in PARAMS else None
    found = bulk.preview(actor, action=name, ids=[contact.pk], params=params)
    allowed = level in action.right.levels
    assert (found.excluded.get("not_allowed", 0) == 0) is allowed
    assert found.total == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("right", Right)
def test_o2_the_sql_of_a_right_says_what_the_table_says(enterprise, team, everything, contact, level, right):
    actor = related(enterprise, team, everything, contact, level)
    held = row(
        f"SELECT {access.permits(right)} FROM contacts_contact AS contact WHERE id = %(id)s",
        {**access.asking(actor), "id": contact.pk},
    )
    assert held == (level in right.levels,)
    assert access.permitted(actor, right, [contact.pk]) == ({contact.pk} if level in right.levels else set())


def test_o2_a_denied_field_refuses_the_whole_edit_and_is_named(enterprise, team, everything, contact):
    friend = related(enterprise, team, everything, contact, Level.FOLLOWER)
    with refused("field_forbidden", Forbidden) as caught:
        contacts.edit_contact(friend, contact=contact, remark="neu", name="x", phones=["1"])
    assert list(caught.value.extra["errors"]) == ["name", "phones"]
    edited = contacts.edit_contact(friend, contact=contact, remark="新备注", description="说明")
    assert (edited.remark, edited.description) == ("新备注", "说明")


def test_o2_role_and_level_are_both_needed(enterprise, team, contact):
    """The owner of a role without the code may not; the code without the level does not help either."""
    bare = Role.objects.create(name="bare", scope=Role.Scope.RELATED, permissions=["contacts.view"])
    owner = related(enterprise, team, bare, contact, Level.OWNER)
    assert access.rights(owner, contact) == {Right.SEE}
    assert access.permitted(owner, Right.FOLLOW_UP, [contact.pk]) == set()
    for act in ACTS.values():
        with pytest.raises(Forbidden), transaction.atomic():
            act(owner, contact, team)


def test_o2_a_friend_whom_the_contact_deleted_only_reads(enterprise, team, everything, contact):
    left = factories.member(role=everything)
    Follow.objects.create(contact=contact, member=left, added_at=factories.NOON, state="deleted_by_contact")
    assert access.levels(factories.actor(enterprise, left), contact) == {Level.VIEWER}
    Follow.objects.update(state="deleted_by_member")
    assert access.levels(factories.actor(enterprise, left), contact) == frozenset()


def test_o2_several_levels_add_up_and_expired_ones_give_nothing(enterprise, team, everything, contact):
    both = factories.member(role=everything)
    Follow.objects.create(contact=contact, member=both, added_at=factories.NOON, state="deleted_by_contact")
    Grant.objects.create(contact=contact, member=both, level="editor", expires_at=factories.NOON + timedelta(days=1))
    actor = factories.actor(enterprise, both)
    assert access.levels(actor, contact) == {Level.VIEWER, Level.EDITOR}
    contacts.edit_contact(actor, contact=contact, remark="x")
    Grant.objects.update(expires_at=factories.NOON)  # the very moment: over
    assert access.levels(actor, contact) == {Level.VIEWER}
    assert access.rights(actor, contact) == {Right.SEE}
    with refused("field_forbidden", Forbidden):
        contacts.edit_contact(actor, contact=contact, remark="y")


def test_o2_core_information_stays_with_owner_and_admins():
    core = {Right.GRADE, Right.ASSIGN, Right.ARCHIVE, Right.DELETE, Right.DETAILS}
    for right in core:
        assert right.levels == {Level.ADMIN, Level.OWNER}
    assert Level.EDITOR not in Right.TAG.levels and Level.VIEWER not in Right.TAG.levels
    assert {right for right in Right if Level.VIEWER in right.levels} == {Right.SEE}
    assert {right for right in Right if Level.EDITOR in right.levels} == {Right.SEE, Right.FOLLOW_UP, Right.REMARK}
    assert all(Level.OWNER in right.levels and Level.ADMIN in right.levels for right in Right)  # O1
    assert set(RIGHT_OF) >= {"tags", "grade", "owner", "status", "name", "remark"}


def test_o4_a_graded_admin_is_an_admin_in_range_and_nothing_beyond(enterprise, team, contact):
    beyond = factories.contact(team.actors.bob)
    graded = team.actors.graded
    assert access.levels(graded, contact) == {Level.ADMIN}
    assert access.levels(graded, beyond) == frozenset()
    contacts.archive_contact(graded, contact=contact)
    with refused("not_found", NotFound):
        contacts.archive_contact(graded, contact=beyond)
    assert Contact.objects.get(pk=beyond.pk).status == "active"


def test_c13_a_friend_tags_their_own_relation_only(enterprise, team, everything, contact):
    friend = related(enterprise, team, everything, contact, Level.FOLLOWER)
    tags.tag_contact(friend, contact=contact, add=[Tag.objects.get(name="高")], remove=[Tag.objects.get(name="低")])
    worn = contact.taggings.order_by("tag__name").values_list("follow__member_id", "tag__name")
    assert set(worn) == {(friend.member_id, "高"), (team.anna.pk, "低")}
