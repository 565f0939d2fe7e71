"""Packages: the capacity they give, when they are valid, what may be bought and when (Q3 to Q7)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import Policy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


# --- Packages and capacity -------------------------------------------------------------------------------


class PackageKind(Choice):
    """How a package was bought (Q5, Q6)."""

    PURCHASE = "purchase", _("Purchase")
    RENEWAL = "renewal", _("Renewal")
    UPGRADE = "upgrade", _("Upgrade")


def within(since: datetime | None, until: datetime | None, moment: datetime) -> bool:
    """Is the moment in the interval? Start inclusive, end exclusive, None without limit."""
    return (since is None or since <= moment) and (until is None or moment < until)


@dataclass(frozen=True, slots=True)
class Package:
    """A bought tier: the total capacity while it is valid."""

    id: UUID | str
    tier: int
    starts_at: datetime
    ends_at: datetime
    kind: PackageKind

    def valid(self, now: datetime) -> bool:
        return within(self.starts_at, self.ends_at, now)


@dataclass(frozen=True, slots=True)
class CapacityWindow:
    """A capacity and the interval in which it holds by time alone; None means without limit."""

    capacity: int
    since: datetime | None
    until: datetime | None


def capacity(verified: bool, packages: Iterable[Package], now: datetime, policy: Policy) -> int:
    """How many contacts may be served at `now` (Q3, Q7).

    The largest valid tier; a tier below the free scale takes nothing away.
    """
    if not verified:
        return policy.free_unverified
    return max([policy.free_verified, *(package.tier for package in packages if package.valid(now))])


def capacity_window(verified: bool, packages: Collection[Package], now: datetime, policy: Policy) -> CapacityWindow:
    """The capacity at `now` and the longest interval around `now` in which time alone leaves it so (Q7).

    Starts and ends of packages that change nothing do not divide the interval.
    """
    since = until = None
    before = policy.free_verified if verified else policy.free_unverified
    for edge in sorted({edge for package in packages for edge in (package.starts_at, package.ends_at)}):
        after = capacity(verified, packages, edge, policy)
        if after != before:
            if edge > now:
                until = edge
                break
            since = edge
        before = after
    return CapacityWindow(before, since, until)


# --- Buying ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Renewal:
    """Whether a package can be renewed now, and how (Q5).

    `opens_at` and `closes_at` are None without a package. `tiers` are the offered ones that are large enough,
    `min_tier` is the smallest of them (None when there is none).
    """

    open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    min_tier: int | None
    tiers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A package that may be bought."""

    kind: PackageKind
    tier: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a package cannot be bought: a stable code, a text, and what a program can act on."""

    code: str
    detail: "str | StrPromise"
    extra: dict[str, Any] = field(default_factory=dict)


def package_end(starts_at: datetime, zone: tzinfo) -> datetime:
    """One calendar year after `starts_at` at the same local time; 29 February gives 1 March (Q4)."""
    local = starts_at.astimezone(zone)
    try:
        end = local.replace(year=local.year + 1, fold=0)
    except ValueError:  # 29 February
        end = local.replace(year=local.year + 1, month=3, day=1, fold=0)
    return end.astimezone(UTC)


def last_end(packages: Iterable[Package], now: datetime) -> datetime | None:
    """When the last package ends that runs now or is bought ahead; None when there is none."""
    return max((package.ends_at for package in packages if package.ends_at > now), default=None)


def renewal(
    packages: Collection[Package],
    served: int,
    now: datetime,
    tiers: Iterable[int],
    policy: Policy,
    zone: tzinfo,
) -> Renewal:
    """The renewal window of the package that ends last, and the tiers that are large enough (Q5).

    The window is counted in local calendar days. A renewal bought ahead moves it: its end is then the last.
    """
    enough = above(served, tiers)
    closes_at = last_end(packages, now)
    if closes_at is None:
        return Renewal(False, None, None, min(enough, default=None), enough)
    days = timedelta(days=policy.renewal_window_days)
    opens_at = (closes_at.astimezone(zone) - days).replace(fold=0).astimezone(UTC)
    return Renewal(opens_at <= now, opens_at, closes_at.astimezone(UTC), min(enough, default=None), enough)


def check(
    kind: PackageKind,
    tier: int,
    *,
    packages: Collection[Package],
    served: int,
    now: datetime,
    tiers: Collection[int],
    policy: Policy,
    zone: tzinfo,
) -> Offer | Refused:
    """May this package be bought now, and what would its validity be?

    * a purchase when none is valid: from now, for a year (Q4);
    * an upgrade to more than the largest valid tier: from now, to that one's end (Q6);
    * a renewal within the window: from the last end, for a year (Q5).

    In all three the tier must be offered and larger than the number served: a smaller one would be paid for
    and leave the enterprise over its scale. Nobody need be verified to buy, though only then it counts (Q3).
    """
    running = max((p for p in packages if p.valid(now)), key=lambda p: (p.tier, p.ends_at), default=None)
    window = renewal(packages, served, now, tiers, policy, zone)
    match kind:
        case PackageKind.PURCHASE:
            if running:
                return _package_running(running, window, zone)
            enough, starts_at, ends_at = window.tiers, now, package_end(now, zone)
        case PackageKind.UPGRADE:
            if running is None:
                return _no_package()
            if tier <= running.tier:
                return _not_an_upgrade(running, window)
            enough, starts_at, ends_at = above(running.tier, window.tiers), now, running.ends_at
        case PackageKind.RENEWAL:
            if window.opens_at is None or window.closes_at is None:
                return _no_package()
            if not window.open:
                return _window_closed(window.opens_at, packages, now, zone)
            enough, starts_at, ends_at = window.tiers, window.closes_at, package_end(window.closes_at, zone)
    if tier <= served:
        detail = _("This tier is not larger than the {served} contacts served now.")
        return Refused(
            "tier_too_small", format_lazy(detail, served=f"{served:,}"), {"served": served, "tiers": list(enough)}
        )
    if tier not in tiers:
        return Refused("unknown_tier", _("This tier is not offered."), {"tiers": list(enough)})
    return Offer(kind, tier, starts_at.astimezone(UTC), ends_at.astimezone(UTC))


def above(number: int, tiers: Iterable[int]) -> tuple[int, ...]:
    """The tiers larger than `number`, ascending."""
    return tuple(sorted({tier for tier in tiers if tier > number}))


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _no_package() -> Refused:
    return Refused("no_package", _("No package is valid now; buy one."))


def _package_running(running: Package, window: Renewal, zone: tzinfo) -> Refused:
    detail = _("A package of {tier} is valid until {until}; upgrade it now, or renew it from {opens} on.")
    assert window.opens_at is not None  # a valid package has an end ahead
    text = format_lazy(
        detail, tier=f"{running.tier:,}", until=_local(running.ends_at, zone), opens=_local(window.opens_at, zone)
    )
    upgrades = list(above(running.tier, window.tiers))
    extra = {"valid_until": running.ends_at, "opens_at": window.opens_at, "tiers": upgrades}
    return Refused("package_running", text, extra)


def _not_an_upgrade(running: Package, window: Renewal) -> Refused:
    detail = format_lazy(_("An upgrade must be larger than the valid package of {tier}."), tier=f"{running.tier:,}")
    return Refused(
        "not_an_upgrade", detail, {"current": running.tier, "tiers": list(above(running.tier, window.tiers))}
    )


def _window_closed(opens_at: datetime, packages: Iterable[Package], now: datetime, zone: tzinfo) -> Refused:
    if any(package.kind == PackageKind.RENEWAL and package.starts_at > now for package in packages):
        detail = _("The package is already renewed; the next renewal opens on {opens}.")
    else:
        detail = _("The renewal window opens on {opens}.")
    return Refused("renewal_window_closed", format_lazy(detail, opens=_local(opens_at, zone)), {"opens_at": opens_at})
