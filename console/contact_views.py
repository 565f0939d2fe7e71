"""Saved views over the list of contacts: chips above the filters, each an address."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.bulk import filter_of
from console.contact_table import COLUMNS
from contacts.filters import ORDERINGS
from contacts.models import SavedView
from contacts.services import views as services
from enterprises.actors import Actor
from enterprises.rest import get_or_404

_NAMES = {column: name for name, column in ORDERINGS.items()}


@dataclass(frozen=True)
class Chip:
    """A view as the list shows it."""

    view: SavedView
    query: str
    present: bool
    changeable: bool


def chips(actor: Actor, params: dict[str, Any], ordering: str) -> list[Chip]:
    """The views of this person, and which of them is on the page."""
    views = SavedView.objects.visible_to(actor).select_related("member").order_by("shared", "name", "id")
    may_all = actor.may("views.share")
    return [
        Chip(
            view,
            query_of(view),
            present=(view.filter, column_of(view.ordering)) == (params, ordering),
            changeable=may_all or view.member_id == actor.member_id,
        )
        for view in views
    ]


def query_of(view: SavedView) -> str:
    """The address's query of a view: filter, order and columns, so that it can be shared as a link as well."""
    asked: dict[str, Any] = {**view.filter, "ordering": column_of(view.ordering)}
    if view.columns:
        asked["columns"] = ".".join(view.columns)
    return urlencode({name: _text(value) for name, value in asked.items()}, doseq=True)


def column_of(ordering: str) -> str:
    """-spend, as the API says, is -spend_cents in the address of the list."""
    sign = "-" if ordering.startswith("-") else ""
    return sign + ORDERINGS[ordering.removeprefix("-")]


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


class SaveView(Page):
    """Keep what the list shows under a name; a view of one's own of that name is replaced."""

    permission = "contacts.view"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        given, query = request.POST, request.META.get("QUERY_STRING", "")
        ordering = request.GET.get("ordering", "")
        name = _NAMES.get(ordering.removeprefix("-"))
        asked: dict[str, Any] = {
            "filter": filter_of(query),
            "ordering": ("-" if ordering.startswith("-") else "") + name if name else "-added_at",
            "columns": _columns(given.getlist("columns")),
            "shared": bool(given.get("shared")),
        }
        wanted = " ".join(given.get("name", "").split())
        try:
            view = SavedView.objects.filter(member_id=self.actor.member_id, name=wanted).first()
            if view is not None:
                view = services.change_view(self.actor, view=view, **asked)
            else:
                view = services.save_view(self.actor, name=wanted, **asked)
        except Refusal as refusal:
            errors = [str(text) for texts in getattr(refusal, "errors", {}).values() for text in texts]
            messages.error(request, " ".join(errors) or str(refusal.detail))
            return self.redirect(f"{self._list()}?{query}")
        messages.success(request, _("The view was saved."))
        return self.redirect(f"{self._list()}?{query_of(view)}")

    def _list(self) -> str:
        return reverse("contacts", kwargs={"code": self.enterprise.code})


class DeleteView(SaveView):
    """Forget a view."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:  # type: ignore[override]
        view = get_or_404(SavedView.objects.visible_to(self.actor), pk)
        services.delete_view(self.actor, view=view)
        messages.success(request, _("The view was deleted."))
        return self.redirect(self._list())


def _columns(names: Iterable[str]) -> list[str]:
    known = {column.name for column in COLUMNS}
    return [name for one in names for name in one.split(".") if name in known]


urlpatterns = [
    path("contacts/views/", SaveView.as_view(), name="contact-view-save"),
    path("contacts/views/<uuid:pk>/delete/", DeleteView.as_view(), name="contact-view-delete"),
]
