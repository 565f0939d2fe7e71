"""The department tree: names, moves, what may be deleted, and who manages which part of it."""

import pytest
from django.db import IntegrityError

from common.errors import Conflict, Forbidden, Invalid
from common.tenancy import tenant
from enterprises import authority
from enterprises.models import AdminRange, AuditEntry, Department, Member
from enterprises.services import departments as services
from enterprises.services import members
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_tree_with_paths(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        south = services.create_department(actor, name="华南")
        shenzhen = services.create_department(actor, name=" 深圳 ", parent=south)
        assert services.paths() == {south.pk: "华南", shenzhen.pk: "华南/深圳"}
        assert authority.subtree([south.pk]) == {south.pk, shenzhen.pk}
        entry = AuditEntry.objects.filter(action="department.created").latest("at")
        assert (entry.subject_label, entry.after) == ("深圳", {"name": "深圳", "parent": "华南"})


def test_names_are_unique_among_neighbours_only(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        one = services.create_department(actor, name="一组")
        services.create_department(actor, name="一组", parent=one)
        with pytest.raises(Conflict) as refused:
            services.create_department(actor, name="一组")
        assert refused.value.code == "name_taken"
        for name in ("", "  ", "a/b", "x" * 65):
            with pytest.raises(Invalid):
                services.create_department(actor, name=name)
        assert Department.objects.count() == 2


def test_moving_takes_the_subtree_along_and_closes_no_circle(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        a = services.create_department(actor, name="a")
        b = services.create_department(actor, name="b", parent=a)
        c = services.create_department(actor, name="c", parent=b)
        for target in (a, b, c):
            with pytest.raises(Invalid) as refused:
                services.update_department(actor, department=a, changes={"parent": target})
            assert refused.value.code == "department_circle"
        services.update_department(actor, department=b, changes={"parent": None})
        assert services.paths() == {a.pk: "a", b.pk: "b", c.pk: "b/c"}


def test_the_tree_is_at_most_fifteen_levels_deep(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        department = None
        for level in range(services.MAX_DEPTH):
            department = services.create_department(actor, name=f"{level}", parent=department)
        with pytest.raises(Invalid):
            services.create_department(actor, name="too deep", parent=department)
        other = services.create_department(actor, name="other")
        with pytest.raises(Invalid):
            services.update_department(actor, department=other, changes={"parent": department})


def test_only_an_empty_department_is_deleted(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        top = services.create_department(actor, name="top")
        team = services.create_department(actor, name="team", parent=top)
        person = factories.member(department=team)
        for department in (top, team):
            with pytest.raises(Conflict) as refused:
                services.delete_department(actor, department=department)
            assert refused.value.code == "department_in_use"
        members.resign_member(actor, member=person)
        services.delete_department(actor, department=team)
        assert Member.objects.get(pk=person.pk).department_id == top.pk
        assert list(Department.objects.all()) == [top]


def test_a_department_given_to_an_admin_stays(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        team = services.create_department(actor, name="team")
        admin = factories.member(role="graded_admin", ranges=[team])
        with pytest.raises(Conflict):
            services.delete_department(actor, department=team)
        members.update_member(actor, member=admin, changes={"ranges": []})
        services.delete_department(actor, department=team)
        assert not AdminRange.objects.exists()


def test_a_leader_is_active_and_is_freed_by_leaving(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        person = factories.member()
        team = services.create_department(actor, name="team", leader=person)
        members.resign_member(actor, member=person)
        assert Department.objects.get(pk=team.pk).leader is None
        with pytest.raises(Invalid):
            services.update_department(actor, department=team, changes={"leader": Member.objects.get(pk=person.pk)})


def test_o4_a_graded_admin_manages_their_subtree_only(enterprise, scope):
    with scope():
        root = factories.super_admin(enterprise)
        south = services.create_department(root, name="south")
        team = services.create_department(root, name="team", parent=south)
        north = services.create_department(root, name="north")
        role = factories.role("members.view", "members.manage", scope="departments")
        actor = factories.acting(enterprise, factories.member(role=role, ranges=[south]))
        below = services.create_department(actor, name="below", parent=team)
        services.update_department(actor, department=below, changes={"parent": south})
        for attempt in (
            lambda: services.create_department(actor, name="x"),
            lambda: services.create_department(actor, name="x", parent=north),
            lambda: services.update_department(actor, department=north, changes={"name": "x"}),
            lambda: services.update_department(actor, department=team, changes={"parent": north}),
            lambda: services.update_department(actor, department=team, changes={"parent": None}),
            lambda: services.delete_department(actor, department=north),
            lambda: services.delete_department(actor, department=south),
        ):
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "out_of_range"
        assert sorted(Department.objects.values_list("name", flat=True)) == ["below", "north", "south", "team"]


def test_staff_manage_nothing(enterprise, scope):
    with scope():
        actor = factories.acting(enterprise, factories.member())
        with pytest.raises(Forbidden):
            services.create_department(actor, name="x")


def test_the_database_itself_keeps_departments_apart(enterprise, other_enterprise):
    """X2: a department below another enterprise's one is refused by the composite key."""
    with tenant(other_enterprise.pk):
        foreign = Department.objects.create(name="foreign")
    with pytest.raises(IntegrityError), tenant(enterprise.pk):
        Department.objects.create(name="mine", parent_id=foreign.pk)
