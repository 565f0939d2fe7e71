"""The scale: overview, packages, ledger."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console import quota_charts as charts
from console.base import Page
from console.context import Meter
from console.forms import attach
from console.home import GRADE_COLOURS
from console.listing import Listing
from contacts import seats
from contacts.rules import Grade
from enterprises.services import zone
from quota import ledger, outlook, queries, rules, services
from quota.models import LedgerEntry, Package
from quota.rules import PackageKind

DAYS = (90, 365, 1095)


class PlatformForm(forms.Form):
    """The number that WeCom shows (Q2)."""

    served = forms.IntegerField(label=_("Served according to WeCom"), min_value=0, max_value=services.MOST_SERVED)


class Scale(Page):
    """How the scale stands, what that stops, what would help, and what will come."""

    permission = "quota.view"
    template = "console/quota/overview.html"
    title = _("Scale")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(PlatformForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Type in WeCom's number."""
        form = PlatformForm(request.POST)
        try:
            self.actor.require("quota.buy")
            if form.is_valid():
                services.record_platform_served(self.actor, served=form.cleaned_data["served"])
                messages.success(request, gettext("The number of WeCom is noted."))
                return self.redirect(reverse("scale", kwargs={"code": self.enterprise.code}))
        except Refusal as refusal:
            attach(form, refusal)
            return self.show(form, status=refusal.status)
        return self.show(form, status=400)

    def show(self, form: PlatformForm, status: int = 200) -> HttpResponseBase:
        view = queries.overview(self.enterprise)
        asked = self.request.GET.get("days")
        days = int(asked) if asked in {str(days) for days in DAYS} else DAYS[0]
        found = outlook.outlook(self.enterprise, days=days, view=view)
        context = {
            "view": view,
            "stopped": _grouped(view),
            "gauge": Meter(view.position.served, view.position.capacity),
            "outlook": found,
            "chart": charts.outlook(found, ahead=days),
            "days": days,
            "ranges": DAYS,
            "bars": charts.bars([row for row in view.packages if row.ends_at > view.now], view.now),
            "calendar": _calendar(view),
            "form": form,
            "may_buy": self.actor.may("quota.buy"),
            "sees_all": self.actor.sees_all,
            "sees_ledger": self.actor.sees_all and self.actor.may("quota.ledger"),
            "seats": _seats(seats.kept()) if self.actor.sees_all else None,
        }
        return self.render(context, status=status)


class Seats(Page):
    """Seats by grade, department and kind: counted apart, as that takes a second with a million contacts."""

    permission = "quota.view"
    template = "console/quota/seats.html"
    title = _("Who occupies the scale")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        ledger.require_whole_enterprise(self.actor, "quota.view")
        found = (None if request.GET.get("again") else seats.kept()) or seats.count()
        template = f"{self.template}#counts" if request.htmx else ""  # type: ignore[attr-defined]
        return self.render({"seats": _seats(found)}, template=template)


class Packages(Page):
    """What is bought, and what can be bought."""

    permission = "quota.view"
    template = "console/quota/packages.html"
    title = _("Packages")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Record a bought package."""
        order_no = request.POST.get("order_no", "").strip()[:64]
        tier = request.POST.get("tier", "")
        try:
            package = services.buy_package(
                self.actor,
                tier=int(tier) if tier.isascii() and tier.isdigit() and len(tier) < 10 else 0,
                kind=request.POST.get("kind", ""),
                order_no=order_no,
            )
        except Refusal as refusal:
            return self.show(refusal, status=refusal.status)
        messages.success(request, gettext("The package of %(tier)s is recorded.") % {"tier": f"{package.tier:,}"})
        return self.redirect(reverse("packages", kwargs={"code": self.enterprise.code}))

    def show(self, refusal: Refusal | None = None, status: int = 200) -> HttpResponseBase:
        view = queries.overview(self.enterprise)
        running = any(row.valid(view.now) for row in view.position.packages)
        now = PackageKind.UPGRADE if running else PackageKind.PURCHASE
        # Smaller tiers than today's are no upgrade: nothing to explain about them.
        choices = [
            choice
            for choice in queries.choices(view, now, self.enterprise)
            if choice.refused is None or choice.refused.code != "not_an_upgrade"
        ]
        renewals = queries.choices(view, PackageKind.RENEWAL, self.enterprise) if view.valid_until else []
        ahead = outlook.outlook(self.enterprise, days=1, view=view).points
        expected = max((point.served for point in ahead), default=None)
        context = {
            "view": view,
            "refusal": refusal,
            "kind": now,
            "choices": choices,
            "renewals": renewals,
            "smallest_now": queries.smallest(choices, view.position.served),
            "smallest_renewal": queries.smallest(renewals, view.position.served),
            "expected": expected,
            "fits_now": None if expected is None else queries.smallest(choices, expected),
            "fits_renewal": None if expected is None else queries.smallest(renewals, expected),
            "bars": charts.bars(view.packages, view.now),
            "may_buy": self.actor.may("quota.buy"),
        }
        return self.render(context, status=status)


class LedgerForm(forms.Form):
    """The filters of the ledger; the fields are named as in the API."""

    reason = forms.ChoiceField(label=_("Reason"), choices=[("", _("All")), *LedgerEntry.Reason.choices], required=False)
    contact = forms.UUIDField(required=False, widget=forms.HiddenInput)

    field_order = ("reason", "from", "to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("from", _("From")), ("to", _("Until"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=forms.DateInput(attrs={"type": "date"})
            )
        self.order_fields(self.field_order)


class Ledger(Page):
    """Every place taken and given back: when, who, why, which contact (Q14)."""

    permission = "quota.ledger"
    template = "console/quota/ledger.html"
    title = _("Ledger")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        ledger.require_whole_enterprise(self.actor, "quota.ledger")
        form = LedgerForm(request.GET)
        wanted = ledger.LedgerFilter()
        if form.is_valid():
            wanted = ledger.LedgerFilter.parse(request.GET.dict(), zone(self.enterprise))
        listing = Listing(request, wanted.entries(), ordering="-number", orderings={"number": _("Number")})
        context = {"form": form, "listing": listing, "filtered": bool(request.GET), "contact": wanted.contact}
        return self.render(context, status=200 if form.is_valid() else 400)


# --- What the templates need ------------------------------------------------------------------------------


def _grouped(view: queries.Overview) -> list[dict[str, Any]]:
    """What is stopped today: the actions that share a reason, with what would help."""
    groups: dict[str, dict[str, Any]] = {}
    for action, decision in view.decisions.items():
        if not decision.allowed:
            group = groups.setdefault(decision.code or "", {"decision": decision, "actions": []})
            group["actions"].append(action)
    return list(groups.values())


def _calendar(view: queries.Overview) -> list[dict[str, Any]]:
    """The dates ahead, in order: renewals open, packages begin and end. Of those that end together the largest."""
    dates: dict[tuple[datetime, str], Package | None] = {}
    if view.renewal.opens_at and view.renewal.opens_at > view.now:
        dates[view.renewal.opens_at, "opens"] = None
    for row in sorted(view.packages, key=lambda package: package.tier):
        if row.starts_at > view.now:
            dates[row.starts_at, "begins"] = row
        if row.ends_at > view.now:
            dates[row.ends_at, "ends"] = row
    return [
        {
            "at": at,
            "what": what,
            "package": package,
            "days": max(0, (at - view.now) // timedelta(days=1)),
            "capacity": rules.capacity(view.position.verified, view.position.packages, at, view.policy),
        }
        for (at, what), package in sorted(dates.items(), key=lambda one: one[0])
    ]


def _seats(found: seats.Seats | None) -> dict[str, Any] | None:
    if found is None:
        return None
    package = queries.running_package(found.at)
    divided = seats.divide(found, package)
    return {
        "counted": found,
        "package": package,
        "divided": divided,
        "grades": [
            (Grade(part.value), GRADE_COLOURS[Grade(part.value)], part.seats, part.cost) for part in divided.grades
        ],
        "ways": [
            {"title": _("By team"), "filter": "team", "parts": divided.departments, "without": _("Without department")},
            {"title": _("By source"), "filter": "came_by", "parts": divided.sources, "without": _("Not known")},
            {"title": _("By relation"), "filter": "relation", "parts": divided.relations, "without": ""},
        ],
        "chart": charts.seats(found),
    }


urlpatterns = [
    path("scale/", Scale.as_view(), name="scale"),
    path("scale/seats/", Seats.as_view(), name="seats"),
    path("scale/packages/", Packages.as_view(), name="packages"),
    path("scale/ledger/", Ledger.as_view(), name="ledger"),
]
