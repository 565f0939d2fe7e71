"""Querysets of contacts and groups: above all, who may see which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.expressions import RawSQL

from common import clock
from common.tenancy import TenantQuerySet
from contacts.rules import Status
from enterprises.authority import members_in_range
from enterprises.models import Member, Role

if TYPE_CHECKING:
    from enterprises.actors import Actor


def members_of_departments(departments: Sequence[object]) -> models.QuerySet:
    """The members of some departments and of all below them."""
    subtrees = RawSQL("SELECT department_subtree(%s::uuid[])", (list(departments),))
    return Member.objects.filter(department_id__in=subtrees)


# Whom a member owns, follows or collaborates on: three index scans, whatever the size of the enterprise; an OR would
# read all of its contacts.
RELATED = (
    "SELECT id FROM contacts_contact WHERE enterprise_id = %s AND owner_id = %s"
    " UNION SELECT contact_id FROM contacts_follow"
    " WHERE enterprise_id = %s AND member_id = %s AND state <> 'deleted_by_member'"
    " UNION SELECT contact_id FROM contacts_grant"
    " WHERE enterprise_id = %s AND member_id = %s AND (expires_at IS NULL OR expires_at > %s)"
)


def related(member: Member) -> tuple[object, ...]:
    """What `RELATED` asks about a member."""
    return (*(member.enterprise_id, member.pk) * 3, clock.now())


class ContactQuerySet(TenantQuerySet):
    """Adds the one door to contacts: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """The contacts that exist for this actor (O4, O5).

        Super admins: all; graded admins: those whose owner is in their departments; staff: those they own,
        follow or collaborate on. The system sees all. `contacts.queries.viewers` gives the same answer from the
        other side.
        """
        member = actor.member
        found = self.filter(merged_into=None)  # who was merged into another contact is that one
        if member is None or member.role.scope == Role.Scope.ALL:
            return found
        if member.role.scope == Role.Scope.DEPARTMENTS:
            return found.filter(owner_id__in=members_in_range(member).values("id"))
        return found.filter(id__in=RawSQL(RELATED, related(member)))  # noqa: S611

    def served(self) -> Self:
        """Those that occupy the scale (Q1)."""
        return self.filter(status=Status.ACTIVE)


class GroupQuerySet(TenantQuerySet):
    """Group chats have the same eyes on them as contacts."""

    def visible_to(self, actor: "Actor") -> Self:
        """The groups that exist for this actor (O4): all, those of owners in range, or one's own."""
        member = actor.member
        if member is None or member.role.scope == Role.Scope.ALL:
            return self
        if member.role.scope == Role.Scope.DEPARTMENTS:
            return self.filter(owner_id__in=members_in_range(member).values("id"))
        return self.filter(owner_id=member.pk)
