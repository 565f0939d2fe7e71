"""Members: create, edit, move, disable, enable, resign. Access ends with the membership, at the next request."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from enterprises import audit, authority, permissions
from enterprises.access import memberships
from enterprises.actors import Actor
from enterprises.models import AdminRange, ApiToken, Department, Member, Role, User
from enterprises.services.enterprise import builtin_role
from enterprises.services.roles import lock_super_admins
from enterprises.signals import member_resigned, people_moved

_USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}", re.ASCII)
_TAKEN = {
    "member_userid": ("userid", "userid_taken", _("There is a member with this account already.")),
    "member_email_once": ("email", "email_taken", _("There is a member with this e-mail address already.")),
}


def create_member(
    actor: Actor,
    *,
    userid: str,
    name: str,
    email: str = "",
    department: Department | None = None,
    role: Role | None = None,
    ranges: Sequence[Department] = (),
) -> Member:
    """Add an employee; without a role they are staff. They can log in once an invitation is accepted.

    Raises Forbidden beyond the actor's own rights and departments, Invalid, Conflict (`userid_taken`,
    `email_taken`). Accounts differ by more than their case.
    """
    actor.require("members.manage")
    role = role or builtin_role(permissions.STAFF_ROLE)
    authority.require_department(actor, department.pk if department else None)
    authority.require_covers(actor, role)
    member = Member(
        userid=_userid(userid), name=_name(name), email=_email(email), department=department, role=role, user=None
    )
    _save(member, force_insert=True)
    after: dict[str, Any] = {"userid": member.userid, "name": member.name, "email": member.email}
    after |= {"department": department, "role": role.label}
    if ranges:
        after["ranges"] = _set_ranges(actor, member, ranges)[1]
    audit.record(actor, "member.created", member, after=after)
    return member


def update_member(actor: Actor, *, member: Member, changes: dict[str, Any]) -> Member:
    """Change `userid`, `name`, `email`, `department`, `role` or `ranges` (departments of a graded admin).

    Raises Forbidden for members beyond the actor (and roles, departments they do not have to give), Invalid,
    Conflict (`userid_taken`, `email_taken`, `last_super_admin`).
    """
    member = _locked(actor, member)
    values = dict(changes)
    ranges = values.pop("ranges", None)
    if "userid" in values:
        values["userid"] = _userid(values["userid"])
    if "name" in values:
        values["name"] = _name(values["name"])
    if "email" in values:
        values["email"] = _email(values["email"])
    old_role, department_before = member.role, member.department_id
    if "role" in values and values["role"].pk != old_role.pk:
        authority.require_covers(actor, values["role"])
        _keep_a_super_admin(member)
    if "department" in values and values["department"] != member.department:
        authority.require_department(actor, values["department"].pk if values["department"] else None)
    before, after = audit.changes(member, values)
    if "email" in after:
        member.invited_at = None  # a link that is on its way to the old address must not work
    if "role" in after:
        before["role"], after["role"] = old_role.label, member.role.label
        if member.role.scope != Role.Scope.DEPARTMENTS:
            ranges = ()
    if ranges is not None:
        range_before, range_after = _set_ranges(actor, member, ranges)
        if range_before != range_after:
            before["ranges"], after["ranges"] = range_before, range_after
    if after:
        member.version += 1
        _save(member)
        audit.record(actor, "member.changed", member, before=before, after=after)
    if "department" in after:
        moved = Member.objects.filter(pk=member.pk)
        people_moved.send(sender=Member, members=moved, before=department_before, after=member.department_id)
    return member


def disable_member(actor: Actor, *, member: Member) -> Member:
    """Lock somebody out for now; everything of theirs stays. Tokens end for good, sessions at once."""
    member = _locked(actor, member)
    if member.status != Member.Status.ACTIVE:
        raise Conflict(_("Only active members can be disabled."), code="not_active")
    _refuse_oneself(actor, member)
    _keep_a_super_admin(member)
    return _set_status(actor, member, Member.Status.DISABLED, "member.disabled")


def enable_member(actor: Actor, *, member: Member) -> Member:
    """Let somebody in again: a disabled member, or one who left and comes back."""
    member = _locked(actor, member)
    if member.status == Member.Status.ACTIVE:
        raise Conflict(_("This member is active already."), code="already_active")
    return _set_status(actor, member, Member.Status.ACTIVE, "member.enabled")


def resign_member(actor: Actor, *, member: Member) -> Member:
    """Record that somebody left. What they owned waits for inheritance (O6); access ends at once."""
    member = _locked(actor, member)
    if member.status == Member.Status.RESIGNED:
        raise Conflict(_("This member has left already."), code="already_resigned")
    _refuse_oneself(actor, member)
    _keep_a_super_admin(member)
    AdminRange.objects.filter(member=member).delete()
    Department.objects.filter(leader=member).update(leader=None, version=F("version") + 1)
    member = _set_status(actor, member, Member.Status.RESIGNED, "member.resigned")
    member_resigned.send(Member, actor=actor, member=member)
    return member


def end_sessions(user: User) -> None:
    """Log the person out everywhere."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)


def _set_status(actor: Actor, member: Member, status: Member.Status, action: str) -> Member:
    before, after = audit.changes(member, {"status": status.value})
    member.left_at = clock.now() if status == Member.Status.RESIGNED else None
    member.invited_at = None
    member.version += 1
    member.save(update_fields=["status", "left_at", "invited_at", "version"])
    if status != Member.Status.ACTIVE:
        ended = ApiToken.objects.filter(member=member, revoked_at=None).update(revoked_at=clock.now())
        if ended:
            after["tokens_ended"] = ended
        # Somebody who works in another enterprise stays logged in there; here nothing opens any more.
        if member.user is not None and not memberships(member.user):
            end_sessions(member.user)
    audit.record(actor, action, member, before=before, after=after)
    return member


def _locked(actor: Actor, member: Member) -> Member:
    """The member as they are now, locked, if the actor may manage them."""
    locked = (
        Member.objects.select_for_update(no_key=True, of=("self",))
        .select_related("role", "department", "user")
        .get(pk=member.pk)
    )
    authority.require_member(actor, locked)
    return locked


def _refuse_oneself(actor: Actor, member: Member) -> None:
    if actor.member_id == member.pk:
        raise Forbidden(_("You cannot lock yourself out; ask another admin."), code="oneself")


def _keep_a_super_admin(member: Member) -> None:
    """Raise Conflict when this is the last active super admin. Waits for others who take one away (races)."""
    if member.role.builtin != permissions.SUPER_ADMIN_ROLE or member.status != Member.Status.ACTIVE:
        return
    lock_super_admins()
    others = Member.objects.filter(
        role__builtin=permissions.SUPER_ADMIN_ROLE, status=Member.Status.ACTIVE, user__is_active=True
    )
    if not others.exclude(pk=member.pk).exists():
        raise Conflict(_("The last super admin must stay; make somebody else one first."), code="last_super_admin")


def _set_ranges(actor: Actor, member: Member, departments: Iterable[Department]) -> tuple[list[str], list[str]]:
    """Give exactly these departments; returns their names before and after."""
    wanted = {department.pk: department for department in departments}
    present = {one.department_id: one for one in AdminRange.objects.filter(member=member).select_related("department")}
    if wanted and member.role.scope != Role.Scope.DEPARTMENTS:
        raise Invalid({"ranges": [_("Only graded admins are given departments.")]})
    authority.require_ranges(actor, [pk for pk in wanted if pk not in present])
    AdminRange.objects.filter(member=member, department_id__in=set(present) - set(wanted)).delete()
    AdminRange.objects.bulk_create(
        AdminRange(member=member, department=department) for pk, department in wanted.items() if pk not in present
    )
    before = sorted(one.department.name for one in present.values())
    return before, sorted(department.name for department in wanted.values())


def _userid(userid: str) -> str:
    userid = userid.strip()
    if not _USERID.fullmatch(userid):
        raise Invalid(
            {"userid": [_("1 to 64 letters, digits, “_”, “-”, “@” or “.”; no other first than a letter or digit.")]}
        )
    return userid


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 64:
        raise Invalid({"name": [_("Give the member a name of at most 64 characters.")]})
    return name


def _email(email: str) -> str:
    email = email.strip().lower()
    try:
        if email:
            validate_email(email)
    except ValidationError as error:
        raise Invalid({"email": error.messages}) from error
    return email


def _save(member: Member, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            member.save(**kwargs)
    except IntegrityError as error:
        for constraint, (field, code, text) in _TAKEN.items():
            if constraint in str(error):
                raise Conflict(text, code=code, field=field) from error
        raise
