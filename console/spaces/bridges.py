"""Spaces that we joined elsewhere (我加入的上下游), and how a partner of ours is connected with its own enterprise."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import NotFound, Refusal
from console.forms import attach
from console.listing import Listing
from console.spaces.base import SpacesPage
from console.spaces.opening import opened
from enterprises.rest import get_or_404
from upstream.models import JoinedSpace
from upstream.queries import bridges as queries
from upstream.services import bridges as services
from upstream.services import relinking


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=100,
        help_text=_("You got it from the enterprise whose space it is. It works once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class JoinedPage(SpacesPage):
    """Finds the spaces that the enterprise joined."""

    def joined(self, pk: UUID) -> JoinedSpace:
        return get_or_404(queries.joined(self.actor), pk)


class JoinedSpaces(JoinedPage):
    """Every space that we joined, and joining one by a code."""

    permission = "spaces.view"
    template = "console/spaces/joined_spaces.html"
    title = _("Spaces we joined")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self.actor.require("spaces.manage")
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self.show(form, 400)
        try:
            joined = services.join(self.actor, code=form.cleaned_data["code"])
        except Refusal as refusal:
            return self.show(attach(form, refusal), refusal.status)
        messages.success(request, _("You are connected with “%(name)s”.") % {"name": joined.space_name})
        return self.redirect(self.url("joined-space", pk=joined.pk))

    def show(self, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        found = queries.joined(self.actor)
        listing = Listing(self.request, found, ordering="-joined_at", orderings=("joined_at",))
        queries.present(listing.rows)
        context = {"listing": listing, "form": form, "may_manage": self.actor.may("spaces.manage")}
        return self.render(context, status=status)


class JoinedSpacePage(JoinedPage):
    """What is shared with us in one of them, our people there, and whom they may write to."""

    permission = "spaces.view"
    template = "console/spaces/joined_space.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        joined = self.joined(pk)
        queries.present([joined])
        self.title = str(joined)
        search = request.GET.get("search", "").strip()
        context = {
            "joined": joined,
            "inside": queries.inside(joined, search),
            "search": search,
            "shown": queries.SHOWN,
            "may_manage": self.actor.may("spaces.manage"),
        }
        return self.render(context)


class JoinedLeave(JoinedPage):
    """End the connection from our side."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        joined = services.leave(self.actor, joined=self.joined(pk))
        messages.success(request, _("The connection with “%(name)s” is ended.") % {"name": joined.space_name})
        return self.redirect(self.url("joined-spaces"))


class JoinedWorkbench(JoinedPage):
    """Have the link to one's own workbench there sent to one's own address."""

    permission = "spaces.view"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        email = relinking.ask_as_member(self.actor, joined=self.joined(pk))
        text = _("If you are known there by %(email)s, the link to your workbench is on its way.") % {"email": email}
        messages.success(request, text)
        return self.redirect(self.url("joined-space", pk=pk))


class JoinedShare(JoinedPage):
    """Open what is shared with us, as in the workbench."""

    permission = "spaces.view"

    def get(self, request: HttpRequest, pk: UUID, share: UUID) -> HttpResponseBase:
        found = services.open_share(self.actor, joined=self.joined(pk), share=share)
        if found is None:
            raise NotFound()
        return opened(found.kind, url=found.url, file=found.file, file_name=found.file_name)


class ConnectionPage(SpacesPage):
    """How a partner is connected with its own enterprise: a code for it, and who came in by it."""

    permission = "spaces.manage"
    template = "console/spaces/connection.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self.show(pk)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        _bridge, code = services.offer(self.actor, partner=self.partner(pk))
        return self.show(pk, made=code)

    def show(self, pk: UUID, **more: Any) -> HttpResponseBase:
        partner = self.partner(pk)
        self.title = partner.name
        return self.render({"partner": partner, "connection": queries.connection(partner), **more})


class ConnectionEnd(SpacesPage):
    """End the connection, or withdraw the code."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        services.end(self.actor, partner=self.partner(pk))
        messages.success(request, _("The connection is ended."))
        return self.redirect(self.url("partner-connection", pk=pk))


urlpatterns = [
    path("joined-spaces/", JoinedSpaces.as_view(), name="joined-spaces"),
    path("joined-spaces/<uuid:pk>/", JoinedSpacePage.as_view(), name="joined-space"),
    path("joined-spaces/<uuid:pk>/leave/", JoinedLeave.as_view(), name="joined-space-leave"),
    path("joined-spaces/<uuid:pk>/workbench/", JoinedWorkbench.as_view(), name="joined-workbench"),
    path("joined-spaces/<uuid:pk>/shares/<uuid:share>/", JoinedShare.as_view(), name="joined-share"),
    path("partners/<uuid:pk>/connection/", ConnectionPage.as_view(), name="partner-connection"),
    path("partners/<uuid:pk>/connection/end/", ConnectionEnd.as_view(), name="partner-connection-end"),
]
