"""The rehearsal of going over the scale, and whom one may still answer (Q8, Q9)."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Refusal
from console.base import Page
from console.forms import attach
from console.listing import Listing
from contacts import rehearsal, replies
from enterprises.models import Member, Role
from enterprises.services import policy, zone
from quota import queries
from quota.models import Account
from quota.rules import Action


class RehearsalForm(forms.Form):
    """A day, and how many are served then."""

    at = forms.CharField(label=_("On"), widget=forms.DateInput(attrs={"type": "date"}))
    served = forms.CharField(
        label=_("Served then"), required=False, widget=forms.NumberInput(attrs={"min": 0, "max": queries.MOST_SERVED})
    )


class RehearsalPage(Page):
    """Choose a day and a number: what would stop, for whom, and what would help. Nothing is changed."""

    permission = "quota.view"
    template = "console/quota/rehearsal.html"
    title = _("Rehearsal")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = {name: request.GET[name] for name in ("at", "served") if request.GET.get(name)}
        form = RehearsalForm(asked or self.suggested())
        if not form.is_valid():
            return self.render({"form": form, "played": None}, status=400)
        try:
            at, served = rehearsal.parse(form.cleaned_data, zone(self.enterprise))
            played = rehearsal.play(self.actor, at=at, served=served)
        except Refusal as refusal:
            return self.render({"form": attach(form, refusal), "played": None}, status=refusal.status)
        found = played.rehearsal
        context = {
            "form": form,
            "played": played,
            "rows": [(action, decision, played.meets(action)) for action, decision in found.decisions.items()],
            "hours": played.reply_hours,
        }
        return self.render(context)

    def suggested(self) -> dict[str, Any]:
        """The day on which the capacity changes next, else in a month; with as many as now."""
        account = Account.objects.get()
        at = account.capacity_until or clock.now()
        if at <= clock.now():
            at = clock.now() + timedelta(days=30)
        return {"at": f"{at.astimezone(zone(self.enterprise)):%Y-%m-%d}", "served": str(account.served)}


class ReplyForm(forms.Form):
    """Whose windows."""

    member = forms.ChoiceField(label=_("Member"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = Member.objects.filter(status=Member.Status.ACTIVE).order_by("name", "id")[:1000]
        self.fields["member"].choices = [  # type: ignore[attr-defined]
            ("", _("All")),
            *((str(one.pk), one.name) for one in people),
        ]


class Replies(Page):
    """Whom one may still answer, until when. Staff begin with their own."""

    permission = "contacts.view"
    template = "console/quota/replies.html"
    title = _("Reply windows")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        params = request.GET.dict()
        member = self.actor.member
        if "member" not in params and member is not None and member.role.scope == Role.Scope.RELATED:
            params["member"] = str(member.pk)
        form = ReplyForm(params)
        valid = form.is_valid()
        numbers = policy()
        found = replies.windows(self.actor, params if valid else {}, numbers=numbers)
        listing = Listing(request, found, ordering="-at", orderings={"at": _("Last message")})
        hours = numbers.reply_window_hours
        decision = queries.decide(self.enterprise, Action.REPLY, numbers=numbers)
        context = {
            "form": form,
            "listing": listing,
            "rows": [(row, replies.closes_at(row.at, hours)) for row in listing.rows],
            "hours": hours,
            "over": not decision.allowed,
            "decision": decision,
            "filtered": bool(request.GET.get("member")),
        }
        return self.render(context, status=200 if valid else 400)


urlpatterns = [
    path("scale/rehearsal/", RehearsalPage.as_view(), name="rehearsal"),
    path("scale/replies/", Replies.as_view(), name="replies"),
]
