"""Who could be archived (Q16), least expected loss first: set-based, in one total order.

Never of high value. Never with a planned follow-up, unless asked. For whoever sees the whole enterprise.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.sql import row, rows
from common.tenancy import current_enterprise_id
from contacts.plan.rules import Loss

# What a contact is expected to spend (`rules.expected_spend`), and the order of the list: least loss first, then who
# spent least, then who was silent longest; ids make it total.
CANDIDATES = """
    SELECT valued.*,
           round(greatest(valued.spend, 0) * greatest(0, %(window)s - valued.silent) / %(window)s, 2) AS expected
    FROM (
        SELECT contact.id, contact.spend_365d AS spend, coalesce(contact.last_customer_at, contact.added_at) AS heard,
               greatest(0, floor(extract(epoch FROM %(now)s - coalesce(contact.last_customer_at, contact.added_at))
                                 / 86400))::int AS silent
        FROM contacts_contact AS contact
        WHERE contact.enterprise_id = %(enterprise)s AND contact.status = 'active' AND contact.grade <> 'high'
          AND (%(with_follow_ups)s OR NOT EXISTS (
              SELECT FROM contacts_followup AS planned
              WHERE planned.enterprise_id = %(enterprise)s AND planned.contact_id = contact.id
                AND planned.next_at IS NOT NULL AND planned.done_at IS NULL))
    ) AS valued
"""
ORDER = "expected, spend, heard, id"


@dataclass(frozen=True)
class Terms:
    """At which moment, with which window of spending, and whether planned follow-ups do not count."""

    now: datetime
    window: int
    with_follow_ups: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """The names that the statements use."""
        return {
            "enterprise": current_enterprise_id(),
            "now": self.now,
            "window": self.window,
            "with_follow_ups": self.with_follow_ups,
        }


@dataclass(frozen=True)
class Candidate:
    """A contact on the list."""

    id: UUID
    spend: Decimal
    silent_days: int
    expected: Decimal


def losses(terms: Terms, counts: Collection[int]) -> tuple[int, dict[int, Loss]]:
    """How many candidates there are, and what the best so many of them spent and are expected to spend.

    `counts` that are larger than the number of candidates are left out.
    """
    found = rows(
        f"""
        SELECT nth, spend, expected FROM (
            SELECT row_number() OVER ranked AS nth, sum(spend) OVER ranked AS spend,
                   sum(expected) OVER ranked AS expected, count(*) OVER () AS most
            FROM ({CANDIDATES}) AS candidate
            WINDOW ranked AS (ORDER BY {ORDER} ROWS UNBOUNDED PRECEDING)
        ) AS listed
        WHERE nth = ANY (%(counts)s) OR nth = most
        """,  # noqa: S608 - texts of our own
        {**terms.params, "counts": list(counts)},
    )
    most = max((nth for nth, _spend, _expected in found), default=0)
    return most, {nth: Loss(spend, expected) for nth, spend, expected in found}


def listed(terms: Terms, *, start: int, stop: int) -> list[Candidate]:
    """The candidates from one place of the order to another."""
    found = rows(
        f"""
        SELECT id, spend, silent, expected FROM ({CANDIDATES}) AS candidate
        ORDER BY {ORDER} OFFSET %(start)s LIMIT %(size)s
        """,  # noqa: S608
        {**terms.params, "start": start, "size": max(0, stop - start)},
    )
    return [Candidate(*one) for one in found]


def left_out(terms: Terms) -> dict[str, int]:
    """How many of the served are not on the list, and why: of high value, or with a planned follow-up."""
    found = row(
        """
        SELECT count(*) FILTER (WHERE grade = 'high'),
               count(*) FILTER (WHERE grade <> 'high' AND NOT %(with_follow_ups)s AND EXISTS (
                   SELECT FROM contacts_followup AS planned
                   WHERE planned.enterprise_id = %(enterprise)s AND planned.contact_id = contact.id
                     AND planned.next_at IS NOT NULL AND planned.done_at IS NULL))
        FROM contacts_contact AS contact
        WHERE contact.enterprise_id = %(enterprise)s AND contact.status = 'active'
        """,
        terms.params,
    )
    assert found is not None
    return {"high": found[0], "follow_ups": found[1]}
