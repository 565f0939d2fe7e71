"""Shares with partners, and the personal link to the workbench of one of their people (U11)."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from console.listing import Listing
from console.spaces.base import FormPage, RowField, RowsForm, SpacesPage
from console.spaces.invitations import choices
from enterprises.rest import get_or_404
from upstream.models import Share
from upstream.queries import sharing as queries
from upstream.services import shares as services
from upstream.services import workbench


class ShareForm(RowsForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=Share.Kind.choices)
    title = forms.CharField(label=_("Title"), max_length=128)
    url = forms.CharField(label=_("Address"), max_length=2000, required=False, help_text=_("For all kinds but files."))
    file = forms.FileField(label=_("File"), required=False, help_text=_("At most 20 MB."))
    starts_at = forms.DateTimeField(
        label=_("Beginning of the meeting"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Partners see it in their workbench and can put it into their calendar."),
    )
    note = forms.CharField(label=_("Note"), max_length=500, required=False)
    space = RowField(label=_("Space"), required=False, empty_label="—")
    series = RowField(
        label=_("or series"), required=False, empty_label="—", help_text=_("All spaces of the series at once.")
    )
    subgroup = RowField(
        label=_("Subgroup"),
        required=False,
        empty_label=_("The whole space"),
        help_text=_("Those below have it as well."),
    )


class Shares(SpacesPage):
    """Everything that is shared, and who opened it."""

    permission = "spaces.view"
    template = "console/spaces/shares.html"
    title = _("Shares")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = {name: request.GET[name] for name in queries.SHARE_FILTERS if request.GET.get(name)}
        listing = Listing(request, queries.shares(self.actor, asked), ordering="-created_at", orderings=("created_at",))
        return self.render({"listing": listing, "may_share": self.actor.may("spaces.share")})


class ShareNew(FormPage):
    """Share something."""

    permission = "spaces.share"
    template = "console/spaces/share_new.html"
    title = _("Share something")
    button = pgettext_lazy("button", "Share")
    done = _("It stands in the workbench of the partners.")

    def load(self) -> None:  # type: ignore[override]
        pass

    def form(self, data: Any) -> ShareForm:
        form = ShareForm(data, initial={"space": self.request.GET.get("space")}, **choices(self))
        form.files = self.request.FILES if data is not None else {}  # type: ignore[assignment]
        return form

    def act(self, data: dict[str, Any]) -> None:
        services.create_share(self.actor, **data)

    def back(self) -> str:
        return self.url("shares")


class ShareWithdraw(SpacesPage):
    """It disappears from every workbench."""

    permission = "spaces.share"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        share = services.withdraw(self.actor, share=get_or_404(queries.shares(self.actor), pk))
        messages.success(request, _("“%(name)s” is withdrawn.") % {"name": share.title})
        return self.redirect(self.url("shares"))


class WorkbenchLinkPage(SpacesPage):
    """The personal link of a partner's person: made, shown once, and ended."""

    permission = "spaces.share"
    template = "console/spaces/workbench_link.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self.show(pk)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        seat = self.seat(pk)
        if request.POST.get("action") == "revoke":
            workbench.revoke_links(self.actor, seat=seat)
            messages.success(request, _("The link does not work any more."))
            return self.redirect(request.path)
        link = workbench.issue_link(self.actor, seat=seat)
        address = reverse("workbench", kwargs={"firm": self.enterprise.code, "code": link.code})
        return self.show(pk, link=request.build_absolute_uri(address), until=link.expires_at)

    def show(self, pk: UUID, **more: Any) -> HttpResponseBase:
        seat = self.seat(pk)
        self.title = seat.person.name
        return self.render({"seat": seat, **more})


urlpatterns = [
    path("shares/", Shares.as_view(), name="shares"),
    path("shares/new/", ShareNew.as_view(), name="share-new"),
    path("shares/<uuid:pk>/withdraw/", ShareWithdraw.as_view(), name="share-withdraw"),
    path("partners/people/<uuid:pk>/workbench/", WorkbenchLinkPage.as_view(), name="seat-workbench"),
]
