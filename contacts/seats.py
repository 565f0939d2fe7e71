"""Who occupies the scale, and what that costs (Q1, Q17): seats by value grade, by department, by source, friends and
people who are only in groups.

Counted over all contacts of the enterprise, which takes about a second for a million: so the counts are kept
for an hour, and whoever shows them says when they were made.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.utils.dateparse import parse_datetime

from common import clock
from common.sql import row, rows
from common.tenancy import current_enterprise_id
from contacts.plan.rules import NOTHING, share_out
from contacts.rules import Grade, Relation
from quota.models import Package

KEPT = 3600  # seconds


@dataclass(frozen=True)
class Seats:
    """How the served contacts divide, and how many are kept beside them, at a moment."""

    at: datetime
    by_grade: dict[str, int]
    by_department: list[tuple[str | None, str, int]]
    by_source: list[tuple[str, int]]
    friends: int
    group_only: int
    archived: int
    lost: int
    saved: int = 0  # places that a count of friends, instead of people, would take beside these

    @property
    def served(self) -> int:
        return self.friends + self.group_only


@dataclass(frozen=True)
class Part:
    """A group of seats: what it is called by programs and people, how many, and its part of the price a year.

    `value` is empty for those without: no department, no source. `cost` is None without a package.
    """

    value: str
    name: str
    seats: int
    cost: Decimal | None


@dataclass(frozen=True)
class Divided:
    """The seats divided four ways; each way adds up to the served, and with the empty places to the price."""

    grades: list[Part]
    departments: list[Part]
    sources: list[Part]
    relations: list[Part]
    empty: Part


def divide(found: Seats, package: Package | None) -> Divided:
    """Share the yearly price of the package out over the seats (Q17), each place of the tier costing the same.

    When more are served than the tier holds, the price falls on those who are served.
    """
    places = max(package.tier, found.served) if package else 0

    def parts(groups: Iterable[tuple[str, str, int]]) -> list[Part]:
        listed = list(groups)
        counts = {index: number for index, (_value, _name, number) in enumerate(listed)}
        costs = share_out(package.price, counts, places) if package else {}
        return [Part(value, name, number, costs.get(index)) for index, (value, name, number) in enumerate(listed)]

    empty = places - found.served if package else 0
    taken = share_out(package.price, {"": found.served}, places)[""] if package else NOTHING
    return Divided(
        grades=parts((grade.value, str(grade.label), found.by_grade.get(grade.value, 0)) for grade in Grade),
        departments=parts((pk or "", name, number) for pk, name, number in found.by_department),
        sources=parts((source, source, number) for source, number in found.by_source),
        relations=parts(
            (relation.value, str(relation.label), number)
            for relation, number in ((Relation.FRIEND, found.friends), (Relation.GROUP_ONLY, found.group_only))
        ),
        empty=Part("", "", empty, package.price - taken if package else None),
    )


def kept() -> Seats | None:
    """The counts of the last hour, if somebody asked for them."""
    found: dict[str, Any] | None = cache.get(_key())
    if found is None:
        return None
    at = parse_datetime(found.pop("at"))
    assert at is not None
    found["by_department"] = [tuple(one) for one in found["by_department"]]
    found["by_source"] = [tuple(one) for one in found["by_source"]]
    return Seats(at=at, **found)


def count() -> Seats:
    """Count now, and keep the counts."""
    enterprise = {"enterprise": current_enterprise_id()}
    by_grade: dict[str, int] = {}
    by_department: dict[UUID | None, int] = {}
    others = {"archived": 0, "lost": 0}
    for status, grade, department, number in rows(
        """
        SELECT contact.status, contact.grade, member.department_id, sum(contact.number)::bigint
        FROM (SELECT status, grade, owner_id, count(*) AS number FROM contacts_contact
              WHERE enterprise_id = %(enterprise)s GROUP BY status, grade, owner_id) AS contact
        LEFT JOIN enterprises_member AS member
               ON member.enterprise_id = %(enterprise)s AND member.id = contact.owner_id
        GROUP BY contact.status, contact.grade, member.department_id
        """,
        enterprise,
    ):
        if status != "active":
            others[status] += number
            continue
        by_grade[grade] = by_grade.get(grade, 0) + number
        by_department[department] = by_department.get(department, 0) + number
    found = row(
        """
        SELECT count(*) FROM contacts_contact AS contact
        WHERE enterprise_id = %(enterprise)s AND status = 'active' AND NOT EXISTS (
            SELECT FROM contacts_follow AS follow
            WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = contact.id
              AND follow.state <> 'deleted_by_member')
        """,
        enterprise,
    )
    assert found is not None
    by_source = rows(
        """
        SELECT coalesce(follow.source, ''), count(*)
        FROM contacts_contact AS contact
        LEFT JOIN contacts_follow AS follow
               ON follow.enterprise_id = %(enterprise)s AND follow.contact_id = contact.id
              AND follow.member_id = contact.owner_id
        WHERE contact.enterprise_id = %(enterprise)s AND contact.status = 'active'
        GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        enterprise,
    )
    doubled = row(
        """
        SELECT count(*) - count(DISTINCT follow.contact_id) FROM contacts_follow AS follow
        JOIN contacts_contact AS contact
          ON contact.enterprise_id = follow.enterprise_id AND contact.id = follow.contact_id
         AND contact.status = 'active'
        WHERE follow.enterprise_id = %(enterprise)s AND follow.state = 'active'
        """,
        enterprise,
    )
    assert doubled is not None
    seats = Seats(
        at=clock.now(),
        by_grade=by_grade,
        by_department=_named(by_department),
        by_source=by_source,
        friends=sum(by_grade.values()) - found[0],
        group_only=found[0],
        saved=doubled[0],
        **others,
    )
    cache.set(_key(), {**asdict(seats), "at": seats.at.isoformat()}, KEPT)
    return seats


def _named(counts: dict[UUID | None, int]) -> list[tuple[str | None, str, int]]:
    """(id, name, number) of each department, largest first; the empty id gathers owners without one, and none."""
    names = dict(
        rows(
            "SELECT id, name FROM enterprises_department WHERE enterprise_id = %(enterprise)s",
            {"enterprise": current_enterprise_id()},
        )
    )
    listed = [(str(pk) if pk else None, names.get(pk, ""), number) for pk, number in counts.items()]
    return sorted(listed, key=lambda one: (-one[2], one[1]))


def _key() -> str:
    return f"seats:{current_enterprise_id()}"
