"""Roles: what they give, which cannot change, and that nobody makes one beyond their own."""

import pytest

from common.errors import Conflict, Forbidden, Invalid
from enterprises import permissions
from enterprises.actors import Actor
from enterprises.models import AdminRange, AuditEntry, Department, Enterprise, Member, Role
from enterprises.services import SUPER_ADMIN, builtin_role
from enterprises.services import roles as services
from tests import factories

pytestmark = pytest.mark.django_db


def manager(enterprise: Enterprise, *codes: str, scope: str = "all") -> Actor:
    return factories.acting(enterprise, factories.member(role=factories.role("roles.manage", *codes, scope=scope)))


def test_a_super_admin_has_every_code_whatever_was_stored(enterprise, scope):
    with scope():
        Role.objects.filter(builtin=SUPER_ADMIN).update(permissions=[])
        actor = factories.super_admin(enterprise)
        assert all(actor.may(code) for code in permissions.ALL)
        assert not actor.may("no.such.code")


def test_codes_that_no_longer_exist_give_nothing(scope):
    with scope():
        assert Role(permissions=["contacts.view", "gone.code"]).codes == {"contacts.view"}


def test_the_super_admins_role_never_changes(enterprise, scope):
    with scope():
        actor, role = factories.super_admin(enterprise), builtin_role(SUPER_ADMIN)
        for changes in ({"name": "x"}, {"permissions": ["contacts.view"]}, {"scope": "related"}):
            with pytest.raises(Forbidden) as refused:
                services.update_role(actor, role=role, changes=changes)
            assert refused.value.code == "role_protected"
        with pytest.raises(Forbidden):
            services.delete_role(actor, role=role)


def test_of_other_builtin_roles_only_the_permissions_change(enterprise, scope):
    with scope():
        actor, role = factories.super_admin(enterprise), builtin_role("staff")
        for changes in ({"name": "x"}, {"scope": "all"}):
            with pytest.raises(Forbidden):
                services.update_role(actor, role=role, changes=changes)
        changed = services.update_role(actor, role=role, changes={"permissions": ["quota.view", "contacts.view"]})
        assert changed.permissions == ["contacts.view", "quota.view"]  # in the order of the list
        entry = AuditEntry.objects.get(action="role.changed")
        assert entry.before["permissions"] == list(permissions.STAFF)
        assert entry.after["permissions"] == ["contacts.view", "quota.view"]


def test_names_are_unique_and_codes_known(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        services.create_role(actor, name="团队", scope="related", codes=["contacts.view"])
        with pytest.raises(Conflict) as taken:
            services.create_role(actor, name="团队", scope="related", codes=[])
        assert taken.value.code == "name_taken"
        with pytest.raises(Invalid) as unknown:
            services.create_role(actor, name="x", scope="related", codes=["contacts.fly"])
        assert "permissions" in unknown.value.errors


def test_nobody_makes_a_role_beyond_their_own(enterprise, scope):
    with scope():
        actor = manager(enterprise, "contacts.view", scope="departments")
        for role_scope, codes in (
            ("departments", ["contacts.view", "contacts.delete"]),
            ("all", ["contacts.view"]),
        ):
            with pytest.raises(Forbidden) as refused:
                services.create_role(actor, name="x", scope=role_scope, codes=codes)
            assert refused.value.code == "exceeds_own_rights"
        role = services.create_role(actor, name="x", scope="related", codes=["contacts.view"])
        for changes in ({"permissions": ["audit.view"]}, {"scope": "all"}):
            with pytest.raises(Forbidden):
                services.update_role(actor, role=role, changes=changes)
        own = actor.member.role
        with pytest.raises(Forbidden):
            services.update_role(actor, role=own, changes={"permissions": [*own.permissions, "contacts.delete"]})
        assert Role.objects.get(pk=own.pk).permissions == own.permissions


def test_nobody_changes_a_role_above_their_own(enterprise, scope):
    with scope():
        actor = manager(enterprise, "contacts.view")
        above = Role.objects.create(name="above", scope="all", permissions=["contacts.delete"])
        for attempt in (
            lambda: services.update_role(actor, role=above, changes={"permissions": []}),
            lambda: services.update_role(actor, role=above, changes={"name": "x"}),
            lambda: services.delete_role(actor, role=above),
        ):
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "exceeds_own_rights"
        assert Role.objects.get(pk=above.pk).permissions == ["contacts.delete"]


def test_a_role_in_use_is_not_deleted(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        role = services.create_role(actor, name="x", scope="related", codes=[])
        person = factories.member(role=role)
        with pytest.raises(Conflict) as refused:
            services.delete_role(actor, role=role)
        assert (refused.value.code, refused.value.extra) == ("role_in_use", {"members": 1})
        Member.objects.filter(pk=person.pk).update(role=builtin_role("staff"))
        services.delete_role(actor, role=role)
        assert AuditEntry.objects.get(action="role.deleted").before == {
            "name": "x",
            "scope": "related",
            "permissions": [],
        }


def test_a_change_counts_for_all_members_at_once_and_takes_ranges_along(enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        role = services.create_role(actor, name="x", scope="departments", codes=["contacts.view"])
        team = Department.objects.create(name="team")
        person = factories.member(role=role, ranges=[team])
    api = factories.api_client(enterprise, person)
    assert api.get("/api/v1/contacts").status_code == 200
    with scope():
        services.update_role(actor, role=role, changes={"permissions": [], "scope": "related"})
        assert not AdminRange.objects.exists()
    assert api.get("/api/v1/contacts").status_code == 403
