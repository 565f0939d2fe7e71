"""Forms about spaces and partners. They give services their input; the rules are the services' own."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from console.spaces.base import RowField, RowsField, RowsForm
from upstream.models import Partner


class CommaField(forms.CharField):
    """Several words, separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value).replace("，", ",").replace("、", ",")
        return [part.strip() for part in text.split(",") if part.strip()]


class SpaceForm(forms.Form):
    name = forms.CharField(
        label=pgettext_lazy("of a thing", "Name"),
        max_length=128,
        help_text=_("Unique in the whole network; we propose free ones if it is taken."),
    )
    purpose = forms.CharField(
        label=_("What for"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("In plain words; partners read it before they join."),
    )
    partners_open = forms.BooleanField(
        label=_("Partners see each other"),
        required=False,
        help_text=_("Otherwise a partner sees you and its own people."),
    )


class SeriesForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the series"),
        max_length=48,
        help_text=_("Its spaces are numbered: Media 1, Media 2, … and handled as one."),
    )
    purpose = forms.CharField(
        label=_("What for"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    partners_open = forms.BooleanField(label=_("Partners see each other"), required=False)


class SubgroupForm(RowsForm):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=64)
    parent = RowField(label=_("Below"), required=False, empty_label=_("At the top"))


class PartnerForm(RowsForm):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=128)
    short_name = forms.CharField(
        label=_("Short name"), max_length=64, required=False, help_text=_("What everybody calls it.")
    )
    aliases = CommaField(
        label=_("Aliases"),
        max_length=800,
        required=False,
        help_text=_("Other names to find it by, separated by commas."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Partner.Kind.choices, initial=Partner.Kind.OTHER)
    region = forms.CharField(label=_("Region"), max_length=64, required=False)
    owner = RowField(label=_("Owner on our side"), required=False, empty_label=_("Nobody"))
    subgroups = RowsField(label=_("Subgroups"), widget=forms.CheckboxSelectMultiple)


class NewPartnerForm(PartnerForm):
    virtual = forms.BooleanField(
        label=_("Known by a name only (virtual)"), required=False, help_text=_("It can be verified later.")
    )


class VerifyForm(forms.Form):
    name = forms.CharField(label=_("Registered name"), max_length=128)
    credit_code = forms.CharField(
        label=_("Unified social credit code"),
        max_length=32,
        help_text=_("18 digits and capitals, on the business licence."),
    )


class MoveForm(RowsForm):
    space = RowField(label=_("To the space"), empty_label=None)


class MergeForm(RowsForm):
    into = RowField(label=_("It is part of"), empty_label=None)


class PersonForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=64)
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False)
    email = forms.CharField(label=_("E-mail"), max_length=254, required=False)
    title = forms.CharField(label=_("Position"), max_length=64, required=False)
    leader = forms.BooleanField(label=_("Leader"), required=False)


class SpaceMembersForm(RowsForm):
    members = RowsField(
        label=_("Members"),
        required=True,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("Several with Ctrl."),
    )
    subgroups = RowsField(
        label=_("Only for these subgroups"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: for the whole space."),
    )


class PlaceForm(RowsForm):
    subgroups = RowsField(
        label=_("Only for these subgroups"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: for the whole space."),
    )


class RuleForm(RowsForm):
    name = forms.CharField(label=pgettext_lazy("of a thing", "Name"), max_length=64)
    members = RowsField(label=_("Members of yours"), widget=forms.SelectMultiple(attrs={"size": 6}))
    departments = RowsField(label=_("Departments of yours"), widget=forms.CheckboxSelectMultiple)
    subgroups = RowsField(label=_("Subgroups"), widget=forms.CheckboxSelectMultiple)
    partners = RowsField(label=_("Partners"), widget=forms.SelectMultiple(attrs={"size": 6}))


class PartnerFilter(RowsForm):
    search = forms.CharField(label=_("Any name, pinyin or person"), max_length=128, required=False)
    space = RowField(label=_("Space"), required=False, empty_label=_("All"))
    series = RowField(label=_("Series"), required=False, empty_label=_("All"))
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), *Partner.Kind.choices])
    virtual = forms.ChoiceField(
        label=_("Verified"), required=False, choices=[("", _("All")), ("false", _("Real")), ("true", _("Virtual"))]
    )
    region = forms.CharField(label=_("Region"), max_length=64, required=False)
