"""Invitations: links with QR code, personal ones for customers, the funnel, and who waits to be let in (U7)."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from console.listing import Listing
from console.spaces.base import FormPage, RowField, RowsForm, SpacesPage
from contacts.services.bulk.selection import Selection
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import Application, Invitation, Invitee, Partner, Series, Space, Subgroup
from upstream.queries import joining as joined
from upstream.services import invitations as services
from upstream.services import joining


class TargetForm(RowsForm):
    """Where an invitation leads."""

    space = RowField(label=_("Space"), required=False, empty_label="—")
    series = RowField(
        label=_("or series"),
        required=False,
        empty_label="—",
        help_text=_("Whoever comes in is put into the space with room."),
    )
    subgroup = RowField(label=_("Subgroup"), required=False, empty_label=_("None in particular"))
    source = forms.CharField(
        label=_("Source"),
        max_length=32,
        required=False,
        help_text=_("Where it is shown, such as “Expo 2026”; the funnel counts by it."),
    )
    days = forms.IntegerField(label=_("Works for (days)"), min_value=1, max_value=365, initial=30)
    approval = forms.BooleanField(label=_("Somebody of ours approves first"), required=False)


class LinkForm(TargetForm):
    max_uses = forms.IntegerField(
        label=_("Most uses"), min_value=1, max_value=1_000_000, required=False, help_text=_("Empty: as many as like.")
    )


class ApprovalForm(RowsForm):
    partner = RowField(
        label=_("Into the partner"), required=False, empty_label=_("By the company's name, or a new one")
    )


class InvitationsPage(SpacesPage):
    """What the pages of invitations share."""

    def invitation(self, pk: UUID) -> Invitation:
        seen = Invitation.objects.visible_to(self.actor).select_related(
            "space", "series", "subgroup", "chat", "created_by"
        )
        return get_or_404(seen, pk)

    def application(self, pk: UUID) -> Application:
        return get_or_404(joined.applications(self.actor), pk)

    def link(self, code: str) -> str:
        """The address that goes out."""
        return self.request.build_absolute_uri(
            reverse("space-join", kwargs={"firm": self.enterprise.code, "code": code})
        )


def choices(page: SpacesPage) -> dict[str, Any]:
    """Spaces, series and subgroups that the person sees."""
    spaces = Space.objects.visible_to(page.actor)
    return {
        "space": spaces,
        "series": Series.objects.filter(pk__in=queries.series(page.actor).values("pk")),
        "subgroup": Subgroup.objects.filter(space__in=spaces.values("id")),
    }


class Invitations(InvitationsPage):
    """All invitations, the funnel by inviter and channel, and how many wait."""

    permission = "spaces.invite"
    template = "console/spaces/invitations.html"
    title = _("Invitations")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        listing = Listing(request, joined.invitations(self.actor), ordering="-created_at", orderings=("created_at",))
        context = {
            "listing": listing,
            "funnels": [
                (_("By inviter"), joined.funnel(self.actor, "inviter")),
                (_("By channel"), joined.funnel(self.actor, "channel")),
            ],
            "pending": joined.applications(self.actor, Application.State.PENDING).count(),
            "may_manage": self.actor.may("spaces.manage"),
            "may_edit": self.actor.may("spaces.edit"),
            "may_see_contacts": self.actor.may("contacts.view"),
        }
        return self.render(context)


class InvitationNew(FormPage):
    """A link with its QR code."""

    permission = "spaces.manage"
    title = _("New link")
    button = _("Create")
    done = _("The link works from now on.")

    def load(self) -> None:  # type: ignore[override]
        pass

    def form(self, data: Any) -> LinkForm:
        asked = {name: self.request.GET.get(name) for name in ("space", "subgroup", "series")}
        return LinkForm(data, initial=asked, **choices(self))

    def act(self, data: dict[str, Any]) -> str:
        return self.url("space-invitation", pk=services.create_link(self.actor, **data).pk)

    def back(self) -> str:
        return self.url("invitations")


class InvitationCustomers(FormPage):
    """Invite customers, chosen in the list of contacts: shown in numbers first."""

    permission = "spaces.invite"
    template = "console/spaces/customers.html"
    title = _("Invite customers into a space")
    button = _("Make the personal links")

    def load(self) -> None:  # type: ignore[override]
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        self.ids = given.getlist("ids")
        self.filter = given.get("filter", "")
        self.all = given.get("all") == "1"
        self.chosen = self.selection()

    def post(self, request: HttpRequest, **kwargs: UUID) -> HttpResponseBase:
        if "days" not in request.POST:  # comes from the list of contacts: show the form
            return self.get(request, **kwargs)
        return super().post(request, **kwargs)

    def selection(self) -> Selection:
        if self.all:
            query = QueryDict(self.filter)
            asked = {name: query.getlist(name) if len(query.getlist(name)) > 1 else query[name] for name in query}
            return Selection.of(self.actor, filter={name: value for name, value in asked.items() if value})
        return Selection.of(self.actor, ids=self.ids)

    def form(self, data: Any) -> TargetForm:
        return TargetForm(data, **choices(self))

    def act(self, data: dict[str, Any]) -> str:
        invitation, number = services.invite_customers(self.actor, selection=self.chosen, **data)
        messages.success(self.request, _("Personal links made: %(number)s.") % {"number": number})
        return self.url("space-invitation", pk=invitation.pk)

    def back(self) -> str:
        return self.url("contacts")

    def more(self) -> dict[str, Any]:
        return {
            "number": self.chosen.contacts(self.actor).count(),
            "ids": self.ids,
            "all": self.all,
            "filter": self.filter,
        }


class InvitationPage(InvitationsPage):
    """One invitation: link, QR code and poster, or the customers and how far each is."""

    permission = "spaces.invite"
    template = "console/spaces/invitation.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        invitation = self.invitation(pk)
        self.title = str(invitation)
        context: dict[str, Any] = {
            "invitation": invitation,
            "link": self.link(invitation.code),
            "states": Invitee.State,
        }
        if invitation.kind == Invitation.Kind.PERSONAL:
            asked = request.GET.get("state", "")
            state = asked if asked in Invitee.State.values else ""
            listing = Listing(request, joined.invitees(self.actor, invitation, state), ordering="id")
            for one in listing.rows:
                one.link = self.link(one.code)
            found = joined.funnel(self.actor, "inviter", invitation)
            context |= {"listing": listing, "state": state, "funnels": [(_("By inviter"), found)]}
        return self.render(context)


class InvitationPoster(InvitationsPage):
    """To print: what it is, and the QR code large."""

    permission = "spaces.invite"
    template = "console/spaces/poster.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        invitation = self.invitation(pk)
        self.title = str(invitation)
        return self.render({"invitation": invitation, "link": self.link(invitation.code)})


class InvitationRevoke(InvitationsPage):
    """End an invitation at once."""

    permission = "spaces.invite"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        invitation = services.revoke(self.actor, invitation=self.invitation(pk))
        messages.success(request, _("Nobody comes in by it any more."))
        return self.redirect(self.url("space-invitation", pk=invitation.pk))


class InvitationSent(InvitationsPage):
    """These personal links were sent."""

    permission = "spaces.invite"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        invitation = self.invitation(pk)
        inside = Invitee.objects.visible_to(self.actor).filter(invitation=invitation).select_related("invitation")
        chosen = [get_or_404(inside, one) for one in request.POST.getlist("ids")[:1000]]
        number = services.mark_sent(self.actor, invitees=chosen) if chosen else 0
        messages.success(request, _("Marked as sent: %(number)s.") % {"number": number})
        return self.redirect(self.url("space-invitation", pk=invitation.pk))


class InvitationRemind(InvitationsPage):
    """Ask the inviters to remind who has not answered."""

    permission = "spaces.invite"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        invitation = self.invitation(pk)
        number = services.remind(self.actor, invitation=invitation)
        messages.success(
            request, _("Customers to be reminded: %(number)s. Their inviters were told.") % {"number": number}
        )
        return self.redirect(self.url("space-invitation", pk=invitation.pk))


class Applications(InvitationsPage):
    """Who waits to be let in, and who came before."""

    permission = "spaces.edit"
    template = "console/spaces/applications.html"
    title = _("Who wants to join")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.get("state", Application.State.PENDING)
        try:
            found = joined.applications(self.actor, asked)
        except Invalid:
            asked, found = "", joined.applications(self.actor)
        listing = Listing(request, found, ordering="-created_at", orderings=("created_at",))
        known = Partner.objects.in_bulk([one.partner_id for one in listing.rows if one.partner_id])
        for one in listing.rows:
            one.known = known.get(one.partner_id)
        return self.render({"listing": listing, "state": asked, "states": Application.State})


class ApplicationApprove(FormPage, InvitationsPage):
    """Let somebody in, into which partner."""

    permission = "spaces.edit"
    button = _("Let in")
    done = _("They are in.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.application(pk)
        self.title = str(self.found)

    def form(self, data: Any) -> ApprovalForm:
        invitation = self.found.invitation
        inside = {"space": invitation.space_id} if invitation.space_id else {"space__series": invitation.series_id}
        seen = Partner.objects.visible_to(self.actor).filter(**inside)
        return ApprovalForm(data, initial={"partner": self.found.partner_id}, partner=seen)

    def act(self, data: dict[str, Any]) -> None:
        joining.approve(self.actor, application=self.found, **data)

    def back(self) -> str:
        return self.url("applications")


class ApplicationDecline(InvitationsPage):
    """Do not let somebody in."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        joining.turn_down(self.actor, application=self.application(pk))
        messages.success(request, _("They were not let in."))
        return self.redirect(self.url("applications"))


urlpatterns = [
    path("invitations/", Invitations.as_view(), name="invitations"),
    path("invitations/new/", InvitationNew.as_view(), name="invitation-new"),
    path("invitations/customers/", InvitationCustomers.as_view(), name="invitation-customers"),
    path("invitations/applications/", Applications.as_view(), name="applications"),
    path("invitations/applications/<uuid:pk>/", ApplicationApprove.as_view(), name="application"),
    path("invitations/applications/<uuid:pk>/decline/", ApplicationDecline.as_view(), name="application-decline"),
    path("invitations/<uuid:pk>/", InvitationPage.as_view(), name="space-invitation"),
    path("invitations/<uuid:pk>/poster/", InvitationPoster.as_view(), name="invitation-poster"),
    path("invitations/<uuid:pk>/revoke/", InvitationRevoke.as_view(), name="invitation-revoke"),
    path("invitations/<uuid:pk>/sent/", InvitationSent.as_view(), name="invitation-sent"),
    path("invitations/<uuid:pk>/remind/", InvitationRemind.as_view(), name="invitation-remind"),
]
