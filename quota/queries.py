"""Reads of the scale: where the enterprise stands, and what it may do there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid
from enterprises.models import Enterprise
from enterprises.policy import Policy
from enterprises.services import policy, zone
from quota import rules
from quota.models import Account, Package, TierPrice

MOST_SERVED = 10_000_000

# What the scale may forbid and everybody should see at a glance; a reply depends on its contact (Q9).
GUARDED = (
    rules.Action.ADD_CONTACT,
    rules.Action.RESTORE_CONTACT,
    rules.Action.INVITE_TO_GROUP,
    rules.Action.MASS_SEND,
    rules.Action.MOMENT,
    rules.Action.GROUP_ANNOUNCEMENT,
    rules.Action.MANAGE_GROUPS,
    rules.Action.INHERIT_RESIGNED,
)


def packages(rows: Iterable[Package] | None = None) -> tuple[rules.Package, ...]:
    """All packages of the enterprise in scope (or the given rows), as the rules know them."""
    found = Package.objects.order_by("starts_at", "id") if rows is None else rows
    return tuple(
        rules.Package(row.pk, row.tier, row.starts_at, row.ends_at, rules.PackageKind(row.kind)) for row in found
    )


def running_package(now: datetime) -> Package | None:
    """The bought package that holds now, the largest if there are several; whether it counts is another question."""
    return Package.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("-tier", "-ends_at", "id").first()


def prices(day: date) -> dict[int, TierPrice]:
    """The price of each tier offered on `day`: the newest that is effective by then."""
    newest = TierPrice.objects.filter(effective_from__lte=day).order_by("tier", "-effective_from").distinct("tier")
    return {row.tier: row for row in newest}


def today(enterprise: Enterprise, now: datetime) -> date:
    """The enterprise's calendar day."""
    return now.astimezone(zone(enterprise)).date()


def position(
    enterprise: Enterprise,
    *,
    account: Account | None = None,
    now: datetime | None = None,
    numbers: Policy | None = None,
    bought: tuple[rules.Package, ...] | None = None,
    tiers: Iterable[int] | None = None,
) -> rules.Position:
    """Where the enterprise stands now. Capacity follows from verification, packages and time alone (Q7).

    `account`: the row to tell of, when the caller decided on it; the others are what the caller has read
    already. Verification is always read anew: the caller's enterprise may be as old as a long job.
    """
    account = account or Account.objects.get()
    now = now or clock.now()
    bought = packages() if bought is None else bought
    verified = Enterprise.objects.values_list("verified", flat=True).get(pk=enterprise.pk)
    return rules.Position(
        served=account.served,
        capacity=account.capacity if account.holds(now) else rules.capacity(verified, bought, now, numbers or policy()),
        verified=verified,
        packages=bought,
        tiers=tuple(prices(today(enterprise, now)) if tiers is None else tiers),
    )


class Numbers(NamedTuple):
    """How many are served, and how many may be."""

    served: int
    capacity: int


def numbers(enterprise: Enterprise) -> Numbers:
    """The two numbers as they stand now: one query, except in the moment in which time has changed the capacity."""
    account = Account.objects.get()
    if account.holds(clock.now()):
        return Numbers(account.served, account.capacity)
    standing = position(enterprise, account=account)
    return Numbers(standing.served, standing.capacity)


def decide(
    enterprise: Enterprise,
    action: rules.Action,
    *,
    places: int = 1,
    last_inbound_at: datetime | None = None,
    standing: rules.Position | None = None,
    numbers: Policy | None = None,
) -> rules.Decision:
    """May this enterprise do this now, and if not, why and what would help (Q8)? Everybody asks here."""
    now = clock.now()
    numbers = numbers or policy()
    return rules.decide(
        action,
        standing or position(enterprise, now=now, numbers=numbers),
        now,
        numbers,
        places=places,
        last_inbound_at=last_inbound_at,
    )


@dataclass(frozen=True)
class Expiry:
    """What the next loss of capacity brings at today's number (Q7), and which actions it will stop."""

    lapse: rules.Lapse
    stops: tuple[rules.Action, ...]


@dataclass(frozen=True)
class Overview:
    """Everything that the page "Scale" and `GET quota` tell, read at one moment."""

    now: datetime
    account: Account
    position: rules.Position
    policy: Policy
    packages: list[Package]
    prices: dict[int, TierPrice]
    valid_until: datetime | None
    renewal: rules.Renewal
    decisions: dict[rules.Action, rules.Decision]
    expiry: Expiry | None

    @property
    def difference(self) -> int | None:
        """How many more WeCom counts than we do (Q2); None while its number is not known."""
        if self.account.platform_served is None:
            return None
        return self.account.platform_served - self.account.served


def overview(enterprise: Enterprise) -> Overview:
    """How the scale of the enterprise stands, what that stops, and what will come."""
    now = clock.now()
    numbers = policy()
    rows = list(Package.objects.order_by("starts_at", "id"))
    bought = packages(rows)
    offered = prices(today(enterprise, now))
    account = Account.objects.get()
    standing = position(enterprise, account=account, now=now, numbers=numbers, bought=bought, tiers=offered)
    lapse = rules.lapse(standing, now, numbers, zone(enterprise))
    return Overview(
        now=now,
        account=account,
        position=standing,
        policy=numbers,
        packages=rows,
        prices=offered,
        valid_until=rules.last_end(bought, now),
        renewal=rules.renewal(bought, standing.served, now, standing.tiers, numbers, zone(enterprise)),
        decisions={action: rules.decide(action, standing, now, numbers) for action in GUARDED},
        expiry=_expiry(enterprise, standing, lapse, now, numbers) if lapse else None,
    )


@dataclass(frozen=True)
class Choice:
    """A package that could be bought now, or why not, and the capacity when it begins."""

    kind: rules.PackageKind
    price: TierPrice
    offer: rules.Offer | None
    refused: rules.Refused | None
    capacity: int

    @property
    def tier(self) -> int:
        return self.price.tier


def choices(view: Overview, kind: rules.PackageKind, enterprise: Enterprise) -> list[Choice]:
    """What buying each offered tier as this kind would give, or why it is not possible (Q3 to Q6)."""
    return [_choice(view, kind, price, enterprise) for price in view.prices.values()]


def smallest(found: Iterable[Choice], wanted: int) -> int | None:
    """The smallest tier on offer that holds `wanted` contacts: as many as today, or as the forecast expects."""
    return min((one.tier for one in found if one.offer is not None and one.tier >= wanted), default=None)


def _choice(view: Overview, kind: rules.PackageKind, price: TierPrice, enterprise: Enterprise) -> Choice:
    bought = view.position.packages
    answer = rules.check(
        kind,
        price.tier,
        packages=bought,
        served=view.position.served,
        now=view.now,
        tiers=tuple(view.prices),
        policy=view.policy,
        zone=zone(enterprise),
    )
    if isinstance(answer, rules.Refused):
        return Choice(kind, price, None, answer, view.position.capacity)
    added = rules.Package("", answer.tier, answer.starts_at, answer.ends_at, answer.kind)
    after = rules.capacity(view.position.verified, (*bought, added), answer.starts_at, view.policy)
    return Choice(kind, price, answer, None, after)


def rehearse(
    enterprise: Enterprise, at: datetime | None = None, *, served: int | None = None, numbers: Policy | None = None
) -> rules.Rehearsal:
    """What would stop at a moment with a number served, and what would help (超限演练).

    Raises Invalid for what lies in the past or too far ahead, and for impossible numbers.
    """
    now = clock.now()
    at = at or now
    if at < now:
        raise Invalid({"at": [_("This lies in the past.")]})
    if at > now + timedelta(days=3660):
        raise Invalid({"at": [_("At most ten years ahead.")]})
    if served is not None and not 0 <= served <= MOST_SERVED:
        raise Invalid({"served": [_("Enter a number from 0 to 10 000 000.")]})
    numbers = numbers or policy()
    standing = position(enterprise, now=now, numbers=numbers)
    return rules.rehearse(standing, at, now, numbers, zone(enterprise), actions=GUARDED, served=served)


def _expiry(
    enterprise: Enterprise, standing: rules.Position, lapse: rules.Lapse, now: datetime, numbers: Policy
) -> Expiry:
    return Expiry(lapse, rules.rehearse(standing, lapse.at, now, numbers, zone(enterprise), actions=GUARDED).stops)
