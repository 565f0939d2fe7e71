"""Measuring: alternating runs, ratios, and the table of results."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class Figure:
    """A line of the results: what was measured, what is expected, what came out."""

    work: str
    expected: str
    found: str
    holds: bool | None = None


@dataclass
class Table:
    """All results, printed as they come and again as a whole at the end."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, work: str, expected: str, found: str, holds: bool | None = None) -> None:
        figure = Figure(work, expected, found, holds)
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def ratio(self, work: str, least: float, ours: Sequence[float], theirs: Sequence[float], unit: str) -> None:
        """Rates (more is better) of both, measured in turns."""
        ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
        middle = statistics.median(ratios)
        found = (
            f"{middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f}); ours {_number(statistics.median(ours))} {unit},"
            f" theirs {_number(statistics.median(theirs))}"
        )
        self.add(work, f">= {least} of it", found, middle >= least)

    def print(self) -> None:
        """The whole as Markdown."""
        print("\n| work | expected | found | |\n| --- | --- | --- | --- |")
        for figure in self.figures:
            mark = {True: "ok", False: "below", None: ""}[figure.holds]
            print(f"| {figure.work} | {figure.expected} | {figure.found} | {mark} |")


def in_turns(ours: Callable[[], T], theirs: Callable[[], T], rounds: int) -> tuple[list[T], list[T]]:
    """What both return, measured alternately, so that the machine's moods meet both."""
    found: tuple[list[T], list[T]] = ([], [])
    for number in range(rounds):
        pair = (0, 1) if number % 2 == 0 else (1, 0)
        for which in pair:
            found[which].append((ours, theirs)[which]())
    return found


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(name: str, value: Any) -> None:
    """A detail, for whoever looks for the reason of a figure."""
    print(f"    {name}: {json.dumps(value, default=str, ensure_ascii=False)}", flush=True)


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def _line(figure: Figure) -> str:
    mark = {True: "ok", False: "BELOW", None: ""}[figure.holds]
    return f"{figure.work:<62} {figure.expected:<18} {figure.found:<60} {mark}"
