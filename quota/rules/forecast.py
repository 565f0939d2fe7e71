"""The forecast's decisions (Q15): whether there are enough data, the path from today's number, the day it fills.

What the path rests on is reckoned by `quota.forecasting`, which needs a statistics library; nothing here does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from enterprises.policy import Policy

# Within the last eight weeks this many contacts must have come: a rate of next to nothing has no weekdays.
RECENT_DAYS = 56
LEAST_ARRIVALS = 20


def enough(arrived: Sequence[int], policy: Policy) -> bool:
    """Are there enough days since the first contact, and enough arrivals lately, to say anything?"""
    return len(arrived) >= policy.forecast_least_days and sum(arrived[-RECENT_DAYS:]) >= LEAST_ARRIVALS


@dataclass(frozen=True, slots=True)
class Point:
    """What is expected at the end of a day: the number served, and the ends of the interval."""

    day: date
    served: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Fill:
    """The day on which the scale fills: as expected, at the earliest and at the latest. None: not in sight."""

    expected: date | None
    earliest: date | None
    latest: date | None


def path(
    served: int,
    today: date,
    left_of_today: float,
    as_of: date,
    gain: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
) -> list[Point]:
    """From the number served now along the growth that was expected on `as_of` for each day from then on.

    Of today only the part of the day that is left is still to come. The interval is as wide as it was on the same
    distance from `as_of`: growth is forecast, while what people decide meanwhile (an archived batch) moves the
    start. Never below nobody.
    """
    start = (today - as_of).days
    if start < 0 or start >= len(gain):
        return []
    before = gain[start - 1] if start else 0.0
    come = (gain[start] - before) * (1 - left_of_today)  # today, until now
    points = []
    for index in range(start, len(gain)):
        expected = served + gain[index] - before - come
        distance = index - start
        points.append(
            Point(
                as_of + timedelta(days=index),
                max(0, round(expected)),
                max(0, round(expected - (gain[distance] - low[distance]))),
                max(0, round(expected + (high[distance] - gain[distance]))),
            )
        )
    return points


def fill(served: int, today: date, points: Sequence[Point], capacity: Callable[[date], int]) -> Fill:
    """The first days at whose end the expected number, the high and the low one reach the capacity of that day.

    Capacity may fall on the way, when a package ends. Full today is full today.
    """
    if served >= capacity(today):
        return Fill(today, today, today)

    def first(number: Callable[[Point], int]) -> date | None:
        return next((point.day for point in points if number(point) >= capacity(point.day)), None)

    return Fill(first(lambda point: point.served), first(lambda point: point.high), first(lambda point: point.low))
