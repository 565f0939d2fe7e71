"""How many contacts will come (Q15): the statistics behind the forecast. For jobs only: the library is large.

Arrivals of a day are counts. Two Poisson regressions (statsmodels) with a level of their own for each weekday, on
days that count less the older they are: one without a trend and a short memory, one with a trend that is damped.
The forecast is their mean. How wide the interval must be is not assumed but measured: the same two regressions
forecast the enterprise's own past again and again, and their errors say how wrong they were at which distance.
benchmarks/forecast.py compares this with simpler forecasts; docs/benchmarks.md has the figures.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy.optimize import nnls
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

WEEK = 7
LEVEL_HALF_LIFE = 14  # days after which a day counts half, for the level
TREND_HALF_LIFE = 28  # and for the trend, which needs a longer view
DAMPING = 0.9  # of the trend, a day
STEEPEST = 0.1  # a day; e-fold in ten days is a campaign, no trend
FORGOTTEN = 0.01  # days that count less are left out
ALMOST_NOTHING = 0.01  # so that a weekday on which nobody ever came has a logarithm
USUAL_DAYS = 28  # on either side of a day, to know what is usual there
BURST, BURST_LEAST = 8, 20  # so many times the usual day, and at least so many, is an import and no rate
PAST_FROM = 28  # days before the first forecast of the past
PAST_STEP = 5
PAST_MOST = 400  # days of the past that are forecast again
AFTER = 7  # days after its last one on which a campaign still tells
BEFORE, BEFORE_LEAST = 28, 14  # days before it that say what would have come without it, and how many there must be
DISTANCES = (1, 7, 14, 21, 28, 42)
MONTH = 28

Span = tuple[int, int]  # first and last day of a campaign, counted from the first day of the history
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Projection:
    """How many more are served at the end of each day ahead, and what that rests on."""

    gain: list[float]
    low: list[float]
    high: list[float]
    facts: dict[str, Any] = field(default_factory=dict)


def project(
    arrived: Sequence[int],
    lost: Sequence[int],
    *,
    days: int,
    confidence: int,
    first_weekday: int = 0,
    campaigns: Sequence[Span] = (),
) -> Projection:
    """The gain of each of the next `days` days, with an interval for `confidence` per cent.

    `arrived` and `lost`: of each day from the first contact to yesterday; `first_weekday`: of the first (0 = Monday).
    `campaigns`: past ones are measured and taken out of the rate, planned ones bring what those have brought.
    Whether there are enough days is for `quota.rules` to say.
    """
    given = np.asarray(arrived, dtype=float)
    told = _told(campaigns, len(given) + days)
    known = np.where(told[: len(given)], given, usual(given))
    history, lifts = without_campaigns(known, campaigns)
    measured = [lift for lift in lifts if lift is not None]
    lift = float(np.mean(measured)) if measured else 1.0
    usual_coming = arrivals(history, days)
    ahead_told = told[len(given) :]
    coming = np.where(ahead_told, usual_coming * lift, usual_coming)
    leaving = float(np.mean(np.asarray(lost, dtype=float)[-2 * MONTH :])) if len(lost) else 0.0
    expected = np.cumsum(coming)
    scale, past = _errors(history)
    ahead = np.arange(1, days + 1)
    gone = leaving * ahead
    unsure = _spread(measured) * np.cumsum(np.where(ahead_told, usual_coming, 0.0))
    variance = _variance(expected, ahead, scale) + gone + unsure**2
    width = NormalDist().inv_cdf(0.5 + confidence / 200) * np.sqrt(variance)
    gain = expected - gone
    return Projection(
        gain=_plain(gain),
        low=_plain(np.maximum(gain - width, -gone - width * (gone > 0))),
        high=_plain(gain + width),
        facts={
            "days": len(history),
            "arrivals": int(np.sum(arrived)),
            "daily": round(float(np.mean(coming[:MONTH])), 2),
            "daily_before": round(float(np.mean(known[-MONTH:])), 2),
            "lost_daily": round(leaving, 2),
            "weekdays": _weekdays(history, first_weekday),
            "bursts": int(np.sum(known < given)),
            "lifts": [None if one is None else round(one, 2) for one in lifts],
            **_record(past, scale, confidence),
        },
    )


def usual(arrived: Numbers) -> Numbers:
    """The arrivals without bursts: a day far beyond what is usual around it is taken as the most that is usual."""
    capped = arrived.copy()
    for day in range(len(arrived)):
        around = arrived[max(0, day - USUAL_DAYS) : day + USUAL_DAYS + 1]
        busy = around[around > 0]
        limit = max(BURST_LEAST, BURST * float(np.median(busy))) if len(busy) else BURST_LEAST
        capped[day] = min(arrived[day], limit)
    return capped


def without_campaigns(history: Numbers, campaigns: Sequence[Span]) -> tuple[Numbers, list[float | None]]:
    """The history as it would have been without campaigns, and how many times the usual number each has brought.

    Usual is the mean of the same weekday in the four weeks before, without other campaigns. None: it is ahead, or
    too little is known from before it.
    """
    told = _told(campaigns, len(history))
    quiet = history.copy()
    lifts: list[float | None] = []
    for first, last in campaigns:
        window = np.arange(max(0, first), min(len(history), last + AFTER + 1))
        before = np.arange(max(0, first - BEFORE), max(0, min(first, len(history))))
        before = before[~told[before]]
        base = np.array([_mean_of(history, before, day) for day in window])
        if len(before) < BEFORE_LEAST or not len(window) or base.sum() <= 0:
            lifts.append(None)
            continue
        lift = float(history[window].sum() / base.sum())
        quiet[window] = history[window] / lift if lift > 0 else base
        lifts.append(lift)
    return quiet, lifts


def _mean_of(history: Numbers, days: Numbers, like: int) -> float:
    """The mean of the days that are the same weekday; of all when there is none."""
    same = days[days % WEEK == like % WEEK]
    return float(history[same if len(same) else days].mean()) if len(days) else 0.0


def _told(campaigns: Sequence[Span], days: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which days a campaign tells on."""
    told = np.zeros(days, dtype=bool)
    for first, last in campaigns:
        told[max(0, first) : max(0, last + AFTER + 1)] = True
    return told


def _spread(lifts: Sequence[float]) -> float:
    """How far the next campaign may be from the mean of the past ones; of a single one half of what it brought."""
    if len(lifts) > 1:
        return float(np.std(lifts, ddof=1))
    return abs(lifts[0] - 1) / 2 if lifts else 0.0


def arrivals(history: Numbers, days: int) -> Numbers:
    """The arrivals expected on each of the next `days` days."""
    level = _regression(history, days, LEVEL_HALF_LIFE, trend=False)
    trend = _regression(history, days, TREND_HALF_LIFE, trend=True)
    return (level + trend) / 2


def _regression(history: Numbers, days: int, half_life: int, *, trend: bool) -> Numbers:
    """One weighted Poisson regression on weekdays, with or without a damped trend."""
    number = len(history)
    past, ahead = np.arange(number), np.arange(number, number + days)
    weights = 0.5 ** ((number - 1 - past) / half_life)
    counts = weights > FORGOTTEN
    columns, future = _weekday(past), _weekday(ahead)
    if trend:
        columns = np.column_stack([columns, past - number + 1])
    model = sm.GLM(
        history[counts] + ALMOST_NOTHING,
        columns[counts],
        family=sm.families.Poisson(),
        freq_weights=weights[counts],
    )
    with warnings.catch_warnings():
        # Numbers that repeat exactly are foretold exactly; the library suspects a mistake.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        found = np.asarray(model.fit().params)
    if not trend:
        return np.exp(future @ found)
    slope = float(np.clip(found[-1], -STEEPEST, STEEPEST))
    damped = np.cumsum(DAMPING ** np.arange(1, days + 1))
    return np.exp(future @ found[:-1] + slope * damped)


def _weekday(days: Numbers) -> Numbers:
    columns = np.zeros((len(days), WEEK))
    columns[np.arange(len(days)), days % WEEK] = 1
    return columns


@dataclass(frozen=True)
class _Past:
    """A forecast of the past: how far ahead, how many were expected, how many came."""

    distance: int
    expected: float
    came: float


def _errors(history: Numbers) -> tuple[Numbers, list[_Past]]:
    """How the variance of the error grows, measured on forecasts of the past: a part with the number expected, and
    one with its square and the distance, as the rate itself wanders."""
    past = []
    for start in range(max(PAST_FROM, len(history) - PAST_MOST), len(history), PAST_STEP):
        expected = np.cumsum(arrivals(history[:start], min(DISTANCES[-1], len(history) - start)))
        came = np.cumsum(history[start:])
        past += [
            _Past(distance, float(expected[distance - 1]), float(came[distance - 1]))
            for distance in DISTANCES
            if distance <= len(expected)
        ]
    parts = np.array([(one.expected, one.expected**2 * one.distance) for one in past])
    squares = np.array([(one.came - one.expected) ** 2 for one in past])
    weights = 1 / np.maximum(parts[:, 0], ALMOST_NOTHING)
    scale, _rest = nnls(parts * weights[:, None], squares * weights)
    return scale, past


def _variance(expected: Numbers, distance: Numbers, scale: Numbers) -> Numbers:
    """Of the number that comes within `distance` days; never less than that of pure chance (Poisson)."""
    return np.maximum(expected, scale[0] * expected + scale[1] * expected**2 * distance)


def _record(past: list[_Past], scale: Numbers, confidence: int) -> dict[str, Any]:
    """How good forecasts four weeks ahead have been: mean error, and how often the interval held."""
    month = [one for one in past if one.distance == MONTH]
    if not month:
        return {"tried": 0}
    wide = NormalDist().inv_cdf(0.5 + confidence / 200)
    expected = np.array([one.expected for one in month])
    came = np.array([one.came for one in month])
    held = np.abs(came - expected) <= wide * np.sqrt(_variance(expected, np.full(len(month), MONTH), scale))
    return {
        "tried": len(month),
        "error": round(float(np.mean(np.abs(came - expected))), 1),
        "came": round(float(np.mean(came)), 1),
        "held": round(float(np.mean(held)), 3),
    }


def _weekdays(history: Numbers, first: int) -> list[float]:
    """Each weekday's share of an average day in the last eight weeks, from Monday on; 1 is average."""
    recent = history[-2 * MONTH :]
    start = first + len(history) - len(recent)
    days = (start + np.arange(len(recent))) % WEEK
    mean = float(np.mean(recent))
    return [round(float(np.mean(recent[days == day])) / mean, 2) if mean else 1.0 for day in range(WEEK)]


def _plain(numbers: Numbers) -> list[float]:
    return [round(float(number), 3) for number in numbers]
