"""Whom a member sees, as lists ask it.

`Contact.objects.visible_to` gathers everybody somebody sees, which is right for work on all of them. A list wants one
page in some order, of an enterprise of a million, for somebody who sees fifty thousand. By date three indexes have
them in order; in other orders it asks in ways whose cost is known before (docs/decisions/0015).
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from django.db.models import BooleanField, F, Q, QuerySet
from django.db.models.expressions import RawSQL

from common import clock, paging
from common.sql import row
from contacts.models import Contact, Follow
from contacts.querysets import RELATED, related
from enterprises.actors import Actor
from enterprises.models import Member, Role

FEW = 4_000  # relations: an owner who is a friend as well has two with each
# By how many contacts a filter is expected to leave: so few are found first; with so few, a list may be walked
# farther, since most contacts on the way cost little.
VERY_SELECTIVE, SELECTIVE = 5_000, 50_000
NEAR, FARTHER = 4_000, 30_000

DATE = "relation_date"
SEEN = [state for state in Follow.State if state != Follow.State.DELETED_BY_MEMBER]

_RELATIONS = f"""SELECT count(*)
    FROM (SELECT FROM ({RELATED.replace("UNION", "UNION ALL")}) AS relation LIMIT %s) AS few"""  # noqa: S608
# An array is looked up by the primary key, however many the planner thinks they are.
_AMONG = "contacts_contact.id = ANY (ARRAY({}))"
_MERGED = """SELECT id FROM (
        SELECT DISTINCT at, id FROM ({parts}) AS own (at, id) ORDER BY at {direction}, id {direction} LIMIT %s
    ) AS merged"""
# Scalar sub-selects are asked of each row; EXISTS may be answered by gathering all rows first.
_LOOKED_AT = """COALESCE((SELECT true FROM contacts_follow AS own WHERE own.enterprise_id = %s AND own.member_id = %s
        AND own.contact_id = contacts_contact.id AND own.state <> 'deleted_by_member'), false)
    OR COALESCE((SELECT true FROM contacts_grant AS held WHERE held.enterprise_id = %s AND held.member_id = %s
        AND held.contact_id = contacts_contact.id AND (held.expires_at IS NULL OR held.expires_at > %s)), false)"""


def date_added(queryset: QuerySet) -> str:
    """Which column a filter of the date added should bound: the one whose index this queryset is read from."""
    return DATE if DATE in queryset.query.annotations else "added_at"


class Sight:
    """The contacts that `visible_to` finds and that `narrow` leaves, to be read in some order, a page at a time.

    `unsure`: nobody can tell from statistics how many it leaves.
    """

    def __init__(
        self, actor: Actor, narrow: Callable[[QuerySet], QuerySet], *, filtered: bool = False, unsure: bool = False
    ) -> None:
        self._actor = actor
        self._narrow = narrow
        self._filtered = filtered
        self._unsure = unsure
        member = actor.member
        self._member = member if member and member.role.scope == Role.Scope.RELATED else None

    @cached_property
    def many(self) -> bool:
        """Does a list of all of them cost more than a page may?"""
        if self._member is None:
            return False
        found = row(_RELATIONS, (*related(self._member), FEW + 1))
        return found is not None and found[0] > FEW

    @cached_property
    def contacts(self) -> QuerySet:
        """All of them. When the filter leaves very few these are found and looked at; else they are gathered."""
        if self._member is None:
            return self._narrow(Contact.objects.visible_to(self._actor))
        if self._found_first:
            return _looked_at(self._member).filter(_among(self._narrow(_known())))
        return self._narrow(_known().filter(_true(_AMONG.format(RELATED), related(self._member))))

    @property
    def looked_at(self) -> QuerySet:
        """All of them, for a reader that comes by few: each is looked at."""
        if self._member is None or not self.many or self._found_first:
            return self.contacts
        return self._narrow(_looked_at(self._member))

    def ways(self, page: paging.Keyset) -> Iterator[QuerySet]:
        """By date: those of the page. In other orders, of very many: those among the next of the list; then all."""
        if self._member and page.column == "added_at":
            yield self._by_date(self._member, page)
            return
        if self._member and self.many and not self._found_first:
            reach = FARTHER if self._expected <= SELECTIVE else NEAR
            yield page.within(self._narrow(_looked_at(self._member)), reach)
        if not self._member and self._unsure:
            yield page.within(self.contacts, NEAR)
            yield self._gathered
        elif not self._member and self._filtered and page.column != "added_at" and self._expected <= VERY_SELECTIVE:
            yield self._gathered
        else:
            yield self.contacts

    @property
    def _gathered(self) -> QuerySet:
        """All of them, found before they are put in order.

        The planner takes for granted that those who are sought lie evenly on the way through an index in that order.
        But who is silent is at its end, and somebody who is nobody's friend may not be there: a million are looked at.
        """
        return _known().filter(_among(self.contacts))

    def _by_date(self, member: Member, page: paging.Keyset) -> QuerySet:
        """Each index is read in its order, merged with the others, until the page is full."""
        parts: list[str] = []
        params: list[Any] = []
        for mine, date, pk in _relations(member):
            own = self._narrow(_known().filter(mine).annotate(**{DATE: F(date)}))
            text, given = page.ordered(own, date, pk)[: page.reach].values_list(date, pk).query.sql_with_params()
            parts.append(f"({text})")
            params += given
        direction = "DESC" if page.descending else "ASC"
        text = _MERGED.format(parts=" UNION ALL ".join(parts), direction=direction)
        return Contact.objects.filter(_true(_AMONG.format(text), (*params, page.reach)))

    @property
    def _found_first(self) -> bool:
        return self.many and self._expected <= VERY_SELECTIVE

    @cached_property
    def _expected(self) -> int:
        return paging.estimate(self._narrow(_known()))


def _known() -> QuerySet:
    return Contact.objects.filter(merged_into=None)


def _looked_at(member: Member) -> QuerySet:
    return _known().filter(Q(owner_id=member.pk) | Q(_true(_LOOKED_AT, related(member)[2:])))


def _relations(member: Member) -> Iterator[tuple[Q, str, str]]:
    """Why a member sees contacts, each with the columns that say when the contact was added, and which it is."""
    yield Q(owner_id=member.pk), "added_at", "id"
    follows = Q(follows__enterprise_id=member.enterprise_id, follows__member_id=member.pk, follows__state__in=SEEN)
    yield follows, "follows__contact_added_at", "follows__contact_id"
    grants = Q(grants__enterprise_id=member.enterprise_id, grants__member_id=member.pk)
    in_force = Q(grants__expires_at=None) | Q(grants__expires_at__gt=clock.now())
    yield grants & in_force, "grants__contact_added_at", "grants__contact_id"


def _among(found: QuerySet) -> RawSQL:
    """Is it one of these? They are found first, all of them."""
    text, params = found.order_by().values("id").query.sql_with_params()
    return _true(_AMONG.format(text), params)


def _true(text: str, params: tuple[object, ...]) -> RawSQL:
    return RawSQL(text, params, output_field=BooleanField())  # noqa: S611
