"""The two numbers (Q2): WeCom's and ours, the difference by cause, and what members are to release."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from common.errors import NotFound, Refusal
from console.base import Page
from console.forms import attach
from console.imports import job_address
from console.listing import Listing
from contacts import platform
from contacts.models import PlatformDifference
from contacts.services import platform as services
from enterprises.models import Role
from quota import ledger
from quota.services import MOST_SERVED, record_platform_served

Cause = PlatformDifference.Cause


class NumberForm(forms.Form):
    """The number that WeCom shows."""

    served = forms.IntegerField(label=_("Served according to WeCom"), min_value=0, max_value=MOST_SERVED)


class PlatformNumber(Page):
    """Both numbers, and what explains the difference."""

    permission = "quota.view"
    template = "console/quota/platform.html"
    title = _("Two numbers")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(NumberForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Type in WeCom's number."""
        ledger.require_whole_enterprise(self.actor, "quota.buy")
        form = NumberForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            record_platform_served(self.actor, served=form.cleaned_data["served"])
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The number of WeCom is noted."))
        return self.redirect(reverse("platform-number", kwargs={"code": self.enterprise.code}))

    def show(self, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        found = platform.explain(self.actor)
        members = platform.release_by_member(self.actor)
        context = {
            "found": found,
            "form": form,
            "may_buy": self.actor.may("quota.buy"),
            "members": members[:10],
            "more_members": len(members) - 10,
        }
        return self.render(context, status=status)


class Compare(Page):
    """Compare anew."""

    permission = "quota.buy"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        run = services.start_comparison(self.actor)
        messages.success(request, gettext("The comparison has started."))
        return self.redirect(job_address(self, run))


class Differences(Page):
    """The people behind a cause."""

    permission = "quota.view"
    template = "console/quota/differences.html"

    def get(self, request: HttpRequest, cause: str) -> HttpResponseBase:
        ledger.require_whole_enterprise(self.actor, "quota.view")
        if cause not in Cause.values:
            raise NotFound()
        self.title = Cause(cause).label
        found = platform.differences(self.actor, {"cause": cause})
        listing = Listing(request, found, ordering="external_userid", orderings={"external_userid": _("Id")})
        return self.render({"listing": listing, "cause": cause})


class Release(Page):
    """Whom one is to delete in WeCom. Staff see their own; admins everybody's, or a member's."""

    permission = "contacts.view"
    template = "console/quota/release.html"
    title = _("To be released in WeCom")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        params = request.GET.dict()
        member = self.actor.member
        own = member is not None and member.role.scope == Role.Scope.RELATED
        if own and member is not None:
            params["member"] = str(member.pk)
        found = platform.release_list(self.actor, params)
        listing = Listing(request, found, ordering="id", orderings={"id": _("Added")})
        context = {"listing": listing, "own": own, "may_ask": self.actor.may("quota.buy") and not own}
        return self.render({**context, "may_export": self.actor.may("contacts.export")})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Ask the members."""
        count = services.ask_members(self.actor)
        text = ngettext("%(count)s member was asked.", "%(count)s members were asked.", count)
        messages.success(request, text % {"count": count})
        return self.redirect(reverse("release", kwargs={"code": self.enterprise.code}))


class ReleaseExport(Page):
    """The same as a file."""

    permission = "contacts.export"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        run = services.start_release_export(self.actor, format=request.POST.get("format", "xlsx"))
        messages.success(request, gettext("The export has started. The file will be on this page."))
        return self.redirect(job_address(self, run))


urlpatterns = [
    path("scale/platform/", PlatformNumber.as_view(), name="platform-number"),
    path("scale/platform/compare/", Compare.as_view(), name="platform-compare"),
    path("scale/platform/release/", Release.as_view(), name="release"),
    path("scale/platform/release/export/", ReleaseExport.as_view(), name="release-export"),
    path("scale/platform/<str:cause>/", Differences.as_view(), name="platform-differences"),
]
