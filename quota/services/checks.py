"""Does the account tell the truth?"""

import logging
from typing import Any

from common import clock
from common.sql import dicts, row
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from quota import notices, queries
from quota.services.budgets import repair
from quota.services.teams import COUNTED

log = logging.getLogger(__name__)


def verify_counts() -> dict[str, Any]:
    """Does ledger sum = counter = counted contacts hold (Q14)? Returns the three and whether they agree.

    With budgets, each of them must be what is counted below its department (Q12); those that are not are named in
    `budgets`. One statement for each, so one snapshot. They count the contacts' table by name, as that room stands
    above this one.
    """
    found = row(
        """
        SELECT (SELECT coalesce(sum(delta), 0)::bigint FROM quota_ledgerentry WHERE enterprise_id = %(enterprise)s),
               (SELECT served FROM quota_account WHERE enterprise_id = %(enterprise)s),
               (SELECT count(*) FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND status = 'active')
        """,
        {"enterprise": current_enterprise_id()},
    )
    assert found is not None
    ledger, counter, contacts = found
    result: dict[str, Any] = {"ledger": ledger, "counter": counter, "contacts": contacts}
    if wrong := _wrong_budgets():
        result["budgets"] = wrong
    return {**result, "ok": ledger == counter == contacts and not wrong}


def _wrong_budgets() -> list[dict[str, Any]]:
    """Budgets whose counter is not what is counted."""
    return dicts(
        f"""{COUNTED}
        SELECT department.name AS department, budget.served AS counter, counted.number AS contacts
        FROM counted
        JOIN quota_budget AS budget ON budget.enterprise_id = %(enterprise)s AND budget.id = counted.budget_id
        JOIN enterprises_department AS department
          ON department.enterprise_id = %(enterprise)s AND department.id = budget.department_id
        WHERE budget.served <> counted.number
        ORDER BY department.name, budget.id
        """,  # noqa: S608 - a text of ours
        {"enterprise": current_enterprise_id()},
    )


def verify_and_report(enterprise: Enterprise) -> dict[str, Any]:
    """`verify_counts`, and tell log and super admins when they differ.

    Budgets follow from the contacts alone, so wrong ones are counted anew; the ledger is never changed.
    """
    found = verify_counts()
    if "budgets" in found:
        repair()
    if not found["ok"]:
        log.error("Ledger, counter and contacts of %s differ: %s", enterprise.pk, found)
        notices.books_differ(found, day=str(queries.today(enterprise, clock.now())))
    return found
