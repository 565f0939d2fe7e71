"""The scale's decisions (Q1 to Q9): pure functions and values. Time, zone and policy are always arguments.

* How many contacts may be served now, and until when?             `capacity`, `capacity_window`
* What may be bought, when does it start and end?                  `renewal`, `check`
* Where does the enterprise stand?                                 `Position`, `state`
* May it do this now, and if not, why and what would help?         `decide`
* What will the next expiry bring?                                 `lapse`
* What would stop at another moment, with another number served?   `rehearse`
* When is somebody to be alerted?                                  `usage`, `expiry`, `quiet_band`, `telling`
* Where does growth lead, and when does the scale fill?            `enough`, `path`, `fill`
* How large may the budget of a team be?                           `BudgetTree`

Every interval includes its start and excludes its end. Datetimes are aware; new ones are in UTC.
"""

from quota.rules.alerts import AlertKind, Line, budget_usage, expiry, quiet_band, telling, usage
from quota.rules.budgets import BudgetTree
from quota.rules.forecast import LEAST_ARRIVALS, Fill, Point, enough, fill, path
from quota.rules.packages import (
    CapacityWindow,
    Offer,
    Package,
    PackageKind,
    Refused,
    Renewal,
    capacity,
    capacity_window,
    check,
    last_end,
    package_end,
    renewal,
    within,
)
from quota.rules.restrictions import (
    Action,
    Archive,
    Buy,
    Decision,
    Lapse,
    Position,
    Rehearsal,
    Remedy,
    Renew,
    State,
    Verify,
    decide,
    lapse,
    rehearse,
    remedies,
    state,
)

__all__ = [
    "LEAST_ARRIVALS",
    "Action",
    "AlertKind",
    "Archive",
    "BudgetTree",
    "Buy",
    "CapacityWindow",
    "Decision",
    "Fill",
    "Lapse",
    "Line",
    "Offer",
    "Package",
    "PackageKind",
    "Point",
    "Position",
    "Refused",
    "Rehearsal",
    "Remedy",
    "Renew",
    "Renewal",
    "State",
    "Verify",
    "budget_usage",
    "capacity",
    "capacity_window",
    "check",
    "decide",
    "enough",
    "expiry",
    "fill",
    "lapse",
    "last_end",
    "package_end",
    "path",
    "quiet_band",
    "rehearse",
    "remedies",
    "renewal",
    "state",
    "telling",
    "usage",
    "within",
]
