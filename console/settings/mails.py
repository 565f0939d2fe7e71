"""The log of mails: did it go out?"""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from console.contact_forms import member_choices
from console.listing import Listing
from console.settings.alerts import AlertsPage, describe
from jobs import mail_log
from jobs.models import Delivery


class Mails(AlertsPage):
    """To whom, about what, and what the mail server said."""

    template = "console/alerts/mails.html"
    title = _("Mails")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = {name: request.GET[name] for name in mail_log.FILTERS if request.GET.get(name)}
        listing = Listing(request, mail_log.mails(self.actor, asked), ordering="-created_at")
        context: dict[str, Any] = {
            "listing": listing,
            "rows": [describe(row) for row in listing.rows],
            "asked": asked,
            "states": Delivery.State.choices,
            "members": member_choices(self.actor),
        }
        return self.render(context)


urlpatterns = [path("alerts/mails/", Mails.as_view(), name="mails")]
