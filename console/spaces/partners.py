"""Partners over all spaces, one partner with its people, and what is done with them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, Refusal
from console.forms import attach
from console.listing import Listing
from console.spaces.base import FormPage, SpacesPage
from console.spaces.forms import (
    MergeForm,
    MoveForm,
    NewPartnerForm,
    PartnerFilter,
    PartnerForm,
    PersonForm,
    VerifyForm,
)
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import Partner, PartnerContact, Space, Subgroup
from upstream.queries.bridges import connection
from upstream.services import partners as services
from upstream.services import people

FIELDS = ("name", "short_name", "aliases", "kind", "region", "owner")


class Partners(SpacesPage):
    """Every partner that the person sees, found by any name or person (U5)."""

    permission = "spaces.view"
    template = "console/spaces/partners.html"
    title = _("Partners")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        spaces = Space.objects.visible_to(self.actor)
        asked = {name: request.GET[name] for name in queries.PARTNER_FILTERS if request.GET.get(name)}
        errors: dict[str, Any] = {}
        try:
            found = queries.partners(self.actor, asked)
        except Invalid as refusal:
            errors, found = refusal.errors, Partner.objects.none()
        listing = Listing(request, found, ordering="name", orderings=("name", "joined_at"))
        queries.places(listing.rows)
        form = PartnerFilter(request.GET, space=spaces, series=queries.series(self.actor))
        return self.render({"listing": listing, "form": form, "errors": errors, "asked": asked})


class PartnerPage(SpacesPage):
    """One partner: who it is, its people, and adding one."""

    permission = "spaces.view"
    template = "console/spaces/partner.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return self.show(self.partner(pk), PersonForm())

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        partner = self.partner(pk)
        form = PersonForm(request.POST)
        if not form.is_valid():
            return self.show(partner, form, 400)
        try:
            with transaction.atomic():
                people.add_person(self.actor, partner=partner, **form.cleaned_data)
        except Refusal as refusal:
            return self.show(partner, attach(form, refusal), refusal.status)
        messages.success(request, _("The person was added."))
        return self.redirect(request.path)

    def show(self, partner: Partner, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        self.title = partner.name
        queries.places([partner])
        found = queries.people(self.actor, {"partner": str(partner.pk)})
        listing = Listing(self.request, found, ordering="joined_at", orderings=("joined_at",))
        queries.linked(self.actor, listing.rows)
        context = {
            "partner": partner,
            "listing": listing,
            "usage": queries.people_usage(partner),
            "form": form,
            "connection": connection(partner),
            "may_edit": self.actor.may("spaces.edit"),
            "may_message": self.actor.may("spaces.message"),
            "may_manage": self.actor.may("spaces.manage"),
        }
        return self.render(context, status=status)


class PartnerForms(FormPage):
    """What the forms about one partner share."""

    permission = "spaces.edit"

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.partner(pk)
        self.title = self.found.name

    def back(self) -> str:
        return self.url("partner", pk=self.found.pk)


class PartnerNew(FormPage):
    """Add a partner to a space."""

    permission = "spaces.edit"
    title = _("Add a partner")
    button = _("Add")
    done = _("The partner was added.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)

    def form(self, data: Any) -> NewPartnerForm:
        initial = {"subgroups": self.request.GET.getlist("subgroup")}
        return NewPartnerForm(data, initial=initial, owner=queries.present_members(), subgroups=_inside(self.found))

    def act(self, data: dict[str, Any]) -> str:
        partner = services.add_partner(self.actor, space=self.found, **data)
        seen = Partner.objects.visible_to(self.actor).filter(pk=partner.pk).exists()
        return self.url("partner", pk=partner.pk) if seen else self.back()

    def back(self) -> str:
        return self.url("space", pk=self.found.pk)


class PartnerEdit(PartnerForms):
    """Names, kind, region, owner, subgroups."""

    button = _("Save")
    done = _("The partner was changed.")

    def form(self, data: Any) -> PartnerForm:
        given = {name: getattr(self.found, name) for name in FIELDS}
        given["owner"] = self.found.owner_id
        given["subgroups"] = list(self.found.places.values_list("subgroup", flat=True))
        return PartnerForm(data, initial=given, owner=queries.present_members(), subgroups=_inside(self.found.space))

    def act(self, data: dict[str, Any]) -> None:
        services.edit_partner(self.actor, partner=self.found, changes=data)


class PartnerVerify(PartnerForms):
    """Which registered enterprise a virtual partner is."""

    button = _("Verify")
    done = _("The partner is verified.")

    def form(self, data: Any) -> VerifyForm:
        return VerifyForm(data, initial={"name": self.found.name, "credit_code": self.found.credit_code})

    def act(self, data: dict[str, Any]) -> None:
        services.verify_partner(self.actor, partner=self.found, **data)


class PartnerMove(PartnerForms):
    """To another space, with all its people."""

    button = _("Move")
    done = _("The partner was moved.")

    def form(self, data: Any) -> MoveForm:
        others = Space.objects.visible_to(self.actor).exclude(pk=self.found.space_id)
        return MoveForm(data, space=others)

    def act(self, data: dict[str, Any]) -> None:
        services.move_partner(self.actor, partner=self.found, **data)


class PartnerMerge(PartnerForms):
    """It was another partner all along."""

    template = "console/spaces/merge.html"
    button = _("Merge")
    done = _("The partners are one now.")

    def form(self, data: Any) -> MergeForm:
        others = Partner.objects.visible_to(self.actor).filter(space=self.found.space_id).exclude(pk=self.found.pk)
        return MergeForm(data, into=others)

    def act(self, data: dict[str, Any]) -> str:
        services.merge_partners(self.actor, partner=self.found, **data)
        return self.url("partner", pk=data["into"].pk)

    def more(self) -> dict[str, Any]:
        return {"partner": self.found}


class PartnerSplit(SpacesPage):
    """Some people become a partner of their own."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        partner = self.partner(pk)
        inside = PartnerContact.objects.filter(partner=partner)
        seats = [get_or_404(inside, one) for one in request.POST.getlist("ids")]
        made = services.split_partner(self.actor, partner=partner, seats=seats, name=request.POST.get("name", ""))
        messages.success(request, _("“%(name)s” is a partner of its own now.") % {"name": made.name})
        return self.redirect(self.url("partner", pk=made.pk))


class PartnerRemove(SpacesPage):
    """Take a partner and its people out of the space."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        partner = self.partner(pk)
        services.remove_partner(self.actor, partner=partner)
        messages.success(request, _("“%(name)s” was removed.") % {"name": partner.name})
        return self.redirect(self.url("space", pk=partner.space_id))


class SeatEdit(FormPage):
    """One person of a partner."""

    permission = "spaces.edit"
    template = "console/spaces/seat.html"
    button = _("Save")
    done = _("The person was changed.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.seat(pk)
        self.title = self.found.person.name

    def form(self, data: Any) -> PersonForm:
        given = {name: getattr(self.found.person, name) for name in ("name", "phone", "email")}
        return PersonForm(data, initial={**given, "title": self.found.title, "leader": self.found.leader})

    def act(self, data: dict[str, Any]) -> None:
        people.edit_person(self.actor, seat=self.found, changes=data)

    def back(self) -> str:
        return self.url("partner", pk=self.found.partner_id)

    def more(self) -> dict[str, Any]:
        return {"seat": self.found, "may_share": self.actor.may("spaces.share")}


class SeatRemove(SpacesPage):
    """Take somebody out of the space."""

    permission = "spaces.edit"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        seat = self.seat(pk)
        people.remove_person(self.actor, seat=seat)
        messages.success(request, _("“%(name)s” was removed.") % {"name": seat.person.name})
        return self.redirect(self.url("partner", pk=seat.partner_id))


def _inside(space: Space) -> Any:
    return Subgroup.objects.filter(space=space)


urlpatterns = [
    path("partners/", Partners.as_view(), name="partners"),
    path("partners/<uuid:pk>/", PartnerPage.as_view(), name="partner"),
    path("partners/<uuid:pk>/edit/", PartnerEdit.as_view(), name="partner-edit"),
    path("partners/<uuid:pk>/verify/", PartnerVerify.as_view(), name="partner-verify"),
    path("partners/<uuid:pk>/move/", PartnerMove.as_view(), name="partner-move"),
    path("partners/<uuid:pk>/merge/", PartnerMerge.as_view(), name="partner-merge"),
    path("partners/<uuid:pk>/split/", PartnerSplit.as_view(), name="partner-split"),
    path("partners/<uuid:pk>/remove/", PartnerRemove.as_view(), name="partner-remove"),
    path("partners/people/<uuid:pk>/", SeatEdit.as_view(), name="seat"),
    path("partners/people/<uuid:pk>/remove/", SeatRemove.as_view(), name="seat-remove"),
    path("spaces/<uuid:pk>/partners/new/", PartnerNew.as_view(), name="partner-new"),
]
