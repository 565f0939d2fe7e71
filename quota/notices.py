"""What the scale tells the super admins, each thing once."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from enterprises.models import Member
from jobs.notifications import declare, notify, super_admins
from quota import rules
from quota.models import Account, Alert, Budget, Loan, Package

_ALERT = {"mail": True, "event": True, "admins": True}

declare(
    "quota.threshold",
    _("%(percent)s%% of the scale is used: %(served)s of %(capacity)s contacts."),
    lambda _data: "scale/",
    label=_("A threshold of the scale is reached"),
    **_ALERT,
)
declare(
    "quota.budget_threshold",
    _("%(percent)s%% of the budget of %(team)s is used: %(served)s of %(places)s places."),
    lambda _data: "scale/budgets/",
    label=_("A threshold of a team's budget is reached"),
    mail=True,
    event=True,
)
declare(
    "quota.expiring",
    _("Days left: %(days)s. Then the scale falls to %(capacity)s unless you renew; %(served)s contacts are served."),
    lambda _data: "scale/packages/",
    label=_("The package ends soon"),
    **_ALERT,
)
declare(
    "quota.expired",
    _("The package of %(tier)s has ended. The scale is now %(capacity)s; %(served)s contacts are served."),
    lambda _data: "scale/",
    label=_("A package has ended"),
    **_ALERT,
)
declare(
    "quota.at_capacity",
    _("The scale of %(capacity)s is full: no contact can be added until one is archived or a package is bought."),
    lambda _data: "scale/",
    label=_("The scale is full"),
    **_ALERT,
)
declare(
    "quota.over",
    _("%(served)s contacts are served, more than the scale of %(capacity)s: reach and management are stopped."),
    lambda _data: "scale/",
    label=_("The scale is exceeded"),
    **_ALERT,
)
declare(
    "quota.fits_again",
    _("The contacts fit the scale again: %(served)s of %(capacity)s. Reach and management are possible."),
    lambda _data: "scale/",
    label=_("The contacts fit the scale again"),
    **_ALERT,
)
declare(
    "quota.differs",
    _("The ledger says %(ledger)s, the counter %(counter)s, counted are %(contacts)s contacts. We look into it."),
    lambda _data: "scale/ledger/",
    label=_("Ledger, counter and contacts differ"),
    mail=True,
    admins=True,
)
declare(
    "quota.loan_requested",
    _("%(borrower)s asks for %(places)s places."),
    lambda _data: "scale/budgets/loans/",
    label=_("A team asks for places"),
)
declare(
    "quota.loan_approved",
    _("%(borrower)s was lent %(places)s places."),
    lambda _data: "scale/budgets/loans/",
    label=_("Places were lent"),
)
declare(
    "quota.loan_refused",
    _("%(borrower)s was not lent the %(places)s places that were asked for."),
    lambda _data: "scale/budgets/loans/",
    label=_("Places were not lent"),
)


def package_expired(package: Package, account: Account) -> None:
    """A package has ended (Q7)."""
    data = {"tier": package.tier, "capacity": account.capacity, "served": account.served}
    notify(super_admins(), kind="quota.expired", key=f"quota.expired:{package.pk}", data=data)


def alert(row: Alert, *, days: int | None = None) -> None:
    """A line was crossed (Q13). At 100 % it says what that means."""
    data: dict[str, Any] = {"threshold": row.threshold, "served": row.served, "capacity": row.capacity}
    match row.line.kind:
        case rules.AlertKind.EXPIRY:
            kind = "quota.expiring"
            data |= {"days": days, "at": row.subject}
        case rules.AlertKind.OVER:
            kind = "quota.over"
        case rules.AlertKind.USAGE:
            kind = "quota.at_capacity" if row.served >= row.capacity else "quota.threshold"
            data["percent"] = row.served * 100 // row.capacity
    notify(super_admins(), kind=kind, key=f"quota.alert:{row.pk}", data=data)


def budget_alert(row: Alert, budget: Budget) -> None:
    """A team comes near the end of its budget (Q12): its leader is told as well."""
    team = budget.department
    people = {member.pk: member for member in super_admins()}
    if team.leader is not None and team.leader.is_active:
        people[team.leader.pk] = team.leader
    percent = row.served * 100 // row.capacity if row.capacity else 100
    data = {"team": team.name, "percent": percent, "threshold": row.threshold, "served": row.served}
    data |= {"places": row.capacity, "budget": str(budget.pk)}
    notify(people.values(), kind="quota.budget_threshold", key=f"quota.alert:{row.pk}", data=data)


def fits_again(row: Alert, *, served: int, capacity: int) -> None:
    """What was over its scale is so no longer."""
    data = {"served": served, "capacity": capacity}
    notify(super_admins(), kind="quota.fits_again", key=f"quota.fits_again:{row.pk}", data=data)


def books_differ(found: dict[str, Any], *, day: str) -> None:
    """The nightly comparison found a difference (Q14)."""
    notify(super_admins(), kind="quota.differs", key=f"quota.differs:{day}", data=dict(found))


def loan_requested(loan: Loan) -> None:
    """A team asks for places: those who may decide are told, the super admins and the leader of who would lend."""
    deciders = {member.pk: member for member in super_admins()}
    if loan.lender is not None and (leader := loan.lender.department.leader) is not None:
        deciders[leader.pk] = leader
    deciders.pop(loan.requested_by_id, None)
    _tell_of_loan(deciders.values(), loan, "quota.loan_requested")


def loan_decided(loan: Loan) -> None:
    """Whoever asked is told the answer."""
    if loan.requested_by is not None:
        _tell_of_loan([loan.requested_by], loan, f"quota.loan_{loan.state}")


def _tell_of_loan(members: Iterable[Member], loan: Loan, kind: str) -> None:
    data = {"borrower": loan.borrower.department.name, "places": loan.places}
    notify(members, kind=kind, key=f"{kind}:{loan.pk}", data=data)
