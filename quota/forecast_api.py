"""REST of the forecast (Q15)."""

from datetime import timedelta
from typing import Any

from django.urls import path
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.errors import Invalid
from common.rest import Body
from enterprises.api.shapes import filters, page_of
from enterprises.rest import TenantAPIView, get_or_404
from quota import ledger, outlook, queries, services
from quota.models import Campaign

MOST_TEAM_DAYS = 400


class HistoryDayShape(serializers.Serializer):
    date = serializers.DateField()
    served = serializers.IntegerField(help_text="At the end of the day; today as of now.")


class ForecastPointShape(serializers.Serializer):
    date = serializers.DateField()
    served = serializers.IntegerField(help_text="Expected at the end of the day.")
    low = serializers.IntegerField()
    high = serializers.IntegerField()
    capacity = serializers.IntegerField(help_text="Of that day; falls when a package ends.")


class ForecastShape(serializers.Serializer):
    as_of = serializers.DateField(help_text="The enterprise's day on which the answer was given.")
    computed_at = serializers.DateTimeField(allow_null=True, help_text="When growth was reckoned.")
    state = serializers.ChoiceField(
        ["ready", "not_enough_data", "not_computed"], help_text="Without a forecast: why there is none."
    )
    served = serializers.IntegerField()
    capacity = serializers.IntegerField()
    full_on = serializers.DateField(allow_null=True, help_text="Null: not within the days that are forecast.")
    interval = serializers.ListField(
        child=serializers.DateField(allow_null=True),
        allow_null=True,
        help_text="[from, to]: full at the earliest and at the latest; `to` is null beyond the days that are forecast.",
    )
    history = HistoryDayShape(many=True)
    forecast = ForecastPointShape(many=True)


def represent(found: outlook.Outlook) -> dict[str, Any]:
    """The forecast as API.md shows it."""
    return {
        "as_of": found.today,
        "computed_at": found.computed,
        "state": found.state,
        "served": found.view.position.served,
        "capacity": found.view.position.capacity,
        "full_on": found.fill.expected,
        "interval": found.interval and list(found.interval),
        "history": [{"date": day, "served": served} for day, served in found.history],
        "forecast": [
            {
                "date": point.day,
                "served": point.served,
                "low": point.low,
                "high": point.high,
                "capacity": found.capacity(point.day),
            }
            for point in found.points
        ],
    }


class ForecastView(TenantAPIView):
    """Where the number of contacts comes from, where it goes, and when the scale is full at this rate."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        parameters=[
            OpenApiParameter("days", int, description=f"Of history: 1 to {services.KEPT_DAYS}, 90 by default.")
        ],
        responses=ForecastShape,
    )
    def get(self, request: Request) -> Response:
        self.check_query({"days"})
        return Response(represent(outlook.outlook(self.actor.enterprise, days=_days(request))))


def _days(request: Request, most: int = services.KEPT_DAYS) -> int:
    text = request.query_params.get("days", str(outlook.SHOWN))
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= days <= most:
        raise Invalid({"days": [format_lazy(_("Enter a whole number of days, 1 to {most}."), most=most)]})
    return days


class TeamHistoryShape(serializers.Serializer):
    department = serializers.UUIDField(allow_null=True, help_text="Null: contacts of nobody's department.")
    name = serializers.CharField(help_text="Empty for nobody's, and for a department that is gone.")
    history = HistoryDayShape(many=True)


class TeamHistoriesShape(serializers.Serializer):
    results = TeamHistoryShape(many=True)


class TeamsView(TenantAPIView):
    """How many contacts of each department were served, day by day. For roles that see the whole enterprise."""

    permissions = {"GET": "quota.view"}

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="Complete days: 1 to 400, 90 by default")],
        responses=TeamHistoriesShape,
    )
    def get(self, request: Request) -> Response:
        ledger.require_whole_enterprise(self.actor, "quota.view")
        self.check_query({"days"})
        today = queries.today(self.actor.enterprise, clock.now())
        days = [today - timedelta(days=back) for back in range(_days(request, MOST_TEAM_DAYS), 0, -1)]
        return Response({"results": [_represent_team(team) for team in outlook.teams(days)]})


class CampaignShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()


class NewCampaign(Body):
    name = serializers.CharField(max_length=64)
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="Included.")


class CampaignsView(TenantAPIView):
    """Days on which people are asked to come: past ones teach the forecast, planned ones raise it."""

    permissions = {"GET": "quota.view", "POST": "quota.buy"}

    @extend_schema(parameters=filters(), responses=page_of(CampaignShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        return self.page(Campaign.objects.all(), _represent_campaign, orderings=("starts_on",), default="-starts_on")

    @extend_schema(request=NewCampaign, responses={201: CampaignShape})
    def post(self, request: Request) -> Response:
        asked = NewCampaign(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(_represent_campaign(services.add_campaign(self.actor, **asked.validated_data)), status=201)


class CampaignView(TenantAPIView):
    """One campaign."""

    permissions = {"DELETE": "quota.buy"}

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete_campaign(self.actor, campaign=get_or_404(Campaign.objects.all(), pk))
        return Response(status=204)


def _represent_campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "starts_on": campaign.starts_on,
        "ends_on": campaign.ends_on,
    }


def _represent_team(team: outlook.Team) -> dict[str, Any]:
    return {
        "department": team.id,
        "name": team.name,
        "history": [{"date": day, "served": served} for day, served in team.served.items()],
    }


urlpatterns = [
    path("quota/campaigns", CampaignsView.as_view(), name="quota-campaigns"),
    path("quota/campaigns/<str:pk>", CampaignView.as_view(), name="quota-campaign"),
    path("quota/forecast", ForecastView.as_view(), name="quota-forecast"),
    path("quota/history/teams", TeamsView.as_view(), name="quota-history-teams"),
]
