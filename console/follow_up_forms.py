"""Follow-ups as forms and templates take them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common import clock
from console.member_choice import MemberField
from contacts import agenda
from contacts.models import FollowUp
from contacts.rules import FollowUpKind, plan
from contacts.services import follow_ups as services
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.rest import get_or_404
from enterprises.services import zone


class FollowUpForm(forms.Form):
    """What was done, and what is next."""

    kind = forms.ChoiceField(label=_("Kind"), choices=FollowUpKind.choices())
    text = forms.CharField(
        label=_("What was done or said?"), max_length=services.MOST_TEXT, widget=forms.Textarea(attrs={"rows": 3})
    )
    next_at = forms.DateTimeField(
        label=_("Next date"), required=False, help_text=_("You are reminded then."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    assignee = MemberField(label=_("Who is reminded"), required=False)

    def __init__(self, data: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if actor.may("contacts.assign"):
            chosen = self.initial.get("assignee")
            self.fields["assignee"].ask(actor, ("", _("Me")), chosen=chosen)  # type: ignore[attr-defined]
        else:
            del self.fields["assignee"]

    def given(self) -> dict[str, Any]:
        """As the service takes it."""
        data = dict(self.cleaned_data)
        if assignee := data.pop("assignee", ""):
            data["assignee"] = get_or_404(Member.objects.all(), assignee)
        return data


class WriteForm(FollowUpForm):
    """With a file, which can be added later as well."""

    file = forms.FileField(label=_("File"), required=False, help_text=_("Documents, pictures, sound or text."))

    def given(self) -> dict[str, Any]:
        data = super().given()
        data.pop("file")
        return data


def shown(follow_up: FollowUp, actor: Actor, *, may_write: bool) -> dict[str, Any]:
    """A follow-up as templates show it; `may_write`: to those of this contact (`Right.FOLLOW_UP`)."""
    planned = follow_up.next_at is not None and follow_up.done_at is None
    return {
        "row": follow_up,
        "files": list(follow_up.files.all()),
        "planned": planned,
        "state": plan(follow_up.next_at, clock.now(), zone(actor.enterprise)).value if planned else "",
        "may_write": may_write,
        "may_change": may_write and agenda.may_change(actor, follow_up),
    }
