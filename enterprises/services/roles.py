"""Roles: what they give and how far they see. Nobody makes or changes one that exceeds their own."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Forbidden, Invalid
from enterprises import audit, authority, permissions
from enterprises.actors import Actor
from enterprises.models import AdminRange, Member, Role


def create_role(actor: Actor, *, name: str, scope: str, codes: Sequence[str]) -> Role:
    """Make a role. Raises Forbidden (`exceeds_own_rights`), Invalid, Conflict (`name_taken`)."""
    actor.require("roles.manage")
    role = Role(name=_name(name), scope=Role.Scope(scope), permissions=_codes(codes))
    authority.require_covers(actor, role)
    _save(role, force_insert=True)
    audit.record(
        actor,
        "role.created",
        role,
        after={"name": role.name, "scope": role.scope, "permissions": role.permissions},
    )
    return role


def update_role(actor: Actor, *, role: Role, changes: dict[str, Any]) -> Role:
    """Change `name`, `scope` or `permissions`, for all its members at once.

    The super admin's role never changes; of the other built-in ones only the permissions do. The role must be
    within the actor's own before and after.
    """
    actor.require("roles.manage")
    role = Role.objects.select_for_update(no_key=True).get(pk=role.pk)
    if role.builtin == permissions.SUPER_ADMIN_ROLE:
        raise Forbidden(_("The super admin's role cannot be changed."), code="role_protected")
    authority.require_covers(actor, role)
    values = dict(changes)
    if "permissions" in values:
        values["permissions"] = _codes(values["permissions"])
    if "scope" in values:
        values["scope"] = Role.Scope(values["scope"]).value
    if "name" in values:
        values["name"] = _name(values["name"])
    before, after = audit.changes(role, values)
    if role.builtin and set(after) - {"permissions"}:
        raise Forbidden(_("Only the permissions of a built-in role can be changed."), code="role_protected")
    authority.require_covers(actor, role)
    if after:
        role.version += 1
        _save(role, update_fields=[*after, "version"])
        if "scope" in after and role.scope != Role.Scope.DEPARTMENTS:
            AdminRange.objects.filter(member__role=role).delete()
        audit.record(actor, "role.changed", role, before=before, after=after)
    return role


def delete_role(actor: Actor, *, role: Role) -> None:
    """Delete a role that nobody has. Raises Conflict (`role_in_use`) while somebody has it."""
    actor.require("roles.manage")
    # FOR UPDATE keeps everybody else from giving the role meanwhile.
    role = Role.objects.select_for_update(no_key=False).get(pk=role.pk)
    if role.builtin:
        raise Forbidden(_("Built-in roles cannot be deleted."), code="role_protected")
    authority.require_covers(actor, role)
    members = Member.objects.filter(role=role).count()
    if members:
        raise Conflict(
            _("%(count)s members have this role; give them another one first.") % {"count": members},
            code="role_in_use",
            members=members,
        )
    pk = role.pk
    role.delete()
    audit.record(
        actor,
        "role.deleted",
        subject_type="role",
        subject_id=pk,
        subject_label=role.name,
        before={"name": role.name, "scope": role.scope, "permissions": role.permissions},
    )


def lock_super_admins() -> None:
    """Whoever may take a super admin away waits here for the others who do; read after it, not before."""
    Role.objects.select_for_update(no_key=True).get(builtin=permissions.SUPER_ADMIN_ROLE)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the role a name of at most 64 characters.")]})
    return name


def _codes(codes: Sequence[str]) -> list[str]:
    unknown = [code for code in codes if code not in permissions.PERMISSIONS]
    if unknown:
        raise Invalid({"permissions": [_("Unknown permission: %(code)s") % {"code": ", ".join(sorted(unknown))}]})
    return [code for code in permissions.ALL if code in set(codes)]


def _save(role: Role, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            role.save(**kwargs)
    except IntegrityError as error:
        if "role_name" not in str(error):
            raise
        raise Conflict(_("There is a role of this name already."), code="name_taken", field="name") from error
