"""All spaces, one space with its tree, partners and people, and what is done with it."""

from collections.abc import Iterator
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
from common.ids import parse_uuid
from console.forms import attach
from console.listing import Listing
from console.spaces.base import FormPage, SpacesPage
from console.spaces.forms import SeriesForm, SpaceForm, SubgroupForm
from enterprises.actors import Actor
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import Space, Subgroup
from upstream.queries.capacity import Filling, capacity
from upstream.services import spaces as services
from upstream.services import subgroups

INDENT = 18
PEOPLE = 20


class Spaces(SpacesPage):
    """The spaces that the person sees, how full each is, and making one."""

    permission = "spaces.view"
    template = "console/spaces/spaces.html"
    title = _("Spaces")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(SpaceForm(), SeriesForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        new_series = request.POST.get("what") == "series"
        form: forms.Form = (SeriesForm if new_series else SpaceForm)(request.POST)
        if not form.is_valid():
            return self.again(form, new_series, 400)
        try:
            with transaction.atomic():
                if new_series:
                    services.create_series(self.actor, **form.cleaned_data)
                    target = self.url("spaces")
                else:
                    space = services.create_space(self.actor, **form.cleaned_data)
                    target = self.url("space", pk=space.pk)
        except Refusal as refusal:
            return self.again(attach(form, refusal), new_series, refusal.status, refusal.extra.get("proposals", []))
        messages.success(request, _("The series was started.") if new_series else _("The space was created."))
        return self.redirect(target)

    def again(
        self, form: forms.BaseForm, new_series: bool, status: int, proposals: list[str] | None = None
    ) -> HttpResponseBase:
        first, second = (SpaceForm(), form) if new_series else (form, SeriesForm())
        return self.show(first, second, status, proposals, "series" if new_series else "space")

    def show(
        self,
        space_form: forms.BaseForm,
        series_form: forms.BaseForm,
        status: int = 200,
        proposals: list[str] | None = None,
        wrong: str = "",
    ) -> HttpResponseBase:
        found = list(queries.spaces(self.actor).order_by("series__name", "number", "name", "id"))
        bars = capacity(self.actor)
        full = {one.space.pk: one.partners for one in bars.by_space}
        context = {
            "rows": [(space, full[space.pk]) for space in found],
            "usage": bars.spaces,
            "series_bars": bars.by_series,
            "space_form": space_form,
            "series_form": series_form,
            "proposals": proposals or [],
            "wrong": wrong,
            "may_manage": self.actor.may("spaces.manage"),
        }
        return self.render(context, status=status)


class SpacePage(SpacesPage):
    """One space: subgroups on the left, partners in the middle, people on the right."""

    permission = "spaces.view"
    template = "console/spaces/space.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        self.title = space.name
        asked = {name: request.GET[name] for name in ("search", "subgroup") if request.GET.get(name)}
        try:
            found = queries.partners(self.actor, {**asked, "space": str(pk)})
        except Invalid:
            asked, found = {}, queries.partners(self.actor, {"space": str(pk)})
        listing = Listing(request, found, ordering="name", orderings=("name", "joined_at"), size=20)
        queries.places(listing.rows)
        tree = list(Subgroup.objects.filter(space=space))
        context = {
            "space": space,
            "tree": list(in_order(tree)),
            "asked": asked,
            "listing": listing,
            **self.people(space, asked),
            "bars": bars(self.actor, space),
            "may_manage": self.actor.may("spaces.manage"),
            "may_edit": self.actor.may("spaces.edit"),
            "may_message": self.actor.may("spaces.message"),
        }
        return self.render(context)

    def people(self, space: Space, asked: dict[str, str]) -> dict[str, Any]:
        """Of the partner that was clicked; otherwise of all that are shown (U5: not only one's own)."""
        partner = (
            queries.partners(self.actor).filter(space=space, pk=parse_uuid(self.request.GET.get("partner"))).first()
        )
        query = {"space": str(space.pk), **({"partner": str(partner.pk)} if partner else asked)}
        found = queries.people(self.actor, query)
        shown = list(found.order_by("joined_at", "id")[: PEOPLE + 1])
        queries.linked(self.actor, shown)
        return {"chosen": partner, "people": shown[:PEOPLE], "more_people": len(shown) > PEOPLE}


def bars(actor: Actor, space: Space) -> list[tuple[Any, Filling, str]]:
    """The limits of U1: spaces, partners here, people of the largest partner that the person sees."""
    found = capacity(actor, space)
    [here] = found.by_space
    shown: list[tuple[Any, Filling, str]] = [
        (_("Spaces"), found.spaces, ""),
        (_("Partners in this space"), here.partners, ""),
    ]
    if here.largest is not None and here.people is not None:
        shown.append((_("People of the largest partner"), here.people, here.largest.name))
    return shown


def in_order(tree: list[Subgroup], parent: UUID | None = None, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Each subgroup before those below it, with how far it is indented."""
    for one in tree:
        if one.parent_id == parent:
            yield {"subgroup": one, "indent": depth * INDENT}
            yield from in_order(tree, one.pk, depth + 1)


class SpaceEdit(FormPage):
    """Name, purpose, open or not; and ending it."""

    permission = "spaces.manage"
    template = "console/spaces/edit.html"
    button = _("Save")
    done = _("The space was changed.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)
        self.title = self.found.name

    def form(self, data: Any) -> SpaceForm:
        given = {name: getattr(self.found, name) for name in ("name", "purpose", "partners_open")}
        return SpaceForm(data, initial=given)

    def act(self, data: dict[str, Any]) -> None:
        services.edit_space(self.actor, space=self.found, changes=data)

    def back(self) -> str:
        return self.url("space", pk=self.found.pk)

    def more(self) -> dict[str, Any]:
        return {"space": self.found}


class SpaceDelete(SpacesPage):
    """End a space that has no partners."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        services.delete_space(self.actor, space=space)
        messages.success(request, _("“%(name)s” was deleted.") % {"name": space.name})
        return self.redirect(self.url("spaces"))


class SubgroupNew(FormPage):
    """Add a subgroup."""

    permission = "spaces.manage"
    title = _("Add a subgroup")
    button = _("Add")
    done = _("The subgroup was added.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)

    def form(self, data: Any) -> SubgroupForm:
        parents = Subgroup.objects.filter(space=self.found)
        return SubgroupForm(data, initial={"parent": self.request.GET.get("parent")}, parent=parents)

    def act(self, data: dict[str, Any]) -> None:
        subgroups.create_subgroup(self.actor, space=self.found, **data)

    def back(self) -> str:
        return self.url("space", pk=self.found.pk)


class SubgroupEdit(SubgroupNew):
    """Rename, move or delete a subgroup."""

    template = "console/spaces/subgroup.html"
    button = _("Save")
    done = _("The subgroup was changed.")

    def load(self, pk: UUID, subgroup_id: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)
        inside = Subgroup.objects.filter(space=self.found).select_related("parent", "space")
        self.subgroup = get_or_404(inside, subgroup_id)
        self.title = self.subgroup.name

    def form(self, data: Any) -> SubgroupForm:
        others = Subgroup.objects.filter(space=self.found).exclude(pk=self.subgroup.pk)
        given = {"name": self.subgroup.name, "parent": self.subgroup.parent_id}
        return SubgroupForm(data, initial=given, parent=others)

    def act(self, data: dict[str, Any]) -> None:
        subgroups.edit_subgroup(self.actor, subgroup=self.subgroup, changes=data)

    def more(self) -> dict[str, Any]:
        return {"space": self.found, "subgroup": self.subgroup}


class SubgroupDelete(SpacesPage):
    """Delete a subgroup; its partners stay in the space."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID, subgroup_id: UUID) -> HttpResponseBase:
        space = self.space(pk)
        subgroup = get_or_404(Subgroup.objects.filter(space=space), subgroup_id)
        name = subgroup.name
        subgroups.delete_subgroup(self.actor, subgroup=subgroup)
        messages.success(request, _("“%(name)s” was deleted.") % {"name": name})
        return self.redirect(self.url("space", pk=space.pk))


urlpatterns = [
    path("spaces/", Spaces.as_view(), name="spaces"),
    path("spaces/<uuid:pk>/", SpacePage.as_view(), name="space"),
    path("spaces/<uuid:pk>/edit/", SpaceEdit.as_view(), name="space-edit"),
    path("spaces/<uuid:pk>/delete/", SpaceDelete.as_view(), name="space-delete"),
    path("spaces/<uuid:pk>/subgroups/new/", SubgroupNew.as_view(), name="subgroup-new"),
    path("spaces/<uuid:pk>/subgroups/<uuid:subgroup_id>/", SubgroupEdit.as_view(), name="subgroup-edit"),
    path("spaces/<uuid:pk>/subgroups/<uuid:subgroup_id>/delete/", SubgroupDelete.as_view(), name="subgroup-delete"),
]
