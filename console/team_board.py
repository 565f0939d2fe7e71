"""The team board (小组看板): contacts, answers within a time, per team and member, over time (O10)."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collaboration.board_files import as_csv
from collaboration.queries.board import Board, board, period, shown_to
from collaboration.queries.board_rows import Asked, Figure, rows
from common.errors import Invalid
from console import navigation
from console.base import Page
from console.listing import Listing
from contacts.rules import Kind
from enterprises.authority import managed_departments
from enterprises.models import Department
from enterprises.rest import get_or_404
from enterprises.services import policy

RANGES = (7, 30, 90)


class TeamBoard(Page):
    """Figures of a period, a chart of its days, and a table of teams and members that leads to the rows behind."""

    permission = "team.view"
    template = "console/board/board.html"
    title = gettext_lazy("Team board")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.get("days", "")
        days = int(asked) if asked in {str(one) for one in RANGES} else 30
        first, last = period(self.actor, request.GET.get("from"), request.GET.get("to"), days=days)
        department, member = request.GET.get("department", ""), request.GET.get("member", "")
        found = board(self.actor, first, last, department=department, member=member)
        if request.GET.get("format") == "csv":
            return as_csv(self.actor, found)
        managed = managed_departments(self.actor)
        departments = Department.objects.order_by("name", "id")
        if managed is not None:
            departments = departments.filter(pk__in=managed)
        people = [one for team in found.teams for one in team.members]
        context: dict[str, Any] = {
            "board": found,
            "chart": chart(found),
            "days": days if not request.GET.get("from") else None,
            "ranges": RANGES,
            "departments": departments,
            "department": department,
            "one": people[0] if member and people else None,
            "policy": policy(),
            "span": urlencode({"from": first, "to": last}),
            "losses_url": navigation.address("losses", self.enterprise.code),
        }
        return self.render(context)


class Behind(Page):
    """The events behind a figure of one member, with the time until the answer where somebody waited."""

    permission = "team.view"
    template = "console/board/rows.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        member = get_or_404(shown_to(self.actor), pk)
        self.title = member.name
        try:
            asked, errors = Asked.parse(self.actor, request.GET.dict()), {}
        except Invalid as refusal:
            asked, errors = Asked.parse(self.actor, {}), refusal.errors
        listing = Listing(request, rows(self.actor, member, asked), ordering="-at")
        hours = timedelta(hours=policy().answer_hours)
        context = {
            "member": member,
            "asked": asked,
            "errors": errors,
            "span": urlencode({"from": asked.first, "to": asked.last}),
            "figures": Figure,
            "waits": asked.figure in (Figure.ASKED, Figure.LATE),
            "listing": listing,
            "rows": [(row, Kind(row.kind).label, _in_time(row, hours)) for row in listing.rows],
        }
        return self.render(context, status=400 if errors else 200)


def _in_time(row: Any, hours: timedelta) -> bool:
    answered = getattr(row, "answered_at", None)
    return answered is not None and answered - row.at <= hours


def chart(found: Board) -> dict[str, Any]:
    """How many waited for an answer each day, and which share got it in time."""
    names = [str(one.day) for one in found.days]
    bar = {"type": "bar", "stack": "asked", "barMaxWidth": 18}
    late = [one.asked - one.in_hours for one in found.days]
    option = {
        "legend": {},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": names},
        "yAxis": [
            {"type": "value", "minInterval": 1},
            {"type": "value", "min": 0, "max": 100, "splitLine": {"show": False}},
        ],
        "series": [
            {**bar, "name": _("Answered in time"), "data": [one.in_hours for one in found.days], "color": "green"},
            {**bar, "name": _("Late or not answered"), "data": late, "color": "red"},
            {
                "type": "line",
                "name": _("Response rate (%)"),
                "yAxisIndex": 1,
                "connectNulls": True,
                "showSymbol": False,
                "color": "primary",
                "data": [None if one.rate is None else round(one.rate * 100, 1) for one in found.days],
            },
        ],
    }
    columns = [
        _("Day"),
        _("Waited for an answer"),
        _("Answered in time"),
        _("Response rate (%)"),
        _("Added"),
        _("Lost"),
    ]
    rows = [
        [
            str(one.day),
            _number(one.asked),
            _number(one.in_hours),
            "—" if one.rate is None else f"{one.rate * 100:.1f}",
            _number(one.added),
            _number(one.lost),
        ]
        for one in reversed(found.days)
    ]
    return {"option": option, "columns": columns, "rows": rows}


def _number(value: int) -> str:
    return number_format(value, decimal_pos=0, use_l10n=True, force_grouping=True)


urlpatterns = [
    path("team-board/", TeamBoard.as_view(), name="team-board"),
    path("team-board/members/<uuid:pk>/", Behind.as_view(), name="team-board-rows"),
]
