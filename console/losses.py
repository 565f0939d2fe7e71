"""Losses (C4): what happened, in numbers and one by one; and who is about to fall silent."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common import paging
from common.errors import Invalid
from console.base import Page
from console.charts import bars
from console.imports import job_address
from console.listing import Listing
from console.member_choice import first_choices, options_url
from contacts import losses
from contacts.queries import nameable
from contacts.rules import Risk
from contacts.services import report_exports
from enterprises.services import policy


def trend_chart(report: losses.Report) -> dict[str, Any]:
    """Losses by day or month, by who ended the relation, with the same numbers as a table."""
    form = "%Y-%m" if report.monthly else "%Y-%m-%d"
    labels = [f"{day:{form}}" for day, *_numbers in report.trend]
    kinds = zip((str(by.label) for by in losses.By), ("red", "orange", "purple"), strict=True)
    return bars(_("Month") if report.monthly else _("Day"), report.trend, labels, kinds, stack="losses")


class Losses(Page):
    """The report, and each loss."""

    permission = "contacts.view"
    template = "console/losses/list.html"
    title = gettext_lazy("Losses")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        params = {name: request.GET[name] for name in losses.FILTERS if name in request.GET}
        try:
            asked, errors = losses.Asked.parse(self.actor, params), {}
        except Invalid as refusal:
            asked, errors = losses.Asked.parse(self.actor), refusal.errors
        report = losses.report(self.actor, asked)
        counted = paging.Count(report.total, exact=True)
        listing = Listing(request, losses.full(losses.losses(self.actor, asked)), ordering="-ended_at", counted=counted)
        members, many = first_choices(nameable(self.actor), asked.member)
        context = {
            "asked": asked,
            "errors": errors,
            "report": report,
            "chart": trend_chart(report),
            "kept": [(kept.label, number) for kept, number in report.kept.items()],
            "listing": listing,
            "rows": [(row, losses.ended_by(row), losses.days_kept(row)) for row in listing.rows],
            "members": members,
            "people_url": options_url(self.actor) if many else "",
            "bys": losses.By,
            "may_export": self.actor.may("contacts.export"),
        }
        return self.render(context, status=400 if errors else 200)


class Export(Page):
    """The losses of the page as a file."""

    permission = "contacts.export"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        asked = {name: request.GET[name] for name in losses.FILTERS if request.GET.get(name)}
        run = report_exports.start_losses(self.actor, filter=asked, format=request.POST.get("format", "xlsx"))
        messages.success(request, _("The export has started. The file will be on this page."))
        return self.redirect(job_address(self, run))


class Ahead(Page):
    """Warnings before the fact, each with its rule."""

    permission = "contacts.view"
    template = "console/losses/ahead.html"
    title = gettext_lazy("About to fall silent")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.get("risk", "")
        risk = Risk(asked) if asked in set(Risk) else Risk.SILENT_SOON
        numbers = policy()
        counts = {one: paging.count(losses.at_risk(self.actor, one)) for one in Risk}
        found = losses.at_risk(self.actor, risk).select_related("owner")
        listing = Listing(request, found, ordering="quiet_since", counted=counts[risk])
        rules = {
            Risk.SILENT_SOON: _("Nothing came from them for %(days)s days; after %(limit)s they are inactive.")
            % {"days": numbers.inactive_days - numbers.silence_warning_days, "limit": numbers.inactive_days},
            Risk.BUYER_QUIET: _("They bought often, but nothing came from them for %(days)s days.")
            % {"days": numbers.buyer_warning_days},
            Risk.VALUED_ALONE: _("Of high or middle value, and nobody was in contact with them for %(days)s days.")
            % {"days": numbers.valued_warning_days},
        }
        context = {
            "risk": risk,
            "rule": rules[risk],
            "tabs": [(one, counts[one]) for one in Risk],
            "listing": listing,
            "rows": [(contact, losses.silent_on(contact, numbers)) for contact in listing.rows],
        }
        return self.render(context)


urlpatterns = [
    path("losses/", Losses.as_view(), name="losses"),
    path("losses/export/", Export.as_view(), name="losses-export"),
    path("losses/ahead/", Ahead.as_view(), name="losses-ahead"),
]
