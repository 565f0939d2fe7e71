"""Who of ours is in a space, who sees whom, and the space through somebody's eyes (U6)."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common.errors import NotFound, Refusal
from common.ids import parse_uuid
from console.forms import attach
from console.spaces.base import FormPage, SpacesPage
from console.spaces.forms import PlaceForm, RuleForm, SpaceMembersForm
from enterprises.models import Department
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import CorrespondenceRule, Partner, PartnerContact, Space, SpaceMember, Subgroup
from upstream.queries import views
from upstream.services import members as services

SIDES = ("members", "departments", "subgroups", "partners")


class SpaceMembers(SpacesPage):
    """Those of ours in the space, and putting some into it."""

    permission = "spaces.view"
    template = "console/spaces/members.html"
    title = _("Members")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        return self.show(space, self.form(space, None))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        form = self.form(space, request.POST)
        if not form.is_valid():
            return self.show(space, form, 400)
        try:
            with transaction.atomic():
                made = services.add_members(self.actor, space=space, **form.cleaned_data)
        except Refusal as refusal:
            return self.show(space, attach(form, refusal), refusal.status)
        messages.success(request, _("Members added: %(number)s.") % {"number": len(made)})
        return self.redirect(request.path)

    def form(self, space: Space, data: Any) -> SpaceMembersForm:
        present = SpaceMember.objects.filter(space=space).values("member")
        others = queries.present_members().exclude(pk__in=present)
        return SpaceMembersForm(data, members=others, subgroups=Subgroup.objects.filter(space=space))

    def show(self, space: Space, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        context = {
            "space": space,
            "rows": queries.members(space).order_by("member__name", "id"),
            "form": form,
            "may_manage": self.actor.may("spaces.manage"),
        }
        return self.render(context, status=status)


class SpaceMemberEdit(FormPage):
    """For which subgroups a member is in the space."""

    permission = "spaces.manage"
    template = "console/spaces/member.html"
    button = _("Save")
    done = _("The member's part was changed.")

    def load(self, pk: UUID, member_id: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)
        seat = queries.members(self.found).filter(member=member_id).first()
        if seat is None:
            raise NotFound()
        self.place = seat
        self.title = seat.member.name

    def form(self, data: Any) -> PlaceForm:
        given = [one.subgroup_id for one in self.place.subgroups.all()]
        return PlaceForm(data, initial={"subgroups": given}, subgroups=Subgroup.objects.filter(space=self.found))

    def act(self, data: dict[str, Any]) -> None:
        services.place_member(self.actor, seat=self.place, **data)

    def back(self) -> str:
        return self.url("space-members", pk=self.found.pk)

    def more(self) -> dict[str, Any]:
        return {"space": self.found, "place": self.place}


class SpaceMemberRemove(SpacesPage):
    """Take a member out of the space."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID, member_id: UUID) -> HttpResponseBase:
        space = self.space(pk)
        seat = queries.members(space).filter(member=member_id).first()
        if seat is None:
            raise NotFound()
        services.remove_member(self.actor, seat=seat)
        messages.success(request, _("“%(name)s” was removed.") % {"name": seat.member.name})
        return self.redirect(self.url("space-members", pk=space.pk))


class Visibility(SpacesPage):
    """The rules, the matrix, and the space as somebody sees it."""

    permission = "spaces.manage"
    template = "console/spaces/visibility.html"
    title = _("Who sees whom")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        space = self.space(pk)
        context = {
            "space": space,
            "rules": queries.rules(space),
            "matrix": views.matrix(space, _("In no subgroup")),
            "view": self.view(space),
            "members": queries.members(space).order_by("member__name", "id"),
            "people": self.people(space),
            "asked": request.GET,
        }
        return self.render(context)

    def view(self, space: Space) -> views.View | None:
        if pk := self.request.GET.get("member"):
            return views.of_member(space, get_or_404(queries.present_members().select_related("role"), pk))
        if pk := self.request.GET.get("contact"):
            return views.of_person(space, get_or_404(self._inside(space), pk))
        return None

    def people(self, space: Space) -> list[PartnerContact]:
        """One person of each partner: all of a partner see the same. The chosen one among them."""
        found = list(self._inside(space).order_by("partner_id", "joined_at", "id").distinct("partner_id")[:200])
        chosen = parse_uuid(self.request.GET.get("contact", ""))
        if chosen and all(one.pk != chosen for one in found):
            found += list(self._inside(space).filter(pk=chosen))
        return sorted(found, key=lambda one: (one.partner.name, one.person.name))

    def _inside(self, space: Space) -> Any:
        return PartnerContact.objects.visible_to(self.actor).filter(space=space).select_related("person", "partner")


class RuleNew(FormPage):
    """These of ours correspond with these partners."""

    permission = "spaces.manage"
    title = _("Add a rule")
    button = _("Add")
    done = _("The rule holds from now on.")

    def load(self, pk: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)

    def form(self, data: Any, initial: dict[str, Any] | None = None) -> RuleForm:
        inside = Partner.objects.visible_to(self.actor).filter(space=self.found)
        return RuleForm(
            data,
            initial=initial,
            members=queries.present_members(),
            departments=Department.objects.all(),
            subgroups=Subgroup.objects.filter(space=self.found),
            partners=inside,
        )

    def act(self, data: dict[str, Any]) -> None:
        services.create_rule(self.actor, space=self.found, **data)

    def back(self) -> str:
        return self.url("space-visibility", pk=self.found.pk)


class RuleEdit(RuleNew):
    """Change or end a rule."""

    template = "console/spaces/rule.html"
    button = _("Save")

    def load(self, pk: UUID, rule_id: UUID) -> None:  # type: ignore[override]
        self.found = self.space(pk)
        self.rule = get_or_404(queries.rules(self.found), rule_id)
        self.title = self.rule.name

    def form(self, data: Any, initial: dict[str, Any] | None = None) -> RuleForm:
        ends = list(self.rule.ends.all())
        given: dict[str, Any] = {
            side: [pk for end in ends if (pk := getattr(end, f"{side.removesuffix('s')}_id"))] for side in SIDES
        }
        return super().form(data, {"name": self.rule.name, **given})

    def act(self, data: dict[str, Any]) -> None:
        services.edit_rule(self.actor, rule=self.rule, changes=data)

    def more(self) -> dict[str, Any]:
        return {"space": self.found, "rule": self.rule}


class RuleDelete(SpacesPage):
    """End a rule."""

    permission = "spaces.manage"

    def post(self, request: HttpRequest, pk: UUID, rule_id: UUID) -> HttpResponseBase:
        space = self.space(pk)
        rule = get_or_404(CorrespondenceRule.objects.filter(space=space), rule_id)
        services.delete_rule(self.actor, rule=rule)
        messages.success(request, _("“%(name)s” was deleted.") % {"name": rule.name})
        return self.redirect(self.url("space-visibility", pk=space.pk))


urlpatterns = [
    path("spaces/<uuid:pk>/members/", SpaceMembers.as_view(), name="space-members"),
    path("spaces/<uuid:pk>/members/<uuid:member_id>/", SpaceMemberEdit.as_view(), name="space-member"),
    path("spaces/<uuid:pk>/members/<uuid:member_id>/remove/", SpaceMemberRemove.as_view(), name="space-member-remove"),
    path("spaces/<uuid:pk>/visibility/", Visibility.as_view(), name="space-visibility"),
    path("spaces/<uuid:pk>/rules/new/", RuleNew.as_view(), name="rule-new"),
    path("spaces/<uuid:pk>/rules/<uuid:rule_id>/", RuleEdit.as_view(), name="rule"),
    path("spaces/<uuid:pk>/rules/<uuid:rule_id>/delete/", RuleDelete.as_view(), name="rule-delete"),
]
