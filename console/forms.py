"""How forms look, and how a service's refusal comes back into the form it came from."""

import re
from typing import Any

from django import forms
from django.forms import BaseForm
from django.forms.renderers import TemplatesSetting

from common.errors import Invalid, Refusal


class Renderer(TemplatesSetting):
    """`{{ form }}` and `{{ form.name.as_field_group }}` in the console's dress."""

    form_template_name = "console/components/form.html"
    field_template_name = "console/components/field.html"


def attach(form: BaseForm, refusal: Refusal) -> BaseForm:
    """Put a refusal where it belongs: at the fields it names, else on top of the form. Input is kept."""
    form.errors  # noqa: B018 - cleans the form, so that errors can be added
    if isinstance(refusal, Invalid):
        for name, texts in refusal.errors.items():
            for text in texts:
                form.add_error(name if name in form.fields else None, str(text))
    else:
        form.add_error(None, str(refusal))
    return form


class CountField(forms.IntegerField):
    """A number that a person types; separators are forgiven, as the page forgives them."""

    def to_python(self, value: Any) -> int | None:
        return super().to_python(re.sub(r"[\s,，.]", "", value) if isinstance(value, str) else value)


def typed(given: str | None) -> int | None:
    """The number that a person typed as the answer to a question; None for anything else."""
    try:
        return CountField(min_value=0, required=False).clean(given)
    except forms.ValidationError:
        return None
