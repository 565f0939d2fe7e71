"""What is drawn on the pages of the scale: ECharts options as plain data, and bars as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from contacts.seats import Seats
from quota import outlook as outlooks
from quota.models import Package
from quota.outlook import Outlook

# Longer curves are drawn, and stand in the table, by the week: nobody reads a thousand rows.
DAILY_ROWS = 400


def outlook(found: Outlook, *, ahead: int | None = None) -> dict[str, Any]:
    """Past, forecast with its interval, and the scale, at the end of each day, in one chart (Q15).

    The scale is drawn as today's verification, packages and policy give it, so that it falls where a package ends.
    `ahead`: how many days of the forecast are drawn; all when left out.
    """
    past = _thinned(found.history)
    points = _thinned(found.points[1:][:ahead])
    days = [day for day, _served in past] + [point.day for point in points]
    blank, gap = [None] * (len(past) - 1), [None] * len(points)
    served = [number for _day, number in past]
    now = served[-1:]
    low = [*blank, *now, *(point.low for point in points)]
    high = [*blank, *now, *(point.high for point in points)]
    line = {"type": "line", "showSymbol": False, "smooth": False}
    hidden = {**line, "stack": "interval", "lineStyle": {"opacity": 0}, "tooltip": {"show": False}, "silent": True}
    unseen = {**line, "color": "azure", "lineStyle": {"opacity": 0}}
    series: list[dict[str, Any]] = [
        {**line, "name": _("Served"), "data": [*served, *gap], "areaStyle": {"opacity": 0.12}, "color": "primary"},
    ]
    if points:
        expected = [*blank, *now, *(point.served for point in points)]
        wide = [None if least is None else most - least for least, most in zip(low, high, strict=True)]
        series += [
            {**line, "name": _("Forecast"), "data": expected, "color": "azure", "lineStyle": {"type": "dashed"}},
            {**unseen, "name": _("At least"), "data": low},
            {**unseen, "name": _("At most"), "data": high},
            {**hidden, "name": "low", "data": low},
            {**hidden, "name": "high", "data": wide, "color": "azure", "areaStyle": {"opacity": 0.18}},
        ]
    scale = [found.capacity(day) for day in days]
    series.append(
        {
            **line,
            "name": _("Scale"),
            "data": scale,
            "step": "end",
            "color": "red",
            "lineStyle": {"type": "dashed", "width": 1.5},
            **_marks(found, days),
        }
    )
    option = {
        "legend": {"data": [_("Served"), *([_("Forecast")] if points else []), _("Scale")]},
        # Below the legend there is room for the day it fills.
        "grid": {"left": 8, "right": 16, "top": 52, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "boundaryGap": False, "data": [str(day) for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": series,
    }
    rows = [[str(day), _number(number), "", _number(found.capacity(day))] for day, number in past] + [
        [
            str(point.day),
            _number(point.served),
            f"{_number(point.low)} – {_number(point.high)}",
            _number(found.capacity(point.day)),
        ]
        for point in points
    ]
    return {"option": option, "columns": [_("Day"), _("Served"), _("Interval"), _("Scale")], "rows": rows[::-1]}


TEAMS = 8


def teams(found: Outlook) -> dict[str, Any] | None:
    """The largest departments through time, and all others together; None while no day is written down."""
    days = [day for day, _served in _thinned(found.history[:-1])]
    listed = outlooks.teams(days)
    if not listed:
        return None
    curves = [(_team(team), [team.served.get(day, 0) for day in days]) for team in listed[:TEAMS]]
    if rest := listed[TEAMS:]:
        curves.append((_("Others"), [sum(team.served.get(day, 0) for team in rest) for day in days]))
    series = [
        {
            "type": "line",
            "showSymbol": False,
            "stack": "teams",
            "areaStyle": {"opacity": 0.3},
            "name": name,
            "data": data,
        }
        for name, data in curves
    ]
    option = {
        "legend": {"type": "scroll"},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "boundaryGap": False, "data": [str(day) for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": series,
    }
    rows = [[str(day), *(_number(data[index]) for _name, data in curves)] for index, day in enumerate(days)]
    return {"option": option, "columns": [_("Day"), *(name for name, _data in curves)], "rows": rows[::-1]}


def _team(team: outlooks.Team) -> str:
    if team.id is None:
        return _("Without department")
    return team.name or _("Former department")


def weekdays(names: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
    """How many come on each weekday; 1 is an average day."""
    option = {
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": list(names)},
        "yAxis": {"type": "value"},
        "series": [{"type": "bar", "data": list(shares), "barMaxWidth": 28, "color": "primary", "name": _("Share")}],
    }
    rows = [[name, f"{share:.2f}"] for name, share in zip(names, shares, strict=True)]
    return {"option": option, "columns": [_("Weekday"), _("Share")], "rows": rows}


def _marks(found: Outlook, days: Sequence[date]) -> dict[str, Any]:
    """A line on the day on which the scale fills, when it is drawn."""
    full = found.fill.expected
    drawn = next((day for day in days if full is not None and day >= max(full, found.today)), None)
    if full is None or drawn is None or full <= found.today:
        return {}
    words = _("full on %(day)s") % {"day": full}
    label = {"formatter": words, "position": "end", "color": "body-color", "textBorderWidth": 0}
    style = {"color": "red", "type": "solid", "width": 1}
    mark = {"xAxis": str(drawn), "label": label, "lineStyle": style}
    return {"markLine": {"symbol": "none", "silent": True, "data": [mark]}}


def _thinned(days: Sequence[Any]) -> list[Any]:
    """Every day, or of a long time every seventh, the last one always."""
    return list(days) if len(days) <= DAILY_ROWS else list(days[::-1][::7][::-1])


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


def _number(value: int) -> str:
    return number_format(value, decimal_pos=0, use_l10n=True, force_grouping=True)
