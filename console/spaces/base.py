"""What the pages of spaces share: finding things, and pages that are one form."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from common.errors import Refusal, Text
from console.base import Page
from console.forms import attach
from enterprises.rest import get_or_404
from upstream import queries
from upstream.models import Partner, PartnerContact, Space


class SpacesPage(Page):
    """Finds spaces, partners and people among what the person sees (O5)."""

    def space(self, pk: UUID) -> Space:
        return get_or_404(queries.spaces(self.actor), pk)

    def partner(self, pk: UUID) -> Partner:
        return get_or_404(Partner.objects.visible_to(self.actor).select_related("space", "owner"), pk)

    def seat(self, pk: UUID) -> PartnerContact:
        seen = PartnerContact.objects.visible_to(self.actor)
        return get_or_404(seen.select_related("person", "partner", "space"), pk)

    def url(self, name: str, **kwargs: Any) -> str:
        """The address of a page of this enterprise."""
        return reverse(name, kwargs={"code": self.enterprise.code, **kwargs})


class FormPage(SpacesPage):
    """A page that is one form: shown, sent to a service, and back to where one came from.

    A subclass says what it is about (`load`), which form (`form`), and what it does (`act`).
    """

    template = "console/spaces/form.html"
    button: ClassVar[Text] = ""
    done: ClassVar[Text] = ""

    def get(self, request: HttpRequest, **kwargs: UUID) -> HttpResponseBase:
        self.load(**kwargs)
        return self.show(self.form(None))

    def post(self, request: HttpRequest, **kwargs: UUID) -> HttpResponseBase:
        self.load(**kwargs)
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form, 400)
        try:
            with transaction.atomic():
                target = self.act(form.cleaned_data) or self.back()
        except Refusal as refusal:
            return self.show(attach(form, refusal), refusal.status, refusal)
        if self.done:
            messages.success(request, str(self.done))
        return self.redirect(target)

    def load(self, **kwargs: UUID) -> None:
        """Find what the address names; set `self.title`."""
        raise NotImplementedError

    def form(self, data: Any) -> forms.Form:
        raise NotImplementedError

    def act(self, data: dict[str, Any]) -> str | None:
        """Call the service; returns where to go, or None for `back`."""
        raise NotImplementedError

    def back(self) -> str:
        raise NotImplementedError

    def show(self, form: forms.BaseForm, status: int = 200, refusal: Refusal | None = None) -> HttpResponseBase:
        proposals = refusal.extra.get("proposals", []) if refusal else []
        context = {"form": form, "button": self.button, "back": self.back(), "proposals": proposals, **self.more()}
        return self.render(context, status=status)

    def more(self) -> dict[str, Any]:
        """Further context, such as dialogs."""
        return {}


class RowField(forms.ModelChoiceField):
    """One row of a queryset that is given when the form is made."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=None, **kwargs)


class RowsField(forms.ModelMultipleChoiceField):
    """Several rows of a queryset that is given when the form is made."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(queryset=None, **kwargs)

    def clean(self, value: Any) -> list[Model]:
        return list(super().clean(value))


class RowsForm(forms.Form):
    """A form whose choices are rows: `RowsForm(data, owner=members, subgroups=…)`."""

    def __init__(self, data: Any, *, initial: dict[str, Any] | None = None, **rows: QuerySet) -> None:
        super().__init__(data, initial=initial)
        for name, queryset in rows.items():
            field: Any = self.fields[name]
            field.queryset = queryset
            if isinstance(field, RowsField) and not field.required:
                field.choices = list(field.choices)
                if not field.choices:  # a question without answers is not asked
                    field.widget = forms.MultipleHiddenInput()
