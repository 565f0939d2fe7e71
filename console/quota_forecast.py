"""The forecast's page (Q15), and the campaigns that it learns from."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console import quota_charts as charts
from console.base import Page
from console.forms import attach
from enterprises.rest import get_or_404
from quota import outlook, services
from quota.models import Campaign

DAYS = (90, 365, 1095)
SHOWN = 10  # campaigns


class CampaignForm(forms.Form):
    """A past or planned campaign."""

    name = forms.CharField(label=_("Campaign"), max_length=64)
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs={"type": "date"}))


class Forecast(Page):
    """Where the number of contacts comes from and goes, when the scale fills, and what that rests on."""

    permission = "quota.view"
    template = "console/quota/forecast.html"
    title = _("Forecast")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(CampaignForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Write down a campaign."""
        self.actor.require("quota.buy")
        form = CampaignForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            services.add_campaign(self.actor, **form.cleaned_data)
        except Refusal as refusal:
            attach(form, refusal)
            return self.show(form, status=refusal.status)
        messages.success(request, gettext("The campaign is noted. The forecast is being reckoned anew."))
        return self.redirect(f"{reverse('forecast', kwargs={'code': self.enterprise.code})}#campaigns")

    def show(self, form: CampaignForm, status: int = 200) -> HttpResponseBase:
        asked = self.request.GET.get("days")
        days = int(asked) if asked in {str(days) for days in DAYS} else DAYS[0]
        found = outlook.outlook(self.enterprise, days=days)
        weekdays = found.facts.get("weekdays", [])
        whole = self.actor.sees_all
        lifts = found.facts.get("lifts", {})
        context = {
            "outlook": found,
            "chart": charts.outlook(found),
            "weekdays": charts.weekdays([str(name) for name in WEEKDAYS.values()], weekdays) if weekdays else None,
            # What it rests on are counts of the whole enterprise's contacts (O5).
            "last": found.points[-1] if found.points and whole else None,
            "teams": charts.teams(found) if whole else None,
            "campaigns": [(one, lifts.get(str(one.pk))) for one in Campaign.objects.all()[:SHOWN]],
            "form": form,
            "may_plan": self.actor.may("quota.buy"),
            "days": days,
            "ranges": DAYS,
        }
        return self.render(context, status=status)


class DeleteCampaign(Page):
    """Forget a campaign."""

    permission = "quota.buy"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        services.delete_campaign(self.actor, campaign=get_or_404(Campaign.objects.all(), pk))
        messages.success(request, gettext("The campaign is forgotten. The forecast is being reckoned anew."))
        return self.redirect(f"{reverse('forecast', kwargs={'code': self.enterprise.code})}#campaigns")


urlpatterns = [
    path("scale/forecast/", Forecast.as_view(), name="forecast"),
    path("scale/forecast/campaigns/<uuid:pk>/delete/", DeleteCampaign.as_view(), name="campaign-delete"),
]
