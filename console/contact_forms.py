"""Forms about one contact. They give services their input; the rules are the services' own."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.member_choice import MemberField, labelled
from contacts.models import Contact, Tag
from contacts.queries import nameable
from contacts.rules import Grade, Kind, Side
from enterprises.actors import Actor

# Purchases have a form of their own; the system's entries are made by what they tell of.
RECORDED = [
    (kind.value, kind.label)
    for kind in Kind
    if kind.side is not Side.SYSTEM and kind not in (Kind.PURCHASE, Kind.REFUND)
]


class PhonesField(forms.CharField):
    """Phone numbers, separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Phones"), required=False, max_length=400, help_text=_("Several separated by commas."), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [part.strip() for part in super().clean(value).replace("，", ",").split(",") if part.strip()]


class DetailsForm(forms.Form):
    """What can be edited about a contact."""

    name = forms.CharField(label=_("Name"), max_length=128)
    remark = forms.CharField(label=_("Remark"), max_length=128, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=Contact.Kind.choices, initial=Contact.Kind.WECHAT)
    company = forms.CharField(label=_("Company"), max_length=128, required=False)
    phones = PhonesField()


class EditForm(DetailsForm):
    description = forms.CharField(
        label=_("Description"), max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


def member_choices(actor: Actor, *, empty: bool = False) -> list[tuple[str, str]]:
    """The members whom the actor may name."""
    named = labelled(nameable(actor))
    return [("", "—"), *named] if empty else named


class AddForm(DetailsForm):
    external_userid = forms.RegexField(
        r"^\S{1,64}$",
        label=_("External user id"),
        help_text=_("As WeCom names them."),
        error_messages={"invalid": _("Write 1 to 64 characters without spaces.")},
    )
    source = forms.CharField(
        label=_("Source"), max_length=32, required=False, help_text=_("How you came to know them.")
    )
    follower = MemberField(label=_("Added by"), required=False)
    field_order = ("external_userid", "name", "remark", "kind", "company", "phones", "source", "follower")

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)
        if actor.may("contacts.assign"):
            self.fields["follower"].ask(actor, ("", _("Me")))  # type: ignore[attr-defined]
        else:
            del self.fields["follower"]


class OwnerForm(forms.Form):
    owner = MemberField(label=_("New owner"))

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)
        self.fields["owner"].ask(actor, ("", "—"))  # type: ignore[attr-defined]


class GradeForm(forms.Form):
    grade = forms.ChoiceField(
        label=_("Grade"), required=False, choices=[("", _("By spending")), *Grade.choices()], widget=forms.RadioSelect
    )


class TagsForm(forms.Form):
    """All corporate tags, those the contact has ticked."""

    tags = forms.MultipleChoiceField(label=_("Tags"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.known = {
            str(tag.pk): tag
            for tag in Tag.objects.select_related("group").order_by(
                "group__position", "group__name", "position", "name"
            )
        }
        self.fields["tags"].choices = [  # type: ignore[attr-defined]
            (pk, f"{tag.group.name} · {tag.name}") for pk, tag in self.known.items()
        ]


class InteractionForm(forms.Form):
    kind = forms.ChoiceField(label=_("What happened?"), choices=RECORDED, initial=Kind.CALL.value)
    at = forms.DateTimeField(
        label=_("When?"), required=False, help_text=_("Now when left empty."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    text = forms.CharField(label=_("Note"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        at: datetime | None = self.cleaned_data["at"]
        text = self.cleaned_data["text"]
        return {"kind": self.cleaned_data["kind"], "at": at, "data": {"text": text} if text else None}


class PurchaseForm(forms.Form):
    order_no = forms.CharField(label=_("Order number"), max_length=64)
    amount = forms.DecimalField(
        label=_("Amount (CNY)"), max_digits=12, decimal_places=2, help_text=_("Negative for a refund.")
    )
    paid_at = forms.DateTimeField(
        label=_("Paid"), required=False, help_text=_("Now when left empty."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
