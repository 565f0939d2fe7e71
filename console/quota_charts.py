"""What is drawn on the pages of the scale: ECharts options as plain data, and bars as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from contacts.seats import Seats
from quota import rules
from quota.models import Package
from quota.queries import Overview


def history(served: Sequence[tuple[date, int]], view: Overview, zone: tzinfo) -> dict[str, Any]:
    """Served and scale at the end of each day; the scale as today's verification and policy give it."""
    days = [str(day) for day, _served in served]
    numbers = [number for _day, number in served]
    scale = [_capacity(day, view, zone) for day, _served in served]
    line = {"type": "line", "showSymbol": False, "smooth": False}
    option = {
        "legend": {},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "boundaryGap": False, "data": days},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {**line, "name": _("Served"), "data": numbers, "areaStyle": {"opacity": 0.12}, "color": "primary"},
            {
                **line,
                "name": _("Scale"),
                "data": scale,
                "step": "end",
                "color": "red",
                "lineStyle": {"type": "dashed", "width": 1.5},
            },
        ],
    }
    rows = [[day, _number(a), _number(b)] for day, a, b in zip(days, numbers, scale, strict=True)]
    return {"option": option, "columns": [_("Day"), _("Served"), _("Scale")], "rows": rows[::-1]}


def seats(found: Seats) -> dict[str, Any]:
    """Seats by department, largest on top."""
    listed = found.by_department[:15]
    names = [name or _("Without department") for _pk, name, _count in listed]
    counts = [number for _pk, _name, number in listed]
    option = {
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "minInterval": 1},
        "yAxis": {"type": "category", "inverse": True, "data": names},
        "series": [{"type": "bar", "data": counts, "barMaxWidth": 18, "color": "primary", "name": _("Served")}],
    }
    rows = [[name, _number(number)] for name, number in zip(names, counts, strict=True)]
    return {"option": option, "columns": [_("Department"), _("Served")], "rows": rows}


@dataclass(frozen=True)
class Bar:
    """A package in the shared time line: where its bar begins and how long it is, in per cent."""

    package: Package
    state: str
    start: str
    width: str
    today: str


def bars(packages: Sequence[Package], now: datetime) -> list[Bar]:
    """The packages drawn in one time line, newest first."""
    if not packages:
        return []
    first = min([now, *(package.starts_at for package in packages)])
    span = max([now, *(package.ends_at for package in packages)]) - first

    def share(length: timedelta) -> str:
        return f"{length / span * 100:.2f}"

    return [
        Bar(
            package,
            _state(package, now),
            share(package.starts_at - first),
            share(package.ends_at - package.starts_at),
            share(now - first),
        )
        for package in sorted(packages, key=lambda one: (one.starts_at, one.tier), reverse=True)
    ]


def _state(package: Package, now: datetime) -> str:
    if package.starts_at > now:
        return "ahead"
    return "valid" if package.ends_at > now else "ended"


def _capacity(day: date, view: Overview, zone: tzinfo) -> int:
    """The scale at the end of a day, today as of now."""
    end = min(datetime.combine(day + timedelta(days=1), time(), zone) - timedelta(seconds=1), view.now)
    return rules.capacity(view.position.verified, view.position.packages, end, view.policy)


def _number(value: int) -> str:
    return number_format(value, decimal_pos=0, use_l10n=True, force_grouping=True)
