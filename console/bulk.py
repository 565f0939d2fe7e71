"""Bulk work on contacts: what it would do in numbers, the question, and taking it back.

The bulk bar of a list posts here (`ids`, or `all` with `filter`); the answer leads to a page with an address of its
own, on which the numbers stand.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, NotFound, Refusal
from common.ids import parse_uuid
from console import navigation
from console.base import Page
from console.forms import CountField, attach
from console.imports import job_address
from console.member_choice import MemberField, MemberSelect
from contacts.models import Tag
from contacts.services import bulk
from enterprises.actors import Actor
from enterprises.rest import get_or_404
from enterprises.services import policy
from jobs import services as jobs
from jobs.models import JobRun
from quota import queries as quota
from quota.rules import Action as Restricted

# What a list's page puts into its address and is no filter.
NOT_FILTERS = {"page", "page_size", "ordering", "cursor", "columns"}


# --- What an action needs to know -----------------------------------------------------------------------------


class Options(forms.Form):
    """The parameters of an action. `ready`: can its numbers be told?"""

    first = False  # must be answered before the numbers can be told

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)

    def params(self) -> dict[str, Any]:
        """As the service takes them."""
        return {}


class RestoreOptions(Options):
    on_full = forms.ChoiceField(
        label=_("If there are not enough places"),
        choices=[("refuse", _("Restore none: all or nothing")), ("partial", _("Restore as many as fit"))],
        widget=forms.RadioSelect,
        initial="refuse",
    )

    def params(self) -> dict[str, Any]:
        return {"on_full": self.cleaned_data["on_full"]}


class TagOptions(Options):
    first = True
    tags = forms.MultipleChoiceField(label=_("Tags"), widget=forms.SelectMultiple(attrs={"size": 8}))

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data, actor)
        groups: dict[str, list[tuple[str, str]]] = {}
        for tag in Tag.objects.select_related("group").order_by("group__position", "group__name", "position", "name"):
            groups.setdefault(tag.group.name, []).append((str(tag.pk), tag.name))
        self.fields["tags"].choices = list(groups.items())  # type: ignore[attr-defined]

    def params(self) -> dict[str, Any]:
        return {"tags": self.cleaned_data["tags"]}


class TransferOptions(Options):
    first = True
    owner = MemberField(label=_("New owner"), widget=MemberSelect(attrs={"data-submit": ""}))

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data, actor)
        self.fields["owner"].ask(actor, ("", "—"), chosen=data and data.get("owner"))  # type: ignore[attr-defined]

    def params(self) -> dict[str, Any]:
        return {"owner": self.cleaned_data["owner"]}


class DeleteOptions(Options):
    count = CountField(
        label=_("Number of contacts"),
        min_value=0,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def params(self) -> dict[str, Any]:
        return {"count": self.cleaned_data["count"]}


OPTIONS: dict[str, type[Options]] = {
    "restore": RestoreOptions,
    "tag": TagOptions,
    "untag": TagOptions,
    "transfer": TransferOptions,
    "delete": DeleteOptions,
}


# --- Pages ----------------------------------------------------------------------------------------------------


class SelectionPage(Page):
    """The base of pages about a selection that stands in their address."""

    @property
    def filter(self) -> str | None:
        """The list's filter, when everybody who matches it is meant."""
        return self.request.GET.get("filter")

    @property
    def packed(self) -> str:
        """The ids, when some were selected."""
        return self.request.GET.get("ids", "")

    @property
    def chosen(self) -> dict[str, Any]:
        """The selection, as the service takes it."""
        return {"ids": unpack(self.packed)} if self.filter is None else {"filter": filter_of(self.filter)}

    @property
    def selection_query(self) -> dict[str, str]:
        """The selection, as it stands in the address."""
        return {"ids": self.packed} if self.filter is None else {"filter": self.filter}

    def from_bar(self) -> HttpResponseBase:
        """From the bulk bar: to the page of this selection."""
        given = self.request.POST
        query = {"filter": given.get("filter", "")} if given.get("all") else {"ids": pack(given.getlist("ids"))}
        if given.get("count"):
            query["seen"] = given["count"]
        return self.redirect(f"{self.request.path}?{urlencode(query)}")

    def selection(self, total: int) -> dict[str, Any]:
        """What templates need to know about it, when it is so many now."""
        return {
            "selection": self.selection_query,
            "selection_query": urlencode(self.selection_query),
            "filter": self.filter,
            "seen": self._seen(total),
            "list_url": self._list_url(),
        }

    def _seen(self, total: int) -> int | None:
        """How many the list showed, when it is another number by now."""
        seen = self.request.GET.get("seen", "")
        known = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else total
        return known if known != total else None

    def _list_url(self) -> str:
        address = navigation.address("contacts", self.enterprise.code) or f"/e/{self.enterprise.code}/"
        return f"{address}?{self.filter}" if self.filter else address


class Bulk(SelectionPage):
    """One action on many contacts: the numbers, then the question."""

    template = "console/bulk/preview.html"
    permission: ClassVar[str | None] = "contacts.view"

    def get(self, request: HttpRequest, action: str) -> HttpResponseBase:
        self._enter(action)
        form = self._form(request.GET if self.asked else None)
        return self._show(form)

    def post(self, request: HttpRequest, action: str) -> HttpResponseBase:
        """From the bulk bar."""
        self._enter(action)
        return self.from_bar()

    def _enter(self, action: str) -> None:
        try:
            self.action = bulk.find(action)
        except Invalid as unknown:
            raise NotFound() from unknown
        self.actor.require(self.action.permission)
        self.title = self.action.label

    @property
    def asked(self) -> bool:
        """Are the options part of the address already?"""
        return any(name in self.request.GET for name in ("asked", *self._form(None).fields))

    def _form(self, data: Any) -> Options:
        return OPTIONS.get(self.action.name, Options)(data, self.actor)

    def _show(self, form: Options, status: int = 200) -> HttpResponseBase:
        ready = not form.first or (form.is_bound and form.is_valid())
        try:
            params = form.params() if form.first and ready else None
            found = self._numbers(ready, params)
        except Refusal as refusal:
            if not form.first or not ready:
                raise
            attach(form, refusal)
            ready, found, status = False, self._numbers(False, None), refusal.status
        context: dict[str, Any] = {
            "action": self.action,
            "form": form,
            "ready": ready,
            "preview": found,
            **self.selection(found.total),
            "undo_days": policy().undo_days,
            "exports_url": navigation.address("exports", self.enterprise.code),
            "tags_url": navigation.address("tags", self.enterprise.code),
        }
        if found.needs and not found.fits:
            context["decision"] = quota.decide(self.enterprise, Restricted.RESTORE_CONTACT, places=found.needs)
        return self.render(context, status=status)

    def _numbers(self, ready: bool, params: dict[str, Any] | None) -> bulk.Preview:
        if ready:
            return bulk.preview(self.actor, action=self.action.name, params=params, **self.chosen)
        return bulk.survey(self.actor, action=self.action.name, **self.chosen)


class BulkStart(Bulk):
    """The answer to the question."""

    def get(self, request: HttpRequest, action: str) -> HttpResponseBase:
        return self.redirect(f"{self._page(action)}?{request.GET.urlencode()}")

    def post(self, request: HttpRequest, action: str) -> HttpResponseBase:
        self._enter(action)
        form = self._form(request.POST)
        if not form.is_valid():
            return self._show(form, status=400)
        try:
            run = bulk.start(self.actor, action=self.action.name, params=form.params(), **self.chosen)
        except Refusal as refusal:
            return self._show(attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The job has started. You may leave this page."))
        return self.redirect(job_address(self, run))

    def _page(self, action: str) -> str:
        return reverse("bulk", kwargs={"code": self.enterprise.code, "action": action})


class Undo(Page):
    """Taking a job back: what would happen now, then the question."""

    template = "console/bulk/undo.html"
    title = _("Undo")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        run = self._run(pk)
        found = bulk.preview_undo(self.actor, run=run)
        budgets = navigation.address("budgets", self.enterprise.code) if self.actor.may("quota.view") else None
        context: dict[str, Any] = {"run": run, "preview": found, "action": found.action, "budgets_url": budgets}
        if found.needs and not found.fits:
            context["decision"] = quota.decide(self.enterprise, Restricted.RESTORE_CONTACT, places=found.needs)
        return self.render(context)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        undoing = jobs.undo(self.actor, run=self._run(pk))
        messages.success(request, _("The job has started. You may leave this page."))
        return self.redirect(job_address(self, undoing))

    def _run(self, pk: UUID) -> JobRun:
        return get_or_404(JobRun.objects.visible_to(self.actor).select_related("member"), pk)


# --- The selection in an address ------------------------------------------------------------------------------


def pack(ids: Sequence[str]) -> str:
    """Ids as short text: a page of a list fits into an address. What is no id is left out."""
    found = [uuid.bytes for uuid in map(parse_uuid, ids) if uuid is not None]
    return base64.urlsafe_b64encode(b"".join(found)).decode().rstrip("=")


def unpack(text: str) -> list[UUID]:
    """The ids that `pack` wrote; Invalid for anything else, and for none."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if not raw or len(raw) % 16:
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise Invalid({"ids": [_("Select some contacts first.")]}) from error
    return [UUID(bytes=raw[start : start + 16]) for start in range(0, len(raw), 16)]


def filter_of(query: str) -> dict[str, Any]:
    """The filter that stands in a list's address, as JSON."""
    asked = {name: values for name, values in QueryDict(query).lists() if name not in NOT_FILTERS}
    return {name: values if len(values) > 1 else values[0] for name, values in asked.items() if any(values)}


urlpatterns = [
    path("contacts/bulk/<slug:action>/", Bulk.as_view(), name="bulk"),
    path("contacts/bulk/<slug:action>/start/", BulkStart.as_view(), name="bulk-start"),
    path("jobs/<uuid:pk>/undo/", Undo.as_view(), name="job-undo"),
]
