"""Who may manage whom: nobody reaches farther, or gives more, than they have themselves.

Seeing members and departments is one thing (the address book: `members.view`); managing them is bound to the
departments given to a graded admin, and to roles that do not exceed one's own.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from common.errors import Forbidden
from common.sql import rows
from enterprises.actors import Actor
from enterprises.models import AdminRange, Department, Member, Role

_BREADTH = {Role.Scope.RELATED: 0, Role.Scope.DEPARTMENTS: 1, Role.Scope.ALL: 2}


def members_in_range(member: Member) -> QuerySet:
    """The members of the departments given to a graded admin, subtrees included (O4)."""
    departments = RawSQL(
        "SELECT department_subtree(ARRAY(SELECT department_id FROM enterprises_adminrange"
        " WHERE enterprise_id = %s AND member_id = %s))",
        (member.enterprise_id, member.pk),
    )
    return Member.objects.filter(department_id__in=departments)


def subtree(departments: Iterable[UUID]) -> set[UUID]:
    """These departments and all below them."""
    found = rows("SELECT department_subtree(%(roots)s::uuid[])", {"roots": list(departments)})
    return {department for (department,) in found}


def managed_departments(actor: Actor) -> set[UUID] | None:
    """The departments whose people the actor may manage; None means all of them."""
    if actor.member is None or actor.member.role.scope == Role.Scope.ALL:
        return None
    if actor.member.role.scope == Role.Scope.RELATED:
        return set()
    return subtree(AdminRange.objects.filter(member_id=actor.member_id).values_list("department_id", flat=True))


def covers(actor: Actor, role: Role) -> bool:
    """Does the actor have everything that this role gives, and see at least as far?"""
    if actor.member is None:
        return True
    own = actor.member.role
    return role.codes <= own.codes and _BREADTH[Role.Scope(role.scope)] <= _BREADTH[Role.Scope(own.scope)]


def require_covers(actor: Actor, role: Role) -> None:
    """Raise Forbidden when the role exceeds the actor's own."""
    if not covers(actor, role):
        raise Forbidden(
            _("The role “%(role)s” gives more than you have yourself.") % {"role": role.label},
            code="exceeds_own_rights",
        )


def require_department(actor: Actor, department_id: UUID | None) -> None:
    """Raise Forbidden unless the actor manages this department (None: the top of the tree)."""
    managed = managed_departments(actor)
    if managed is not None and department_id not in managed:
        raise Forbidden(_("This department is outside of those given to you."), code="out_of_range")


def require_ranges(actor: Actor, departments: Iterable[UUID]) -> None:
    """Raise Forbidden when somebody would be given departments that the actor does not manage."""
    managed = managed_departments(actor)
    if managed is not None and not set(departments) <= managed:
        raise Forbidden(_("You can only give departments that were given to you."), code="exceeds_own_rights")


def require_member(actor: Actor, member: Member) -> None:
    """Raise Forbidden unless the actor may manage this member: in their range, neither above them nor their peer.

    Super admins manage each other: somebody has to. A graded admin with the same departments is a peer.
    """
    actor.require("members.manage")
    require_department(actor, member.department_id)
    require_covers(actor, member.role)
    if member.role.scope == Role.Scope.DEPARTMENTS:
        given = ranges_of(member)
        require_ranges(actor, given)
        if member.pk != actor.member_id and managed_departments(actor) == subtree(given):
            raise Forbidden(_("This admin manages the same departments as you do."), code="peer")


def may_manage(actor: Actor, member: Member) -> bool:
    """`require_member` as a question, for pages."""
    try:
        require_member(actor, member)
    except Forbidden:
        return False
    return True


def ranges_of(member: Member) -> list[UUID]:
    """The ids of the departments given to a member."""
    return list(AdminRange.objects.filter(member_id=member.pk).values_list("department_id", flat=True))


def assignable_roles(actor: Actor) -> list[Role]:
    """The roles that the actor may give, by name."""
    return [role for role in Role.objects.order_by("name", "id") if covers(actor, role)]


def department_choices(actor: Actor) -> list[Department]:
    """The departments that the actor manages, by position and name."""
    managed = managed_departments(actor)
    return [one for one in Department.objects.all() if managed is None or one.pk in managed]
