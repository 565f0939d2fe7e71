"""The plan's decisions (Q16, Q17): pure functions and values; the SQL of `candidates` must give what they give."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, TypeVar

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.choices import Choice

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
Key = TypeVar("Key")


class Kind(Choice):
    """What an option asks for."""

    BUY = "buy", _("Buy")
    ARCHIVE = "archive", _("Archive")
    MIX = "mix", _("Buy and archive")


@dataclass(frozen=True, slots=True)
class Target:
    """A scale that can be had: the free one, or a tier with its price a year.

    `places`: how many it is enough for. A tier must be larger than the number served when it is bought (Q5).
    """

    capacity: int
    price: Decimal
    free: bool = False

    @property
    def places(self) -> int:
        return self.capacity if self.free else self.capacity - 1


@dataclass(frozen=True, slots=True)
class Loss:
    """What some contacts spent in the window, and what they are expected to spend in the next year."""

    spend: Decimal
    expected: Decimal


@dataclass(frozen=True, slots=True)
class Option:
    """One way to fit: what it costs a year, how many are archived for it, what that puts at risk, and what it saves
    a year against the cheapest way to keep everybody (None when no tier is large enough for that)."""

    kind: Kind
    tier: int
    cost: Decimal
    archive_count: int
    value_at_risk: Decimal
    expected_loss: Decimal
    saves: Decimal | None

    @property
    def total(self) -> Decimal:
        """Cost and expected loss of a year together."""
        return self.cost + self.expected_loss


def targets(free: int, prices: Mapping[int, Decimal], *, verified: bool) -> list[Target]:
    """The scales that can be had, smallest first. Tiers count only for verified enterprises (Q3)."""
    tiers = [Target(tier, price) for tier, price in prices.items() if tier > free] if verified else []
    return [Target(free, NOTHING, free=True), *sorted(tiers, key=lambda target: target.capacity)]


def to_archive(need: int, target: Target) -> int:
    """How many must go so that the target is enough for `need`."""
    return max(0, need - target.places)


def options(need: int, having: Sequence[Target], most: int, losses: Mapping[int, Loss]) -> list[Option]:
    """The ways to fit, by kind and scale. `most`: how many can be archived at all; `losses`: of the best so many.

    Staying at the free scale is an option even when nobody need be archived for it. Tiers that are larger than the
    smallest sufficient one only cost more, and are listed for those who plan to grow.
    """
    whole = [target.price for target in having if not to_archive(need, target)]
    cheapest = min(whole, default=None)
    found = []
    for target in having:
        count = to_archive(need, target)
        if count > most:
            continue
        kind = Kind.ARCHIVE if target.free else Kind.MIX if count else Kind.BUY
        loss = losses[count] if count else Loss(NOTHING, NOTHING)
        saves = None if cheapest is None else max(NOTHING, cheapest - target.price)
        found.append(Option(kind, target.capacity, target.price, count, loss.spend, loss.expected, saves))
    return found


def best(found: Iterable[Option]) -> Option | None:
    """The option that costs least in a year, what is expected to be lost included; fewer people when equal."""
    return min(found, key=lambda option: (option.total, option.archive_count, option.tier), default=None)


def expected_spend(spend: Decimal, silent_days: int, window: int) -> Decimal:
    """What a contact is expected to spend in the next year: what they spent in the window, less with silence.

    Whoever was heard of today is expected to go on as before, whoever was silent for the whole window to be gone;
    between the two it falls by the day. Simple on purpose: anybody can check it.
    """
    left = max(0, window - max(0, silent_days))
    return (max(NOTHING, spend) * left / window).quantize(CENT, ROUND_HALF_UP)


def reason(spend: Decimal, silent_days: int, window: int, expected: Decimal) -> "StrPromise":
    """Why this contact is on the list, in words."""
    if spend <= 0 and silent_days >= window:
        return format_lazy(_("Nothing spent and nothing heard in {window} days."), window=window)
    if spend <= 0:
        return format_lazy(
            _("Nothing spent in {window} days; last heard of {silent} days ago."), window=window, silent=silent_days
        )
    if not expected:
        return format_lazy(_("Silent for {silent} days: hardly a customer any more."), silent=silent_days)
    detail = _("Spent ¥{spend} in {window} days, last heard of {silent} days ago: ¥{expected} expected in a year.")
    return format_lazy(detail, spend=f"{spend:,.2f}", window=window, silent=silent_days, expected=f"{expected:,.2f}")


def share_out(total: Decimal, counts: Mapping[Key, int], places: int) -> dict[Key, Decimal]:
    """The part of a price that falls on each group, by its places (Q17); in cents that add up to their whole.

    `places`: for how many the price was paid; what the groups do not fill is nobody's. The cents that rounding
    leaves over go to the largest remainders, in the order of the groups when equal.
    """
    if places <= 0:
        return dict.fromkeys(counts, NOTHING)
    exact = {key: total * count / places / CENT for key, count in counts.items()}
    cents = {key: int(value) for key, value in exact.items()}
    whole = int((total * sum(counts.values()) / places / CENT).quantize(Decimal(1), ROUND_HALF_UP))
    by_remainder = sorted(exact, key=lambda key: exact[key] - cents[key], reverse=True)
    for key in by_remainder[: whole - sum(cents.values())]:
        cents[key] += 1
    return {key: value * CENT for key, value in cents.items()}
