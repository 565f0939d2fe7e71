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
from console.forms import attach, typed
from contacts.models import FollowTag, Tag, TagGroup
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


class TagForm(forms.Form):
    """A tag: its name and place."""

    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=30)
    position = forms.IntegerField(
        label=pgettext_lazy("in a list", "Order"),
        min_value=0,
        max_value=10_000,
        required=False,
        help_text=_("Small numbers stand first."),
    )

    def given(self) -> dict[str, Any]:
        """As the service takes it; what was left empty stays as it is."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


class GroupForm(TagForm):
    """A group: with its colour."""

    colour = forms.ChoiceField(label=_("Colour"), choices=TagColour.choices(), required=False)


class NewTagForm(forms.Form):
    """One more tag of a group."""

    name = forms.CharField(label=_("New tag in this group"), max_length=30)


class TagChange(Page):
    """One tag or group: a new tag in it, another name, or its end."""

    permission = "tags.manage"
    template = "console/tags/change.html"

    def get(self, request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
        row = self._row(kind, pk)
        return self._show(row, self._form(row), NewTagForm(auto_id="new-%s"))

    def post(self, request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
        row = self._row(kind, pk)
        action = request.POST.get("action")
        if action == "delete":
            return self._delete(row)
        adds = action == "add" and isinstance(row, TagGroup)
        form: forms.BaseForm = NewTagForm(request.POST, auto_id="new-%s") if adds else self._form(row, request.POST)
        change, new = (self._form(row), form) if adds else (form, NewTagForm(auto_id="new-%s"))
        if not form.is_valid():
            return self._show(row, change, new, status=400)
        try:
            with transaction.atomic():
                if isinstance(form, TagForm):
                    services.edit(self.actor, row=row, **form.given())
                else:
                    services.create_tag(self.actor, group=row, **form.cleaned_data)
        except Refusal as refusal:
            attach(form, refusal)
            return self._show(row, change, new, status=refusal.status)
        if adds:
            messages.success(request, _("“%(name)s” was added.") % {"name": form.cleaned_data["name"]})
            return self.redirect(request.path)
        messages.success(request, _("“%(name)s” was changed.") % {"name": row.name})
        return self.redirect(self._back_to_list())

    def _delete(self, row: TagGroup | Tag) -> HttpResponseBase:
        """With the number typed, for it cannot be undone."""
        worn = self._worn(row)
        if worn and typed(self.request.POST.get("confirm")) != worn:
            messages.error(self.request, _("The number is another one by now."))
            return self.redirect(self.request.path)
        services.delete(self.actor, row=row)
        messages.success(self.request, _("“%(name)s” was deleted.") % {"name": row.name})
        return self.redirect(self._back_to_list())

    def _show(
        self, row: TagGroup | Tag, form: forms.BaseForm, new: forms.BaseForm, status: int = 200
    ) -> HttpResponseBase:
        self.title = row.name
        context = {
            "row": row,
            "form": form,
            "worn": self._worn(row),
            "back": self._back_to_list(),
            "new": new if isinstance(row, TagGroup) else None,
            "tags": list(row.tags.all()) if isinstance(row, TagGroup) else [row],
        }
        return self.render(context, status=status)

    @staticmethod
    def _form(row: TagGroup | Tag, data: Any = None) -> TagForm:
        names = ("name", "position", "colour") if isinstance(row, TagGroup) else ("name", "position")
        made = GroupForm if isinstance(row, TagGroup) else TagForm
        return made(data, initial={name: getattr(row, name) for name in names})

    def _worn(self, row: TagGroup | Tag) -> int | None:
        """How many contacts wear it, or one of its tags: told to those who see all of them."""
        if not self.actor.sees_all:
            return None
        worn = FollowTag.objects.filter(tag__group=row) if isinstance(row, TagGroup) else row.taggings.all()
        return worn.aggregate(number=Count("contact_id", distinct=True))["number"]

    def _row(self, kind: str, pk: UUID) -> TagGroup | Tag:
        return get_or_404(TagGroup.objects.all() if kind == "group" else Tag.objects.select_related("group"), pk)

    def _back_to_list(self) -> str:
        return reverse("tags", kwargs={"code": self.enterprise.code})


urlpatterns = [
    path("tags/", Tags.as_view(), name="tags"),
    path("tags/<str:kind>/<uuid:pk>/", TagChange.as_view(), name="tag-change"),
]
