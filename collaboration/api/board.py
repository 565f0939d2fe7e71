"""REST: the team board (O10)."""

from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collaboration.board_files import as_csv
from collaboration.queries.board import FIELDS, Board, Figures, MemberFigures, board, period
from enterprises.rest import TenantAPIView
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
        return as_csv(self.board())


urlpatterns = [
    path("team-board", TeamBoardView.as_view(), name="api-team-board"),
    path("team-board/export", TeamBoardExportView.as_view(), name="api-team-board-export"),
]
