"""Querysets of contacts and groups: above all, who may see which."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

import common.lookups  # noqa: F401 - registers `prefix`
from common.tenancy import TenantQuerySet
from contacts.rules import Status
from enterprises.authority import members_in_range
from enterprises.models import Member, Role

if TYPE_CHECKING:
    from enterprises.actors import Actor

_PHONE = re.compile(r"^\+?[0-9][0-9 -]{4,18}[0-9]$")


def members_of_departments(departments: Sequence[object]) -> models.QuerySet:
    """The members of some departments and of all below them."""
    subtrees = RawSQL("SELECT department_subtree(%s::uuid[])", (list(departments),))
    return Member.objects.filter(department_id__in=subtrees)


def search(queryset: models.QuerySet, text: str) -> models.QuerySet:
    """The contacts whose name, remark or company begins with `text`, or whose id or phone is `text`.

    The one place that knows how contacts are searched.
    """
    text = text.strip()
    if not text:
        return queryset
    found = (
        Q(name__prefix=text)
        | Q(remark__prefix=text) & ~Q(remark="")
        | Q(company__prefix=text) & ~Q(company="")
        | Q(external_userid=text)
    )
    if _PHONE.match(text):
        found |= Q(phones__contains=[re.sub(r"[ -]", "", text)])
    return queryset.filter(found)


class ContactQuerySet(TenantQuerySet):
    """Adds the one door to contacts: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """The contacts that exist for this actor (O4, O5).

        Super admins: all; graded admins: those whose owner is in their departments; staff: those they own or
        follow. The system sees all. `contacts.queries.viewers` gives the same answer from the other side.
        """
        member = actor.member
        if member is None or member.role.scope == Role.Scope.ALL:
            return self
        if member.role.scope == Role.Scope.DEPARTMENTS:
            return self.filter(owner_id__in=members_in_range(member).values("id"))
        # Two index scans, whatever the size of the enterprise; an OR would read all of its contacts.
        related = RawSQL(
            "SELECT id FROM contacts_contact WHERE enterprise_id = %s AND owner_id = %s"
            " UNION SELECT contact_id FROM contacts_follow"
            " WHERE enterprise_id = %s AND member_id = %s AND state <> 'deleted_by_member'",
            (member.enterprise_id, member.pk, member.enterprise_id, member.pk),
        )
        return self.filter(id__in=related)

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
