"""Roles: what they give, how far they see, who has them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal, Text
from console.base import Page
from console.forms import attach
from enterprises import authority, queries
from enterprises.models import Role
from enterprises.permissions import PERMISSIONS, SUPER_ADMIN_ROLE, Permission
from enterprises.rest import get_or_404
from enterprises.services import roles as services


class RoleForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=64)
    scope = forms.ChoiceField(label=_("Sees"), choices=Role.Scope.choices, widget=forms.RadioSelect)
    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        required=False,
        choices=[(code, one.label) for code, one in PERMISSIONS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, role: Role | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if role is not None and role.builtin:  # of a built-in role only the permissions change
            del self.fields["name"], self.fields["scope"]

    def chosen(self) -> set[str]:
        """The codes that stand in the form now."""
        return set(self["permissions"].value() or ())


def grouped(page: Page, chosen: set[str]) -> Iterator[tuple[Text, list[tuple[Permission, bool, bool]]]]:
    """Permissions by group: each with whether it is chosen, and whether the actor has it to give."""
    groups: dict[str, list[tuple[Permission, bool, bool]]] = {}
    for code, permission in PERMISSIONS.items():
        groups.setdefault(str(permission.group), []).append((permission, code in chosen, page.actor.may(code)))
    yield from groups.items()


class Roles(Page):
    """All roles."""

    permission = "members.view"
    template = "console/settings/roles.html"
    title = _("Roles")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = [(role, authority.covers(self.actor, role)) for role in queries.roles().order_by("name", "id")]
        # Built-in ones first, the mightiest on top.
        rows.sort(key=lambda row: (not row[0].builtin, -len(row[0].codes)))
        context = {"rows": rows, "may": self.actor.may("roles.manage"), "total": len(PERMISSIONS)}
        return self.render(context)


class NewRole(Page):
    """One more."""

    permission = "roles.manage"
    template = "console/settings/role.html"
    title = _("New role")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(RoleForm(initial={"scope": Role.Scope.RELATED, "permissions": ["contacts.view"]}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = RoleForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        data = form.cleaned_data
        try:
            services.create_role(self.actor, name=data["name"], scope=data["scope"], codes=data["permissions"])
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("“%(name)s” was added.") % {"name": data["name"]})
        return self.redirect(reverse("roles", kwargs={"code": self.enterprise.code}))

    def show(self, form: RoleForm, status: int = 200) -> HttpResponseBase:
        return self.render({"form": form, "groups": list(grouped(self, form.chosen())), "may": True}, status=status)


class OneRole(Page):
    """What a role gives; changing it changes it for everybody who has it."""

    permission = "members.view"
    template = "console/settings/role.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        role = self.load(pk)
        initial = {"name": role.name, "scope": role.scope, "permissions": sorted(role.codes)}
        return self.show(role, RoleForm(role=role, initial=initial))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        role = self.load(pk)
        form = RoleForm(request.POST, role=role)
        if not form.is_valid():
            return self.show(role, form, status=400)
        try:
            services.update_role(self.actor, role=role, changes=form.cleaned_data)
        except Refusal as refusal:
            return self.show(role, attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The role was saved."))
        return self.redirect(reverse("roles", kwargs={"code": self.enterprise.code}))

    def load(self, pk: UUID) -> Role:
        role = get_or_404(queries.roles(), pk)
        self.title = role.label
        return role

    def show(self, role: Role, form: RoleForm, status: int = 200) -> HttpResponseBase:
        context = {
            "role": role,
            "form": form,
            "groups": list(grouped(self, form.chosen())),
            "may": self.may_change(role),
            "protected": role.builtin == SUPER_ADMIN_ROLE,
        }
        return self.render(context, status=status)

    def may_change(self, role: Role) -> bool:
        changeable = role.builtin != SUPER_ADMIN_ROLE and self.actor.may("roles.manage")
        return changeable and authority.covers(self.actor, role)


class DeleteRole(Page):
    """Delete a role that nobody has."""

    permission = "roles.manage"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        role = get_or_404(Role.objects.all(), pk)
        services.delete_role(self.actor, role=role)
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": role.name})
        return self.redirect(reverse("roles", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("roles/", Roles.as_view(), name="roles"),
    path("roles/new/", NewRole.as_view(), name="role-new"),
    path("roles/<uuid:pk>/", OneRole.as_view(), name="role"),
    path("roles/<uuid:pk>/delete/", DeleteRole.as_view(), name="role-delete"),
]
