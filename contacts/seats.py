"""Who occupies the scale: seats by value grade, by department, friends and people who are only in groups (Q1).

Counted over all contacts of the enterprise, which takes about a second for a million: so the counts are kept
for an hour, and whoever shows them says when they were made.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.utils.dateparse import parse_datetime

from common import clock
from common.sql import row, rows
from common.tenancy import current_enterprise_id

KEPT = 3600  # seconds


@dataclass(frozen=True)
class Seats:
    """How the served contacts divide, and how many are kept beside them, at a moment."""

    at: datetime
    by_grade: dict[str, int]
    by_department: list[tuple[str | None, str, int]]
    friends: int
    group_only: int
    archived: int
    lost: int

    @property
    def served(self) -> int:
        return self.friends + self.group_only


def kept() -> Seats | None:
    """The counts of the last hour, if somebody asked for them."""
    found: dict[str, Any] | None = cache.get(_key())
    if found is None:
        return None
    at = parse_datetime(found.pop("at"))
    assert at is not None
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
    seats = Seats(
        at=clock.now(),
        by_grade=by_grade,
        by_department=_named(by_department),
        friends=sum(by_grade.values()) - found[0],
        group_only=found[0],
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
