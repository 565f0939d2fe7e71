"""The policy: every number with its meaning, its default, and what was changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Refusal, Text
from console.base import Page
from console.forms import attach
from enterprises.models import PolicyRecord
from enterprises.policy import Group, Policy, PolicyField
from enterprises.services import policy as present_policy
from enterprises.services import update_policy


class NumbersField(forms.CharField):
    """A list of whole numbers, written with commas (also Chinese ones)."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return [part.strip() for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class Setting:
    """A line of the page."""

    field: PolicyField
    bound: forms.BoundField
    default: str
    changed: bool


class PolicyForm(forms.Form):
    """A field for each setting. Its values are checked by the policy itself, for console and API alike."""

    def __init__(self, *args: Any, only: Group | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = [field for field in Policy.fields() if only in (None, field.group)]
        for field in self.settings:
            self.fields[field.name] = _field(field)

    def groups(self, changed: set[str]) -> Iterator[tuple[Text, list[Setting]]]:
        """Settings by group, in the order of the policy."""
        for group in Group:
            if lines := [
                Setting(field, self[field.name], shown(field, field.default), field.name in changed)
                for field in self.settings
                if field.group == group
            ]:
                yield group.label, lines


def shown(field: PolicyField, value: Any) -> str:
    """A value as people read it."""
    values = value if field.many else [value]
    return ", ".join(str(one.label if isinstance(one, Choice) else one) for one in values)


def _field(field: PolicyField) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": False}
    if field.many and issubclass(field.type, Choice):
        widget = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(choices=field.type.choices(), widget=widget, **common)
    if field.many:
        return NumbersField(**common)
    if field.type is Decimal:
        return forms.DecimalField(min_value=field.minimum, max_value=field.maximum, decimal_places=2, **common)
    return forms.IntegerField(min_value=field.minimum, max_value=field.maximum, **common)


class PolicyEditor(Page):
    """The base of pages that change settings: all of them, or those of one group."""

    only: ClassVar[Group | None] = None

    def form(self, *args: Any, **kwargs: Any) -> PolicyForm:
        return PolicyForm(*args, only=self.only, **kwargs)

    def save(self, saved: str) -> HttpResponseBase:
        """Save what was posted and say so, or show the form again with what is wrong."""
        form = self.form(self.request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            # An emptied field means the default, as its hint says.
            values = {name: None if value in ("", None) else value for name, value in form.cleaned_data.items()}
            update_policy(self.actor, values=values)
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        messages.success(self.request, saved)
        return self.redirect(self.request.path)

    def show(self, form: PolicyForm, status: int = 200) -> HttpResponseBase:
        raise NotImplementedError


class PolicyPage(PolicyEditor):
    """Change settings, or put one back. Rooms above follow at once (capacity, grades)."""

    permission = "policy.manage"
    template = "console/settings/policy.html"
    title = _("Policy")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(self.form(initial=present_policy().model_dump()))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if name := request.POST.get("reset"):
            update_policy(self.actor, values={name: None})
            messages.success(request, gettext("The default applies again."))
            return self.redirect(request.path)
        return self.save(gettext("The policy was saved."))

    def show(self, form: PolicyForm, status: int = 200) -> HttpResponseBase:
        changed = set(PolicyRecord.objects.get().overrides)
        return self.render({"form": form, "groups": list(form.groups(changed)), "changed": len(changed)}, status=status)


urlpatterns = [path("policy/", PolicyPage.as_view(), name="policy")]
