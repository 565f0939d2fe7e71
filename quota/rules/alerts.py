"""When to alert (Q13): shares of the scale, with hysteresis, and days before capacity is lost. Pure.

A threshold is *reached* at its share, and *calm* again only some points below it; in between it stays as it was.
So each is raised once from the crossing until the calm after it, however much the number moves around the line.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from quota.rules.restrictions import Lapse

# More than any number of contacts: no number above is worth a look.
NEVER = 2_147_483_647


class AlertKind(Choice):
    """What an alert is about."""

    USAGE = "usage", _("Scale used")
    OVER = "over", _("Over the scale")
    EXPIRY = "expiry", _("Capacity ends")
    BUDGET = "budget", _("Budget used")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line that can be crossed. `subject` tells alike ones apart: which end of capacity, whose budget.

    `threshold`: percent for usage and budgets, days for expiry, 0 for over.
    """

    kind: AlertKind
    threshold: int = 0
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What is newly true, and what is no longer."""

    raised: frozenset[Line]
    cleared: frozenset[Line]


def calm_share(threshold: int, hysteresis: int) -> int:
    """The percent below which a threshold is calm again; never so low that it cannot be."""
    return max(threshold - hysteresis, 1)


def usage(raised: Collection[Line], served: int, capacity: int, thresholds: Iterable[int], hysteresis: int) -> Change:
    """Which alerts of the number served begin and end, given those that stand (Q13).

    A threshold that the policy no longer has ends without waiting.
    """
    shares = _shares(raised, Line(AlertKind.USAGE), served, capacity, thresholds, hysteresis)
    over, was_over = served > capacity, Line(AlertKind.OVER) in raised
    line = frozenset({Line(AlertKind.OVER)})
    return Change(
        shares.raised | (line if over and not was_over else frozenset()),
        shares.cleared | (line if was_over and not over else frozenset()),
    )


def budget_usage(
    raised: Collection[Line],
    teams: Mapping[str, tuple[int, int]],
    thresholds: Collection[int],
    hysteresis: int,
) -> Change:
    """The same for the budgets of teams (Q12): `teams` are served and places by subject. A budget that is gone ends."""
    begun: set[Line] = set()
    ended = {line for line in raised if line.kind is AlertKind.BUDGET and line.subject not in teams}
    for subject, (served, places) in teams.items():
        change = _shares(raised, Line(AlertKind.BUDGET, subject=subject), served, places, thresholds, hysteresis)
        begun |= change.raised
        ended |= change.cleared
    return Change(frozenset(begun), frozenset(ended))


def _shares(
    raised: Collection[Line], of: Line, used: int, limit: int, thresholds: Iterable[int], hysteresis: int
) -> Change:
    """The thresholds of one number and its limit. Of a limit of nothing every share is reached by the first place."""
    wanted = {replace(of, threshold=threshold) for threshold in thresholds}
    reached = {line for line in wanted if used > 0 and used * 100 >= line.threshold * limit}
    calm = {line for line in wanted if used == 0 or used * 100 < calm_share(line.threshold, hysteresis) * limit}
    known = {line for line in raised if (line.kind, line.subject) == (of.kind, of.subject)}
    kept = (known & (wanted - calm)) | reached
    return Change(frozenset(kept - known), frozenset(known - kept))


def quiet_band(raised: Collection[Line], capacity: int, thresholds: Iterable[int], hysteresis: int) -> tuple[int, int]:
    """From (inclusive) and until (exclusive) which number served `usage` changes nothing, given what stands.

    Kept on the row that decides admission, so that whoever changes the number sees for nothing that a line was
    crossed.
    """
    low, high = 0, NEVER
    for threshold in thresholds:
        if Line(AlertKind.USAGE, threshold) in raised:
            low = max(low, -(-calm_share(threshold, hysteresis) * capacity // 100))
        else:
            high = min(high, -(-threshold * capacity // 100))
    if Line(AlertKind.OVER) in raised:
        low = max(low, capacity + 1)
    else:
        high = min(high, capacity + 1)
    return low, high


def expiry(raised: Collection[Line], lapse: Lapse | None, now: datetime, days: Iterable[int], zone: tzinfo) -> Change:
    """Which alerts before the next loss of capacity begin and end: so many local days before it (Q13).

    They end when that loss is off (renewed, upgraded) or has come.
    """
    reached = set()
    subject = lapse.at.isoformat() if lapse else ""
    if lapse is not None:
        local = lapse.at.astimezone(zone)
        for count in days:
            if now >= (local - timedelta(days=count)).replace(fold=0).astimezone(UTC):
                reached.add(Line(AlertKind.EXPIRY, count, subject))
    known = {line for line in raised if line.kind is AlertKind.EXPIRY}
    kept = {line for line in known if lapse is not None and line.subject == subject} | reached
    return Change(frozenset(kept - known), frozenset(known - kept))


def telling(raised: Collection[Line]) -> Line:
    """The one alert of those raised together that says most: who jumped over four lines is told of the last.

    Over the scale before usage, more percent before less, fewer days before more.
    """
    return max(raised, key=lambda line: (line.kind is AlertKind.OVER, _weight(line)))


def _weight(line: Line) -> int:
    return -line.threshold if line.kind is AlertKind.EXPIRY else line.threshold
