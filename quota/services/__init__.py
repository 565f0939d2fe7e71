"""Writes of the scale.

* `places`: admission and release of places, and the ledger. The account's row decides.
* `packages`: buying, expiry, and the number that WeCom reports.
* `alerts`: who crosses a line is told once (Q13).
* `checks`: does ledger sum = counter = counted contacts hold?
"""

from quota.services.alerts import look_soon, review
from quota.services.checks import verify_and_report, verify_counts
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
    "MOST_SERVED",
    "Place",
    "QuotaExceeded",
    "Reason",
    "admit",
    "buy_package",
    "check",
    "exceeded",
    "give_back",
    "look_soon",
    "record_expiry",
    "record_facts",
    "record_platform_served",
    "refresh_account",
    "release",
    "reserve",
    "reserve_up_to",
    "review",
    "settle",
    "verify_and_report",
    "verify_counts",
    "write_ledger_from",
]
