"""The budgets that a contact counts in: of its owner's department and of all above it (Q12).

Everything here happens under the lock of the account's row, which the caller has taken: whoever moves places, and
whoever moves people, departments or budgets, takes it first. So a department read here is the one that counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from common.sql import execute, row, rows
from common.tenancy import current_enterprise_id

OWNERS = "SELECT id, department_id FROM enterprises_member WHERE enterprise_id = %(enterprise)s AND id = ANY (%(keys)s)"
DEPARTMENTS = "SELECT key, key FROM unnest(%(keys)s::uuid[]) AS given (key)"


class BudgetExceeded(Refusal):
    """The team has no place left, though the enterprise may have some. Says whose budget, and what would help."""

    code = "budget_exceeded"
    title = _("The team's budget is used up")


class Claimant(NamedTuple):
    """Whose the contact that wants a place is, or will be, and where it comes from."""

    owner_id: UUID | None
    source: str = ""


class Above(NamedTuple):
    """A department with all above it, and which of them have a budget; from the inside to the outside."""

    departments: tuple[UUID, ...] = ()
    budgets: tuple[UUID, ...] = ()


def above(keys: Iterable[UUID | None], source: str = OWNERS) -> dict[UUID | None, Above]:
    """What lies above each owner (or each department, with `DEPARTMENTS`)."""
    wanted = {key for key in keys if key is not None}
    found: dict[UUID | None, Above] = {None: Above()}
    for key, departments, budgets in rows(
        f"""
        WITH RECURSIVE up (key, department_id, level) AS (
            SELECT start.key, start.department_id, 1 FROM ({source}) AS start (key, department_id)
            UNION ALL
            SELECT up.key, department.parent_id, up.level + 1 FROM up
            JOIN enterprises_department AS department
              ON department.enterprise_id = %(enterprise)s AND department.id = up.department_id
            WHERE department.parent_id IS NOT NULL
        )
        SELECT up.key, array_agg(up.department_id ORDER BY up.level),
               array_agg(budget.id ORDER BY up.level) FILTER (WHERE budget.id IS NOT NULL)
        FROM up LEFT JOIN quota_budget AS budget
          ON budget.enterprise_id = %(enterprise)s AND budget.department_id = up.department_id
        WHERE up.department_id IS NOT NULL
        GROUP BY up.key
        """,  # noqa: S608 - the two sources above
        {"enterprise": current_enterprise_id(), "keys": list(wanted)},
    ):
        found[key] = Above(tuple(departments), tuple(budgets or ()))
    return {key: found.get(key, Above()) for key in {None, *wanted}}


def shift(changes: Mapping[UUID | None, int], *, source: str = OWNERS, fact: bool = False) -> None:
    """Change what is counted in the budgets above each owner (or department) by the number beside it.

    Raises BudgetExceeded when a budget that gains has no room for it, unless it is a `fact` (Q11); the caller's
    transaction must then be rolled back.
    """
    found = above(changes, source)
    gains: Counter[UUID] = Counter()
    for key, number in changes.items():
        for budget in found[key].budgets:
            gains[budget] += number
    moved = {budget: number for budget, number in gains.items() if number}
    if not moved:
        return
    changed = rows(
        """
        UPDATE quota_budget AS budget SET served = budget.served + gain.number
        FROM unnest(%(budgets)s::uuid[], %(numbers)s::int[]) AS gain (budget_id, number)
        WHERE budget.enterprise_id = %(enterprise)s AND budget.id = gain.budget_id
          AND (%(fact)s OR gain.number < 0 OR budget.served + gain.number <= budget.places)
        RETURNING budget.id
        """,
        {
            "enterprise": current_enterprise_id(),
            "budgets": list(moved),
            "numbers": list(moved.values()),
            "fact": fact,
        },
    )
    refused = moved.keys() - {budget for (budget,) in changed}
    if refused:
        raise exceeded({budget: moved[budget] for budget in refused})


def exceeded(wanted: Mapping[UUID, int]) -> BudgetExceeded:
    """The refusal of what these budgets were asked for, told of the one with the least room."""
    found = row(
        """
        SELECT budget.id, department.id, department.name, budget.places, budget.served, gain.number
        FROM unnest(%(budgets)s::uuid[], %(numbers)s::int[]) AS gain (budget_id, number)
        JOIN quota_budget AS budget ON budget.enterprise_id = %(enterprise)s AND budget.id = gain.budget_id
        JOIN enterprises_department AS department
          ON department.enterprise_id = %(enterprise)s AND department.id = budget.department_id
        ORDER BY budget.places - budget.served - gain.number, budget.id LIMIT 1
        """,
        {"enterprise": current_enterprise_id(), "budgets": list(wanted), "numbers": list(wanted.values())},
    )
    assert found is not None
    budget, department, name, places, served, number = found
    missing = served + number - places
    return BudgetExceeded(
        format_lazy(
            _("The budget of “{team}” has no room: {served} of {places} places are taken, {wanted} more are needed."),
            team=name,
            served=f"{served:,}",
            places=f"{places:,}",
            wanted=f"{number:,}",
        ),
        budget=budget,
        department={"id": department, "name": name},
        places=places,
        served=served,
        wanted=number,
        remedies=[
            {"kind": "archive", "count": min(missing, served)},
            {"kind": "borrow", "count": missing},
        ],
    )


def room() -> dict[UUID, int]:
    """How many places each budget has left; negative when it is over."""
    return dict(
        rows(
            "SELECT id, places - served FROM quota_budget WHERE enterprise_id = %(enterprise)s",
            {"enterprise": current_enterprise_id()},
        )
    )


# The active contacts of each department's own people, and of the subtree below each budget. It counts the contacts'
# table by name, as that room stands above this one.
COUNTED = """
    WITH RECURSIVE own AS (
        SELECT member.department_id, sum(contact.number)::int AS number
        FROM (SELECT owner_id, count(*) AS number FROM contacts_contact
              WHERE enterprise_id = %(enterprise)s AND status = 'active' AND owner_id IS NOT NULL
              GROUP BY owner_id) AS contact
        JOIN enterprises_member AS member
          ON member.enterprise_id = %(enterprise)s AND member.id = contact.owner_id
        GROUP BY member.department_id
    ), below (budget_id, department_id) AS (
        SELECT id, department_id FROM quota_budget WHERE enterprise_id = %(enterprise)s
        UNION ALL
        SELECT below.budget_id, department.id FROM below
        JOIN enterprises_department AS department
          ON department.enterprise_id = %(enterprise)s AND department.parent_id = below.department_id
    ), counted AS (
        SELECT below.budget_id, coalesce(sum(own.number), 0)::int AS number
        FROM below LEFT JOIN own ON own.department_id = below.department_id
        GROUP BY below.budget_id
    )
"""


def recount() -> int:
    """Count the budgets anew and set those right that differ; returns how many. Under the account's lock."""
    return execute(
        f"""{COUNTED}
        UPDATE quota_budget AS budget SET served = counted.number FROM counted
        WHERE budget.enterprise_id = %(enterprise)s AND budget.id = counted.budget_id
          AND budget.served <> counted.number
        """,  # noqa: S608 - a text of ours
        {"enterprise": current_enterprise_id()},
    )
