"""Writes of the scale.

* `places`: admission and release of places, and the ledger. The account's row decides.
* `packages`: buying, expiry, and the number that WeCom reports.
* `alerts`: who crosses a line is told once (Q13).
* `history`, `forecast`: what the nightly job keeps of every day, and what it expects of those to come.
* `checks`: does ledger sum = counter = counted contacts hold?
"""

from quota.services.alerts import look_soon, review
from quota.services.checks import verify_and_report, verify_counts
from quota.services.forecast import refresh_forecast
from quota.services.history import KEPT_DAYS, keep_history
from quota.services.packages import MOST_SERVED, buy_package, record_expiry, record_platform_served
from quota.services.places import (
    Place,
    QuotaExceeded,
    Reason,
    admit,
    check,
    exceeded,
    give_back,
    record_facts,
    refresh_account,
    release,
    reserve,
    reserve_up_to,
    settle,
    write_ledger_from,
)

__all__ = [
    "KEPT_DAYS",
    "MOST_SERVED",
    "Place",
    "QuotaExceeded",
    "Reason",
    "admit",
    "buy_package",
    "check",
    "exceeded",
    "give_back",
    "keep_history",
    "look_soon",
    "record_expiry",
    "record_facts",
    "record_platform_served",
    "refresh_account",
    "refresh_forecast",
    "release",
    "reserve",
    "reserve_up_to",
    "review",
    "settle",
    "verify_and_report",
    "verify_counts",
    "write_ledger_from",
]
