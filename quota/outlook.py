"""Reads of history and forecast (Q15): the past, the path from today's number, and the day on which the scale fills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from enterprises.models import Department, Enterprise
from enterprises.services import zone
from quota import ledger, queries, rules
from quota.models import Forecast, TeamDay

SHOWN = 90  # days of history, unless somebody asks for another number


@dataclass(frozen=True)
class Outlook:
    """Where the number of contacts comes from and where it goes, read at one moment.

    `points` is empty while there is no forecast: `computed` says whether the job has run, `facts` what it rests on.
    """

    today: date
    view: queries.Overview
    history: list[tuple[date, int]]
    points: list[rules.Point]
    fill: rules.Fill
    computed: datetime | None
    facts: dict[str, Any]
    zone: tzinfo

    @property
    def state(self) -> str:
        """ready; not_enough_data; or not_computed, when the job has not run yet or not for long."""
        if self.points:
            return "ready"
        return "not_enough_data" if "days" in self.facts and "daily" not in self.facts else "not_computed"

    @property
    def interval(self) -> tuple[date, date | None] | None:
        """The earliest and the latest day of filling; the latest is None beyond the horizon."""
        return (self.fill.earliest, self.fill.latest) if self.fill.earliest else None

    def capacity(self, day: date) -> int:
        """The capacity at the end of a day, as today's verification, packages and policy give it; today as of now."""
        return _capacity(self.view, self.today, self.zone)(day)


def outlook(enterprise: Enterprise, *, days: int = SHOWN, view: queries.Overview | None = None) -> Outlook:
    """History of the last `days` complete days and today, and the forecast from the number served now."""
    view = view or queries.overview(enterprise)
    local = zone(enterprise)
    now = view.now.astimezone(local)
    today = now.date()
    served = view.position.served
    forecast = Forecast.objects.first()
    points = []
    if forecast is not None and forecast.gain:
        midnight = datetime.combine(today, time(), local)
        left = 1 - (now - midnight) / timedelta(days=1)
        points = rules.path(served, today, max(0.0, left), forecast.as_of, forecast.gain, forecast.low, forecast.high)
    return Outlook(
        today=today,
        view=view,
        history=[*(ledger.served_by_day(days, view.now, local)[:-1] if days > 1 else ()), (today, served)],
        points=points,
        fill=rules.fill(served, today, points, _capacity(view, today, local)),
        computed=forecast.computed_at if forecast is not None else None,
        facts=forecast.facts if forecast is not None else {},
        zone=local,
    )


def _capacity(view: queries.Overview, today: date, local: tzinfo) -> Callable[[date], int]:
    edges = sorted({edge for package in view.position.packages for edge in (package.starts_at, package.ends_at)})
    known: dict[tuple[bool, ...], int] = {}

    def capacity(day: date) -> int:
        moment = datetime.combine(day + timedelta(days=1), time(), local) - timedelta(microseconds=1)
        moment = view.now if day == today else moment
        key = tuple(edge <= moment for edge in edges)
        if key not in known:
            known[key] = rules.capacity(view.position.verified, view.position.packages, moment, view.policy)
        return known[key]

    return capacity


@dataclass(frozen=True)
class Team:
    """A department through time: how many were served at the end of each day, as far as there were any.

    `id` is None for contacts of nobody's department; `name` is empty for that, and for a department that is gone.
    """

    id: UUID | None
    name: str
    served: dict[date, int]


def teams(days: Sequence[date]) -> list[Team]:
    """The departments on some days that are written down, largest at the end first."""
    found: dict[UUID | None, dict[date, int]] = {}
    kept = TeamDay.objects.filter(day__in=days).order_by("day")
    for day, department, served in kept.values_list("day", "department_id", "served"):
        found.setdefault(department, {})[day] = served
    names = dict(Department.objects.filter(pk__in=[pk for pk in found if pk]).values_list("pk", "name"))
    listed = [Team(pk, names.get(pk, "") if pk else "", served) for pk, served in found.items()]
    return sorted(listed, key=lambda team: (-team.served.get(days[-1], 0), str(team.id)))
