"""What the scale tells the super admins, each thing once."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from enterprises.models import Member
from enterprises.services import SUPER_ADMIN
from jobs.notifications import declare, notify
from quota import rules
from quota.models import Account, Package

declare(
    "quota.expired",
    _("The package of %(tier)s has ended. The scale is now %(capacity)s; %(served)s contacts are served."),
    lambda _data: "scale/",
)
declare(
    "quota.at_capacity",
    _("The scale of %(capacity)s is full: no contact can be added until one is archived or a package is bought."),
    lambda _data: "scale/",
)
declare(
    "quota.over",
    _("%(served)s contacts are served, more than the scale of %(capacity)s: reach and management are stopped."),
    lambda _data: "scale/",
)
declare(
    "quota.fits_again",
    _("The contacts fit the scale again: %(served)s of %(capacity)s. Everything is possible."),
    lambda _data: "scale/",
)
declare(
    "quota.differs",
    _("The ledger says %(ledger)s, the counter %(counter)s, counted are %(contacts)s contacts. We look into it."),
    lambda _data: "scale/ledger/",
)


def super_admins() -> Iterable[Member]:
    """Those who are told."""
    return Member.objects.filter(role__builtin=SUPER_ADMIN, status=Member.Status.ACTIVE).order_by("id")


def package_expired(package: Package, account: Account) -> None:
    """A package has ended (Q7)."""
    data = {"tier": package.tier, "capacity": account.capacity, "served": account.served}
    notify(super_admins(), kind="quota.expired", key=f"quota.expired:{package.pk}", data=data)


def state_changed(account: Account, state: rules.State, *, moment: str) -> None:
    """The state differs from the one last told of. Nobody is told that there are a few free places again."""
    if state is rules.State.BELOW and account.announced_state != rules.State.OVER:
        return
    kind = "quota.fits_again" if state is rules.State.BELOW else f"quota.{state}"
    data = {"capacity": account.capacity, "served": account.served}
    notify(super_admins(), kind=kind, key=f"quota.state:{moment}", data=data)


def books_differ(found: dict[str, int | bool], *, day: str) -> None:
    """The nightly comparison found a difference (Q14)."""
    notify(super_admins(), kind="quota.differs", key=f"quota.differs:{day}", data=dict(found))
