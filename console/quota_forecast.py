"""The forecast's page (Q15)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from console import quota_charts as charts
from console.base import Page
from quota import outlook
from quota.ledger import sees_all

DAYS = (90, 365, 1095)


class Forecast(Page):
    """Where the number of contacts comes from and goes, when the scale fills, and what that rests on."""

    permission = "quota.view"
    template = "console/quota/forecast.html"
    title = _("Forecast")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.get("days")
        days = int(asked) if asked in {str(days) for days in DAYS} else DAYS[0]
        found = outlook.outlook(self.enterprise, days=days)
        weekdays = found.facts.get("weekdays", [])
        context = {
            "outlook": found,
            "chart": charts.outlook(found),
            "weekdays": charts.weekdays([str(name) for name in WEEKDAYS.values()], weekdays) if weekdays else None,
            "last": found.points[-1] if found.points else None,
            "teams": charts.teams(found) if sees_all(self.actor) else None,
            "days": days,
            "ranges": DAYS,
        }
        return self.render(context)


urlpatterns = [path("scale/forecast/", Forecast.as_view(), name="forecast")]
