"""`make backtest`: how good the forecast is, on the arrivals of a real retailer (Q15).

Rolling origin: from the 56th day on, every third day, the next 30 days are forecast from what was known then, and
compared with what came. First purchases are arrivals (UCI "Online Retail", ../shared/data). Against the simple
forecasts that it has to beat: the drift of the last value and the mean of each weekday, over the whole past and over
the last four weeks (the length that, with hindsight, suits this curve best).
"""

import csv
import gzip
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from benchmarks.case import DATA, MISSING
from quota.forecasting import arrivals, project, usual

AHEAD, FIRST, STEP, CONFIDENCE = 30, 56, 3, 90
Forecast = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Score:
    """Of one kind of forecast: the mean error of the number that came in 30 days, in contacts and in per cent; its
    bias; and the mean error of the curve on its way there."""

    mae: float
    mape: float
    bias: float
    path: float


def drift(weeks: int | None) -> Forecast:
    """Last value drift: as many a day as on average since the first day, or in the last weeks."""
    return lambda past: np.full(AHEAD, (past if weeks is None else past[-7 * weeks :]).mean())


def weekday_mean(weeks: int | None) -> Forecast:
    """Each weekday as on average since the first day, or in the last weeks."""

    def forecast(past: np.ndarray) -> np.ndarray:
        same = [past[(len(past) + day) % 7 :: 7] for day in range(7)]
        means = [(one if weeks is None else one[-weeks:]).mean() for one in same]
        return np.array([means[day % 7] for day in range(AHEAD)])

    return forecast


def ours(past: np.ndarray) -> np.ndarray:
    return arrivals(usual(past), AHEAD)


FORECASTS: dict[str, Forecast] = {
    "ours (weekday regressions, damped trend)": ours,
    "last value drift, whole past": drift(None),
    "last value drift, last 4 weeks": drift(4),
    "weekday mean, whole past": weekday_mean(None),
    "weekday mean, last 4 weeks": weekday_mean(4),
}


def curve() -> np.ndarray:
    """How many customers bought for the first time on each day."""
    first: dict[str, str] = {}
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            first[row["customer"]] = min(row["purchased_at"], first.get(row["customer"], row["purchased_at"]))
    days = sorted(date.fromisoformat(moment[:10]) for moment in first.values())
    counts = np.zeros((days[-1] - days[0]).days + 1)
    for day in days:
        counts[(day - days[0]).days] += 1
    return counts


def origins(counts: np.ndarray, step: int = STEP) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What was known, and what came then."""
    for start in range(FIRST, len(counts) - AHEAD + 1, step):
        yield counts[:start], counts[start : start + AHEAD]


def score(forecast: Forecast, counts: np.ndarray) -> Score:
    errors, shares, paths = [], [], []
    for past, came in origins(counts):
        expected = np.cumsum(forecast(past))
        actual = np.cumsum(came)
        errors.append(expected[-1] - actual[-1])
        shares.append(abs(errors[-1]) / actual[-1])
        paths.append(np.abs(expected - actual).mean())
    return Score(float(np.abs(errors).mean()), float(np.mean(shares)), float(np.mean(errors)), float(np.mean(paths)))


def coverage(counts: np.ndarray, step: int = STEP) -> dict[int, float]:
    """How often the interval held, so many days ahead."""
    held: dict[int, list[bool]] = {7: [], 14: [], 30: []}
    for past, came in origins(counts, step):
        found = project([int(one) for one in past], [0] * len(past), days=AHEAD, confidence=CONFIDENCE)
        for days, results in held.items():
            results.append(found.low[days - 1] <= came[:days].sum() <= found.high[days - 1])
    return {days: float(np.mean(results)) for days, results in held.items()}


def main() -> int:
    if not DATA.exists():
        print(f"{MISSING}.", file=sys.stderr)
        return 2
    counts = curve()
    number = sum(1 for _one in origins(counts))
    last = date(2010, 12, 1) + timedelta(days=len(counts) - 1)
    print(f"{int(counts.sum())} arrivals from 2010-12-01 to {last}; {number} forecasts of {AHEAD} days each\n")
    print("| forecast | MAE | MAPE | bias | MAE on the way |\n| --- | --- | --- | --- | --- |")
    for name, forecast in FORECASTS.items():
        found = score(forecast, counts)
        print(f"| {name} | {found.mae:.1f} | {found.mape:.1%} | {found.bias:+.1f} | {found.path:.1f} |")
    print(f"\nInterval of {CONFIDENCE} %, held:", end=" ")
    print(", ".join(f"{share:.1%} {days} days ahead" for days, share in coverage(counts).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
