"""REST: the team board (O10)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collaboration.board_files import as_csv
from collaboration.queries.board import FIELDS, Board, Figures, MemberFigures, board, period, shown_to
from collaboration.queries.board_rows import FILTERS as FIGURE_FILTERS
from collaboration.queries.board_rows import Asked, Figure, rows
from contacts.models import Interaction
from enterprises.api.shapes import Moment, Named, filters, page_of
from enterprises.rest import TenantAPIView, get_or_404
from enterprises.services import policy

FILTERS = ("from", "to", "department", "member")
PARAMETERS = [
    OpenApiParameter("from", OpenApiTypes.DATE, description="First day; 30 days up to the last when left out."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, included; today when left out."),
    OpenApiParameter("department", str, description="A department's id: its members and those below."),
    OpenApiParameter("member", str, description="A member's id."),
]


class BoardFiguresShape(serializers.Serializer):
    high = serializers.IntegerField(help_text="Served contacts of high value at the end of the period.")
    middle = serializers.IntegerField()
    low = serializers.IntegerField()
    silent = serializers.IntegerField(help_text="Inactive ones among them.")
    added = serializers.IntegerField()
    lost = serializers.IntegerField(help_text="Contacts that deleted the member.")
    follow_ups = serializers.IntegerField()
    asked = serializers.IntegerField(help_text="How often a contact wrote and waited for an answer.")
    answered = serializers.IntegerField()
    in_minutes = serializers.IntegerField(help_text="Answered within `answer_minutes`.")
    in_hours = serializers.IntegerField(help_text="Answered within `answer_hours`.")
    rate = serializers.FloatField(allow_null=True, help_text="in_hours / asked")


class BoardMemberShape(BoardFiguresShape):
    id = serializers.UUIDField()
    name = serializers.CharField()


class BoardTeamShape(BoardFiguresShape):
    id = serializers.UUIDField(allow_null=True, help_text="Null: members without a department.")
    name = serializers.CharField()
    members = BoardMemberShape(many=True)


class BoardDayShape(BoardFiguresShape):
    day = serializers.DateField()


class BoardShape(serializers.Serializer):
    first = serializers.DateField()
    last = serializers.DateField()
    answer_minutes = serializers.IntegerField()
    answer_hours = serializers.IntegerField()
    total = BoardFiguresShape()
    teams = BoardTeamShape(many=True)
    days = BoardDayShape(many=True)


def figures(one: Figures, **more: Any) -> dict[str, Any]:
    """Numbers as the API shows them."""
    return {**more, **{name: getattr(one, name) for name in FIELDS}, "rate": one.rate}


def _member(one: MemberFigures) -> dict[str, Any]:
    return figures(one, id=one.id, name=one.name)


class BoardView(TenantAPIView):
    """What the views of the board share."""

    permissions = {"GET": "team.view"}

    def board(self) -> Board:
        """The board that the query asks for."""
        self.check_query(FILTERS)
        query = self.request.query_params
        first, last = period(self.actor, query.get("from"), query.get("to"))
        return board(self.actor, first, last, department=query.get("department", ""), member=query.get("member", ""))


class TeamBoardView(BoardView):
    """Contacts, responses within a time, response rate, per team and member, over time."""

    @extend_schema(operation_id="team_board", parameters=PARAMETERS, responses=BoardShape)
    def get(self, request: Request) -> Response:
        found = self.board()
        numbers = policy()
        return Response(
            {
                "first": found.first,
                "last": found.last,
                "answer_minutes": numbers.answer_minutes,
                "answer_hours": numbers.answer_hours,
                "total": figures(found.total),
                "teams": [
                    figures(team, id=team.id, name=team.name, members=[_member(one) for one in team.members])
                    for team in found.teams
                ],
                "days": [figures(one, day=one.day) for one in found.days],
            }
        )


class TeamBoardExportView(BoardView):
    """The members' figures as CSV."""

    any_accept = True

    @extend_schema(
        operation_id="team_board_export",
        parameters=PARAMETERS,
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request) -> HttpResponse:
        return as_csv(self.actor, self.board())


class BoardRowShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = Named()
    kind = serializers.CharField()
    at = Moment()
    answered_at = Moment(allow_null=True, help_text="Of who waited for an answer: when it came; null when it did not.")


def _row(one: Interaction) -> dict[str, Any]:
    contact = one.contact
    return {
        "id": one.pk,
        "contact": {"id": contact.pk, "name": str(contact)},
        "kind": one.kind,
        "at": one.at,
        "answered_at": getattr(one, "answered_at", None),
    }


class TeamBoardRowsView(TenantAPIView):
    """What stands behind a figure of one member: the events, of contacts that one sees, the newest first.

    Lost contacts: `losses` with `member`, `by=contact`, `from` and `to`.
    """

    permissions = {"GET": "team.view"}

    @extend_schema(
        operation_id="team_board_rows",
        parameters=[
            *filters(),
            *(one for one in PARAMETERS if one.name in ("from", "to")),
            OpenApiParameter(
                "figure", str, enum=[one.value for one in Figure], description="Which figure; `asked` when left out."
            ),
        ],
        responses=page_of(BoardRowShape),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        self.check_query(FIGURE_FILTERS)
        member = get_or_404(shown_to(self.actor), pk)
        found = rows(self.actor, member, Asked.parse(self.actor, request.query_params))
        return self.page(found, _row, orderings=("at",), default="-at")


urlpatterns = [
    path("team-board/members/<uuid:pk>", TeamBoardRowsView.as_view(), name="api-team-board-rows"),
    path("team-board", TeamBoardView.as_view(), name="api-team-board"),
    path("team-board/export", TeamBoardExportView.as_view(), name="api-team-board-export"),
]
