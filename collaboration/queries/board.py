"""Reads of the team board: per team, per member and per day, from the daily rows alone (O10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid
from common.ids import parse_uuid
from common.sql import dicts, subquery
from common.tenancy import TenantQuerySet, current_enterprise_id
from contacts.querysets import members_of_departments
from enterprises.actors import Actor
from enterprises.authority import members_in_range
from enterprises.models import Member, Role
from enterprises.services import zone

LONGEST = 400  # days

_SUMS = """coalesce(sum(board.added), 0)::int AS added, coalesce(sum(board.lost), 0)::int AS lost,
    coalesce(sum(board.follow_ups), 0)::int AS follow_ups, coalesce(sum(board.asked), 0)::int AS asked,
    coalesce(sum(board.answered), 0)::int AS answered, coalesce(sum(board.in_minutes), 0)::int AS in_minutes,
    coalesce(sum(board.in_hours), 0)::int AS in_hours"""


@dataclass
class Figures:
    """Numbers of a member, a team or everybody."""

    high: int = 0
    middle: int = 0
    low: int = 0
    silent: int = 0
    added: int = 0
    lost: int = 0
    follow_ups: int = 0
    asked: int = 0
    answered: int = 0
    in_minutes: int = 0
    in_hours: int = 0

    @property
    def contacts(self) -> int:
        """Served contacts at the end of the period."""
        return self.high + self.middle + self.low

    @property
    def rate(self) -> float | None:
        """The share of waiting contacts that were answered within the hours of the policy; None when nobody wrote."""
        return round(self.in_hours / self.asked, 4) if self.asked else None

    @property
    def quick(self) -> float | None:
        """The share answered within the minutes of the policy."""
        return round(self.in_minutes / self.asked, 4) if self.asked else None

    def add(self, other: "Figures") -> None:
        """Sum up."""
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


FIELDS = tuple(Figures.__dataclass_fields__)


@dataclass
class MemberFigures(Figures):
    """Those of a member."""

    id: UUID | None = None
    name: str = ""
    status: str = ""
    department_id: UUID | None = None
    department: str = ""


@dataclass
class Team(Figures):
    """Those of a department's members."""

    id: UUID | None = None
    name: str = ""
    members: list[MemberFigures] = field(default_factory=list)


@dataclass
class Day(Figures):
    """Those of a day."""

    day: date | None = None


@dataclass
class Board:
    """The board of a period; both ends included."""

    first: date
    last: date
    teams: list[Team]
    total: Figures
    days: list[Day]


def period(actor: Actor, first: str | None, last: str | None, *, days: int = 30) -> tuple[date, date]:
    """The days that somebody asks for (YYYY-MM-DD, ends included); the last `days` when they do not say."""
    today = clock.now().astimezone(zone(actor.enterprise)).date()
    until = _day("to", last) or today
    since = _day("from", first) or until - timedelta(days=days - 1)
    if since > until or (until - since).days > LONGEST:
        raise Invalid({"from": [_("Ask for at most 400 days, the first before the last.")]})
    return since, until


def board(actor: Actor, first: date, last: date, *, department: str = "", member: str = "") -> Board:
    """What the actor may see of it: everybody; a graded admin the members of their departments."""
    people = shown_to(actor)
    if department:
        people = people.filter(pk__in=members_of_departments([_id("department", department)]).values("id"))
    if member:
        people = people.filter(pk=_id("member", member))
    chosen, params = subquery(people.values("id"), "people")
    params |= {"enterprise": current_enterprise_id(), "first": first, "last": last}
    members = dicts(
        f"""
        SELECT member.id, member.name, member.status, member.department_id, coalesce(team.name, '') AS department,
               coalesce(stood.high, 0) AS high, coalesce(stood.middle, 0) AS middle, coalesce(stood.low, 0) AS low,
               coalesce(stood.silent, 0) AS silent, summed.added, summed.lost, summed.follow_ups, summed.asked,
               summed.answered, summed.in_minutes, summed.in_hours
        FROM enterprises_member AS member
        LEFT JOIN enterprises_department AS team
               ON team.enterprise_id = member.enterprise_id AND team.id = member.department_id
        CROSS JOIN LATERAL (SELECT {_SUMS}, count(*) AS rows FROM collaboration_boardday AS board
            WHERE board.enterprise_id = %(enterprise)s AND board.member_id = member.id
              AND board.day BETWEEN %(first)s AND %(last)s) AS summed
        LEFT JOIN LATERAL (SELECT high, middle, low, silent FROM collaboration_boardday AS board
            WHERE board.enterprise_id = %(enterprise)s AND board.member_id = member.id AND board.day <= %(last)s
              AND board.high IS NOT NULL ORDER BY board.day DESC LIMIT 1) AS stood ON true
        WHERE member.enterprise_id = %(enterprise)s AND member.id IN ({chosen})
          AND (member.status = 'active' OR summed.rows > 0)
        ORDER BY team.name NULLS LAST, member.name, member.id
        """,  # noqa: S608
        params,
    )
    per_day = dicts(
        f"""
        SELECT board.day, {_SUMS}, coalesce(sum(board.high), 0)::int AS high,
               coalesce(sum(board.middle), 0)::int AS middle, coalesce(sum(board.low), 0)::int AS low,
               coalesce(sum(board.silent), 0)::int AS silent
        FROM collaboration_boardday AS board
        WHERE board.enterprise_id = %(enterprise)s AND board.day BETWEEN %(first)s AND %(last)s
          AND board.member_id IN ({chosen})
        GROUP BY board.day ORDER BY board.day
        """,  # noqa: S608
        params,
    )
    return _summed(first, last, [MemberFigures(**one) for one in members], [Day(**one) for one in per_day])


def _summed(first: date, last: date, members: Sequence[MemberFigures], days: Sequence[Day]) -> Board:
    teams: dict[UUID | None, Team] = {}
    total = Figures()
    for one in members:
        team = teams.setdefault(one.department_id, Team(id=one.department_id, name=one.department))
        team.members.append(one)
        team.add(one)
        total.add(one)
    known = {one.day: one for one in days}
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return Board(first, last, list(teams.values()), total, [known.get(day) or Day(day=day) for day in every])


def shown_to(actor: Actor) -> TenantQuerySet[Member]:
    """The members whose figures the actor sees; the others are as those who do not exist."""
    people = Member.objects.all()
    own = actor.member
    if own is not None and own.role.scope == Role.Scope.DEPARTMENTS:
        return people.filter(pk__in=members_in_range(own).values("id"))
    if own is not None and own.role.scope == Role.Scope.RELATED:
        return people.filter(pk=own.pk)
    return people


def _id(name: str, text: str) -> UUID:
    found = parse_uuid(text)
    if found is None:
        raise Invalid({name: [_("This is no id.")]})
    return found


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid({name: [_("Write a day as YYYY-MM-DD.")]}) from error
    if not clock.in_calendar(day):
        raise Invalid({name: [_("Write a day as YYYY-MM-DD.")]})
    return day
