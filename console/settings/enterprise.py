"""The enterprise itself."""

from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.forms import attach
from enterprises.services import rename_enterprise


class EnterpriseForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=128)
    timezone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Dates, deadlines and the nightly jobs are decided in it.")
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        zones = sorted(available_timezones())
        self.fields["timezone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]


class Enterprise(Page):
    """Name and time zone; what the platform says about it."""

    permission = "policy.manage"
    template = "console/settings/enterprise.html"
    title = _("Enterprise")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        initial = {"name": self.enterprise.name, "timezone": self.enterprise.timezone}
        return self.render({"form": EnterpriseForm(initial=initial)})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = EnterpriseForm(request.POST)
        if not form.is_valid():
            return self.render({"form": form}, status=400)
        try:
            rename_enterprise(self.actor, **form.cleaned_data)
        except Refusal as refusal:
            return self.render({"form": attach(form, refusal)}, status=refusal.status)
        messages.success(request, gettext("The enterprise was saved."))
        return self.redirect(request.path)


urlpatterns = [path("enterprise/", Enterprise.as_view(), name="enterprise")]
