"""Corporate tags in their groups."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.errors import Refusal
from console.base import Page
from console.forms import attach
from contacts.models import Tag, TagGroup
from contacts.rules import SYSTEM_TAG, TagColour
from contacts.services import tags as services
from enterprises.rest import get_or_404
from enterprises.services import policy


class TagGroupForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("of tags", "Name of the group"), max_length=30)
    colour = forms.ChoiceField(
        label=_("Colour"), choices=TagColour.choices(), initial=TagColour.GREY.value, required=False
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=2000, required=False, help_text=_("Several separated by commas.")
    )

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        named = self.cleaned_data["tags"].replace("，", ",").split(",")
        data = {"name": self.cleaned_data["name"], "colour": self.cleaned_data["colour"] or TagColour.GREY.value}
        return {**data, "tags": [name.strip() for name in named if name.strip()]}


class Tags(Page):
    """All tags; making groups and tags, renaming and deleting them."""

    permission = "contacts.view"
    template = "console/tags/list.html"
    title = _("Tags")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show(TagGroupForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = TagGroupForm(request.POST)
        if not form.is_valid():
            return self._show(form, status=400)
        try:
            with transaction.atomic():
                services.create_tag_group(self.actor, **form.given())
        except Refusal as refusal:
            return self._show(attach(form, refusal), status=refusal.status)
        messages.success(request, _("The tags were made."))
        return self.redirect(request.path)

    def _show(self, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        groups: dict[Any, tuple[TagGroup, list[Tag]]] = {group.pk: (group, []) for group in TagGroup.objects.all()}
        for tag in Tag.objects.all():
            groups[tag.group_id][1].append(tag)
        context = {
            "groups": list(groups.values()),
            "form": form,
            "may_manage": self.actor.may("tags.manage"),
            "may_rule": self.actor.may("tags.manage") and self.actor.sees_all,
            "system_tag": SYSTEM_TAG,
            "days": policy().inactive_days,
        }
        return self.render(context, status=status)


class TagChange(Page):
    """One tag or group: a new tag in it, another name, or its end."""

    permission = "tags.manage"
    template = "console/tags/change.html"

    def get(self, request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
        row = self._row(kind, pk)
        self.title = row.name
        context: dict[str, Any] = {"row": row, "kind": kind, "back": self._back_to_list(), "colours": TagColour}
        if self.actor.sees_all:
            tags = Tag.objects.filter(group=row) if isinstance(row, TagGroup) else Tag.objects.filter(pk=row.pk)
            context["worn"] = tags.aggregate(number=Count("taggings__contact_id", distinct=True))["number"]
        return self.render(context)

    def post(self, request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
        row = self._row(kind, pk)
        name = request.POST.get("name", "")
        if request.POST.get("action") == "delete":
            services.delete(self.actor, row=row)
            messages.success(request, _("“%(name)s” was deleted.") % {"name": row.name})
        elif request.POST.get("action") == "add" and isinstance(row, TagGroup):
            tag = services.create_tag(self.actor, group=row, name=name)
            messages.success(request, _("“%(name)s” was added.") % {"name": tag.name})
        else:
            services.edit(self.actor, row=row, name=name, **self._more(row))
            messages.success(request, _("“%(name)s” was changed.") % {"name": row.name})
        return self.redirect(self._back_to_list())

    def _more(self, row: TagGroup | Tag) -> dict[str, Any]:
        """Order and colour, where they are given."""
        given: dict[str, Any] = {}
        position = self.request.POST.get("position", "")
        if position.isascii() and position.isdigit() and len(position) < 6:
            given["position"] = int(position)
        if isinstance(row, TagGroup) and (colour := self.request.POST.get("colour")):
            given["colour"] = colour
        return given

    def _row(self, kind: str, pk: UUID) -> TagGroup | Tag:
        return get_or_404(TagGroup.objects.all() if kind == "group" else Tag.objects.all(), pk)

    def _back_to_list(self) -> str:
        return reverse("tags", kwargs={"code": self.enterprise.code})


urlpatterns = [
    path("tags/", Tags.as_view(), name="tags"),
    path("tags/<str:kind>/<uuid:pk>/", TagChange.as_view(), name="tag-change"),
]
