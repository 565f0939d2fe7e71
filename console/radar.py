"""The duplicate radar (撞单): who follows the same contact, and one click to settle whose it is (O9)."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from collaboration.models import Duplicate
from collaboration.queries import duplicates as queries
from collaboration.rules.duplicates import By, Others, State
from collaboration.services import duplicates as services
from console.base import Page
from console.imports import job_address
from console.listing import Listing
from enterprises.models import Member
from enterprises.rest import get_or_404
from enterprises.services import policy


class Radar(Page):
    """The open ones, those joined lately first; what was settled, with its undo."""

    permission = services.PERMISSION
    template = "console/radar/list.html"
    title = _("Duplicates")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        state = State.SETTLED if request.GET.get("state") == State.SETTLED else State.OPEN
        found = queries.duplicates(self.actor, {"state": state.value})
        listing = Listing(request, found, ordering="-joined_at", orderings={"joined_at": _("Joined last")})
        followers = queries.followers(listing.rows)
        for row in listing.rows:
            row.who = followers.get(row.contact_id, [])
        context: dict[str, Any] = {
            "listing": listing,
            "state": state,
            "tabs": State,
            "rules": By,
            "others": Others,
            "days": policy().radar_days,
            "looked": Duplicate.objects.order_by("-found_at").values_list("found_at", flat=True).first(),
        }
        return self.render(context)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Settle all by a rule, or look again."""
        if request.POST.get("look"):
            run = services.look_again(self.actor)
        else:
            run = services.settle_all(
                self.actor, by=request.POST.get("by", ""), others=request.POST.get("others", Others.KEEP)
            )
        messages.success(request, _("The job has started. You may leave this page."))
        return self.redirect(job_address(self, run))


class Settle(Page):
    """One click: this member is responsible."""

    permission = services.PERMISSION

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = get_or_404(Duplicate.objects.visible_to(self.actor).select_related("contact"), pk)
        owner: Member = get_or_404(Member.objects.all(), request.POST.get("owner", ""))
        others = request.POST.get("others", Others.KEEP)
        services.settle(self.actor, duplicate=row, owner=owner, others=others)
        text = _("%(contact)s belongs to %(name)s now.") % {"contact": row.contact, "name": owner.name}
        messages.success(request, text)
        return self.redirect(reverse("radar", kwargs={"code": self.enterprise.code}))


class Reopen(Page):
    """Take a settlement back."""

    permission = services.PERMISSION

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = get_or_404(Duplicate.objects.visible_to(self.actor).select_related("contact"), pk)
        services.reopen(self.actor, duplicate=row)
        messages.success(request, _("It is as it was before."))
        return self.redirect(reverse("radar", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("radar/", Radar.as_view(), name="radar"),
    path("radar/<uuid:pk>/settle/", Settle.as_view(), name="radar-settle"),
    path("radar/<uuid:pk>/undo/", Reopen.as_view(), name="radar-undo"),
]
