"""The planner's form: how contacts are split, and over whom, as people think of it; it makes a plan of parts."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import Split
from collaboration.services.transfers import Part, Plan
from common.choices import Choice
from console.contact_forms import member_choices
from contacts.models import Tag
from contacts.rules import Grade
from enterprises.actors import Actor
from enterprises.models import Department, Member

TAGS = 3  # rows of "with this tag to …" in the form; the API takes more


class How(Choice):
    """The ways of splitting that the form offers."""

    ONE = "one", _("All to one member")
    EVEN = "even", _("Evenly over several")
    ROOM = "room", _("Over several, by their free room")
    DEPARTMENT = "department", _("Evenly over a department")
    GRADE = "grade", _("By value grade")
    TAG = "tag", _("By tag")


class PlanForm(forms.Form):
    """Only the fields of the chosen way are there, so a page without scripts works as well."""

    use_required_attribute = False  # another way of splitting may be chosen before the fields of this one are filled in

    how = forms.ChoiceField(
        label=_("How to split"),
        choices=How.choices,
        widget=forms.Select(attrs={"data-submit": ""}),
    )

    def __init__(self, data: Any, actor: Actor, *, member: Member | None = None, sent: bool = False) -> None:
        """`data` of an address may choose the way of splitting only; what is `sent` must be complete."""
        self.how = How(data["how"]) if data.get("how") in list(How) else How.ONE
        self.answered = sent or any(
            data.get(name) for name in data if name.startswith(("taker", "tag_")) or name == "department"
        )
        super().__init__(data if self.answered else None, initial={"how": self.how.value, "groups": True})
        people = [(pk, name) for pk, name in member_choices(actor) if member is None or pk != str(member.pk)]
        one = [("", "—"), *people]
        if self.how is How.ONE:
            self._choice("taker", _("Taker"), one)
        elif self.how in (How.EVEN, How.ROOM):
            self.fields["takers"] = forms.MultipleChoiceField(
                label=_("Takers"), choices=people, widget=forms.SelectMultiple(attrs={"size": 8})
            )
        elif self.how is How.DEPARTMENT:
            departments = Department.objects.order_by("name", "id").values_list("pk", "name")
            self._choice("department", _("Department"), [("", "—"), *((str(pk), name) for pk, name in departments)])
        elif self.how is How.GRADE:
            for grade in Grade:
                self._choice(f"taker_{grade.value}", grade.label, one)
        else:
            tags = Tag.objects.select_related("group").order_by("group__position", "group__name", "position", "name")
            choices = [("", "—"), *((str(tag.pk), f"{tag.group.name} · {tag.name}") for tag in tags)]
            for number in range(1, TAGS + 1):
                self._choice(f"tag_{number}", _("With the tag"), choices, required=number == 1)
                self._choice(f"taker_{number}", _("to"), one, required=number == 1)
            self._choice("taker", _("All others to"), one, required=False)
        self.fields["groups"] = forms.BooleanField(label=_("Group chats go along"), required=False)

    def _choice(self, name: str, label: Any, choices: list[tuple[str, Any]], *, required: bool = True) -> None:
        self.fields[name] = forms.ChoiceField(label=label, choices=choices, required=required)

    def plan(self) -> dict[str, Any]:
        """The plan as the service takes it."""
        data = self.cleaned_data
        if self.how is How.ONE:
            parts: list[dict[str, Any]] = [{"takers": [data["taker"]]}]
        elif self.how in (How.EVEN, How.ROOM):
            parts = [{"takers": data["takers"]}]
        elif self.how is How.DEPARTMENT:
            parts = [{"department": data["department"]}]
        elif self.how is How.GRADE:
            parts = [{"grade": grade.value, "takers": [data[f"taker_{grade.value}"]]} for grade in Grade]
        else:
            given = [(data[f"tag_{number}"], data[f"taker_{number}"]) for number in range(1, TAGS + 1)]
            parts = [{"tag": tag, "takers": [taker]} for tag, taker in given if tag and taker]
            if data["taker"]:
                parts.append({"takers": [data["taker"]]})
        split = Split.ROOM if self.how is How.ROOM else Split.EVEN
        return {"parts": parts, "split": split.value, "groups": data["groups"]}


def describe(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """A stored plan for people: each part with its condition and the names of its takers."""
    plan = Plan.stored(stored)
    members = Member.objects.in_bulk({taker for part in plan.parts for taker in part.takers})
    departments = Department.objects.in_bulk({part.department for part in plan.parts if part.department})
    tags = Tag.objects.in_bulk({part.tag for part in plan.parts if part.tag})

    def line(part: Part) -> dict[str, Any]:
        return {
            "grade": part.grade,
            "tag": tags.get(part.tag) if part.tag else None,
            "department": departments.get(part.department) if part.department else None,
            "takers": [members[taker].name for taker in part.takers if taker in members],
        }

    return [line(part) for part in plan.parts]
