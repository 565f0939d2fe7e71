"""Departments: the tree, and one department."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.forms import attach
from enterprises import authority, queries
from enterprises.models import Department, Member
from enterprises.rest import get_or_404, reference
from enterprises.services import departments

MANY = 1000  # choices of a select; beyond, the API and files
NOBODY = ("", "—")


def tree() -> list[tuple[UUID, str]]:
    """All departments with their paths, parents first."""
    return sorted(departments.paths().items(), key=lambda item: item[1])


def _people() -> list[tuple[str, str]]:
    found = Member.objects.filter(status=Member.Status.ACTIVE).order_by("name", "id")[:MANY]
    return [(str(one.pk), f"{one.name} ({one.userid})") for one in found]


class DepartmentForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=64)
    parent = forms.ChoiceField(label=_("Belongs to"), required=False)
    leader = forms.ChoiceField(label=_("Leader"), required=False)
    position = forms.IntegerField(
        label=pgettext_lazy("in a list", "Order"),
        required=False,
        min_value=0,
        max_value=1_000_000,
        help_text=_("Smaller numbers come first."),
    )

    def __init__(self, page: Page, *args: Any, department: Department | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        managed = authority.managed_departments(page.actor)
        below = authority.subtree([department.pk]) if department else set()
        present = department.parent_id if department else None
        allowed = [
            (str(pk), label)
            for pk, label in tree()
            if pk not in below and (managed is None or pk in managed or pk == present)
        ]
        top = [("", _("(at the top)"))] if managed is None or (department and present is None) else []
        self.fields["parent"].choices = [*top, *allowed]  # type: ignore[attr-defined]
        leaders = _people()
        if department and department.leader and str(department.leader_id) not in dict(leaders):
            leaders.insert(0, (str(department.leader_id), department.leader.name))
        self.fields["leader"].choices = [NOBODY, *leaders]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "parent": reference(Department.objects.all(), data["parent"] or None, "parent"),
            "leader": reference(Member.objects.all(), data["leader"] or None, "leader"),
            "position": data["position"] or 0,
        }


class Departments(Page):
    """The tree, and a form for one more."""

    permission = "members.view"
    template = "console/people/departments.html"
    title = _("Departments")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(DepartmentForm(self, initial={"parent": request.GET.get("parent", "")}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = DepartmentForm(self, request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            department = departments.create_department(self.actor, **form.values())
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("“%(name)s” was added.") % {"name": department.name})
        return self.redirect(reverse("departments", kwargs={"code": self.enterprise.code}))

    def show(self, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        may = self.actor.may("members.manage")
        context = {"rows": self.rows(), "form": form if may else None, "may": may}
        return self.render(context, status=status)

    def rows(self) -> list[dict[str, Any]]:
        """Departments in the order of the tree, with their depth."""
        children: dict[UUID | None, list[Department]] = {}
        for department in queries.departments({}).order_by("position", "name", "id"):
            children.setdefault(department.parent_id, []).append(department)
        managed = authority.managed_departments(self.actor) if self.actor.may("members.manage") else set()
        rows: list[dict[str, Any]] = []

        def add(parent: UUID | None, depth: int) -> None:
            for one in children.get(parent, ()):
                mine = managed is None or one.pk in managed
                rows.append({"department": one, "indent": depth * 24, "mine": mine})
                add(one.pk, depth + 1)

        add(None, 0)
        return rows


class OneDepartment(Page):
    """Rename, move, lead, delete."""

    permission = "members.manage"
    template = "console/people/department.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        department = self.load(pk)
        initial = {
            "name": department.name,
            "parent": str(department.parent_id or ""),
            "leader": str(department.leader_id or ""),
            "position": department.position,
        }
        return self.show(department, DepartmentForm(self, department=department, initial=initial))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        department = self.load(pk)
        form = DepartmentForm(self, request.POST, department=department)
        if not form.is_valid():
            return self.show(department, form, status=400)
        try:
            departments.update_department(self.actor, department=department, changes=form.values())
        except Refusal as refusal:
            return self.show(department, attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The department was saved."))
        return self.redirect(reverse("departments", kwargs={"code": self.enterprise.code}))

    def load(self, pk: UUID) -> Department:
        department = get_or_404(Department.objects.select_related("leader", "parent"), pk)
        self.title = department.name
        return department

    def show(self, department: Department, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        return self.render({"department": department, "form": form}, status=status)


class DeleteDepartment(Page):
    """Delete an empty department."""

    permission = "members.manage"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        department = get_or_404(Department.objects.all(), pk)
        departments.delete_department(self.actor, department=department)
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": department.name})
        return self.redirect(reverse("departments", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("departments/", Departments.as_view(), name="departments"),
    path("departments/<uuid:pk>/", OneDepartment.as_view(), name="department"),
    path("departments/<uuid:pk>/delete/", DeleteDepartment.as_view(), name="department-delete"),
]
