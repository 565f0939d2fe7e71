"""Writes of the scale.

* `places`: admission and release of places, and the ledger. The account's row decides.
* `teams`: the budgets that a contact counts in, changed together with the account.
* `moves`: places that go from team to team with their contacts.
* `budgets`, `loans`: the size of budgets, the reserve, and borrowing between teams.
* `packages`: buying, expiry, and the number that WeCom reports.
* `alerts`: who crosses a line is told once (Q13).
* `history`, `forecast`, `campaigns`: what the nightly job keeps of every day, and what it expects of those to come.
* `checks`: does ledger sum = counter = counted contacts hold, and do the budgets?
"""

from quota.services.alerts import look_soon, review
from quota.services.budgets import (
    MOST_PLACES,
    create_budget,
    follow_people,
    remove_budget,
    resize_budget,
    set_reserve,
)
from quota.services.campaigns import add_campaign, delete_campaign
from quota.services.checks import verify_and_report, verify_counts
from quota.services.forecast import refresh_forecast
from quota.services.history import KEPT_DAYS, keep_history
from quota.services.loans import approve_loan, refuse_loan, request_loan, return_loan, withdraw_loan
from quota.services.moves import TeamGain, comes_into, move, moves_that_do_not_fit, over_budget
from quota.services.packages import MOST_SERVED, buy_package, record_expiry, record_platform_served
from quota.services.places import (
    Granted,
    Place,
    QuotaExceeded,
    Reason,
    admit,
    check,
    exceeded,
    give_back,
    lock_account,
    record_facts,
    refresh_account,
    release,
    reserve,
    reserve_up_to,
    settle,
    write_ledger_from,
)
from quota.services.teams import BudgetExceeded, Claimant

__all__ = [
    "KEPT_DAYS",
    "MOST_PLACES",
    "MOST_SERVED",
    "BudgetExceeded",
    "Claimant",
    "Granted",
    "Place",
    "QuotaExceeded",
    "Reason",
    "TeamGain",
    "add_campaign",
    "admit",
    "approve_loan",
    "buy_package",
    "check",
    "comes_into",
    "create_budget",
    "delete_campaign",
    "exceeded",
    "follow_people",
    "give_back",
    "keep_history",
    "lock_account",
    "look_soon",
    "move",
    "moves_that_do_not_fit",
    "over_budget",
    "record_expiry",
    "record_facts",
    "record_platform_served",
    "refresh_account",
    "refresh_forecast",
    "refuse_loan",
    "release",
    "remove_budget",
    "request_loan",
    "reserve",
    "reserve_up_to",
    "resize_budget",
    "return_loan",
    "review",
    "set_reserve",
    "settle",
    "verify_and_report",
    "verify_counts",
    "withdraw_loan",
    "write_ledger_from",
]
