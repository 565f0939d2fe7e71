"""Messages to partners as forms: what is said, and to whom."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from enterprises.actors import Actor
from upstream.models import Message, Partner, PartnerContact, Series, Space, Subgroup
from upstream.rules.audience import SETS
from upstream.services import messages as services

MOST_REGIONS = 60
PICKED = ("partners", "but_partners", "but_persons")  # found by name, as there may be thousands


class BoxesField(forms.MultipleChoiceField):
    """Several of a few, as boxes."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class MessageForm(forms.Form):
    """What is said. Whom it goes to is checked by the service, and shown in numbers while it is chosen."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Message.Kind.choices)
    title = forms.CharField(label=_("Title"), max_length=128)
    text = forms.CharField(
        label=_("Text"),
        max_length=services.LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        required=False,
        help_text=_("Of the link or mini-program; who follows it is counted."),
    )
    file = forms.FileField(label=_("File"), required=False, help_text=_("For the kind “file”: at most 20 MB."))
    spaces = BoxesField(label=_("Spaces"))
    series = BoxesField(label=_("Series"), help_text=_("Everybody in all spaces of the series."))
    subgroups = BoxesField(label=_("Subgroups"), help_text=_("With the subgroups below."))
    kinds = BoxesField(label=_("Only partners of these kinds"), choices=Partner.Kind.choices)
    regions = BoxesField(label=_("Only partners in these regions"))
    leaders = forms.BooleanField(label=_("Only leaders"), required=False)
    but_subgroups = BoxesField(label=_("But nobody in these subgroups"))

    content = ("kind", "title", "text", "url", "file")
    reach = ("spaces", "series", "subgroups")
    narrowing = ("kinds", "regions", "leaders")

    def __init__(self, data: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        spaces = Space.objects.visible_to(actor)
        partners = Partner.objects.visible_to(actor)
        series = Series.objects.filter(pk__in=spaces.exclude(series=None).values("series"))
        groups = Subgroup.objects.filter(space__in=spaces.values("id")).select_related("space")
        ordered = groups.order_by("space__name", "position", "name", "id")
        regions = partners.exclude(region="").order_by("region").values_list("region", flat=True).distinct()
        self._offer("spaces", spaces.values_list("pk", "name"))
        self._offer("series", series.values_list("pk", "name"))
        subgroups = [(one.pk, f"{one.space.name} / {one.name}") for one in ordered]
        self._offer("subgroups", subgroups)
        self._offer("but_subgroups", subgroups)
        self._offer("regions", [(region, region) for region in regions[:MOST_REGIONS]])

    def _offer(self, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
        offered = [(str(value), label) for value, label in choices]
        if offered:
            self.fields[name].choices = offered  # type: ignore[attr-defined]
        else:
            del self.fields[name]

    def fields_of(self, names: Iterable[str]) -> list[forms.BoundField]:
        """Those of these fields that have something to offer."""
        return [self[name] for name in names if name in self.fields]

    @property
    def content_fields(self) -> list[forms.BoundField]:
        return self.fields_of(self.content)

    @property
    def reach_fields(self) -> list[forms.BoundField]:
        return self.fields_of(self.reach)

    @property
    def narrowing_fields(self) -> list[forms.BoundField]:
        return self.fields_of(self.narrowing)

    @property
    def exclusion_fields(self) -> list[forms.BoundField]:
        return self.fields_of(("but_subgroups",))


class ScheduleForm(forms.Form):
    """When a message is to go."""

    at = forms.DateTimeField(
        label=_("When"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def audience(data: Any) -> dict[str, Any]:
    """What a form says of the audience, as the service takes it."""
    return {**{name: data.getlist(name) for name in SETS}, "leaders": bool(data.get("leaders"))}


def picked(actor: Actor, chosen: Mapping[str, Any]) -> dict[str, list[tuple[Any, str]]]:
    """Partners and persons that were picked by name before, of what the actor sees: id and name, by field."""
    found: dict[str, list[tuple[Any, str]]] = {}
    for field in PICKED:
        ids = list(chosen.get(field) or ())
        try:
            known = services.audience_of(actor, {field: ids})
        except Invalid:
            ids = []
        else:
            ids = list(getattr(known, field))
        found[field] = sorted(_named(actor, field, ids), key=lambda pair: pair[1])
    return found


def _named(actor: Actor, field: str, ids: list[Any]) -> list[tuple[Any, str]]:
    if not ids:
        return []
    if field == "but_persons":
        seats = PartnerContact.objects.visible_to(actor).filter(person__in=ids)
        return list(dict(seats.values_list("person_id", "person__name")).items())
    return list(Partner.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "name"))
