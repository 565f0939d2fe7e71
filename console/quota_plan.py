"""The plan's page (Q16): buy, archive or both as three cards, the list, and carrying it out."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Text
from console.base import Page
from console.imports import job_address
from contacts.models import Contact
from contacts.plan import reading, rules
from contacts.plan.reading import Basis
from contacts.plan.rules import Kind, Option
from contacts.services.bulk.actions import ARCHIVE
from contacts.services.plan import carry_out
from jobs import services as jobs
from jobs.models import JobRun

ROWS = 50
RECENT = 3
ICONS = {Kind.BUY: "package", Kind.ARCHIVE: "archive", Kind.MIX: "arrows-shuffle"}
WHY_NOT = {
    Kind.BUY: _("No tier that is offered is large enough for everybody."),
    Kind.ARCHIVE: _("Not that many can be archived: contacts of high value and with planned follow-ups stay."),
    Kind.MIX: _("No smaller tier comes into question."),
}


@dataclass(frozen=True)
class Card:
    """The best option of a kind, or why there is none."""

    kind: Kind
    icon: str
    option: Option | None
    leave: int
    why_not: Text


class Plan(Page):
    """What staying costs at each tier, and whose archiving makes a smaller one enough."""

    permission = "quota.view"
    template = "console/quota/plan.html"
    title = _("Plan")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        basis = Basis.FORECAST if request.GET.get("basis") == Basis.FORECAST else Basis.TODAY
        with_follow_ups = request.GET.get("with_follow_ups") == "true"
        context: dict[str, Any] = {"basis": basis, "bases": list(Basis), "with_follow_ups": with_follow_ups}
        made: reading.Plan | None
        cards = "cards" in request.GET  # the overview asks for them alone
        part = "console/quota/plan_cards.html#cards" if cards else f"{self.template}#plan"
        fragment = part if request.htmx else ""  # type: ignore[attr-defined]
        again = request.GET.get("again") == "1"
        try:
            if fragment or again:
                made = reading.plan(self.actor, basis=basis, with_follow_ups=with_follow_ups, again=again)
            else:
                made = reading.plan_at_once(self.actor, basis=basis, with_follow_ups=with_follow_ups)
        except Conflict as refusal:
            return self.render({**context, "refusal": refusal, "runs": self._runs()}, template=fragment)
        if made is None:
            return self.render({**context, "address": request.get_full_path(), "runs": self._runs()})
        return self.render({**context, **self._shown(made), "runs": self._runs()}, template=fragment)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Carry it out: archive the list of an option."""
        run = carry_out(
            self.actor,
            count=_whole(request.POST.get("count")) or 0,
            leave=_whole(request.POST.get("leave")),
            with_follow_ups=request.POST.get("with_follow_ups") == "true",
        )
        messages.success(request, _("The job has started. You may leave this page."))
        return self.redirect(job_address(self, run))

    def _shown(self, made: reading.Plan) -> dict[str, Any]:
        chosen = made.option(_whole(self.request.GET.get("count")) or 0)
        archiving = [option for option in made.options if option.archive_count]
        chosen = chosen if chosen in archiving else rules.best(archiving)
        return {
            "plan": made,
            "cards": [_card(made, kind) for kind in (Kind.BUY, Kind.ARCHIVE, Kind.MIX)],
            "best": made.best,
            "archiving": archiving,
            "chosen": chosen,
            "may_archive": self.actor.may("contacts.archive"),
            **(self._list(made, chosen) if chosen else {}),
        }

    def _list(self, made: reading.Plan, option: Option) -> dict[str, Any]:
        """A page of the list, each contact with its reason."""
        last = (option.archive_count - 1) // ROWS + 1
        page = min(max(1, _whole(self.request.GET.get("page")) or 1), last)
        start, stop = (page - 1) * ROWS, min(page * ROWS, option.archive_count)
        found = reading.listed(made, start=start, stop=stop)
        known = Contact.objects.select_related("owner").in_bulk([one.id for one in found])
        return {
            "rows": [
                {
                    "rank": rank,
                    "contact": known[one.id],
                    "spend": one.spend,
                    "silent": one.silent_days,
                    "expected": one.expected,
                    "reason": rules.reason(one.spend, one.silent_days, made.terms.window, one.expected),
                }
                for rank, one in enumerate(found, start + 1)
                if one.id in known
            ],
            "first_row": start + 1,
            "last_row": stop,
            "previous_url": self._url(count=option.archive_count, page=page - 1) if page > 1 else None,
            "next_url": self._url(count=option.archive_count, page=page + 1) if page < last else None,
        }

    def _url(self, **changes: Any) -> str:
        kept = {name: self.request.GET[name] for name in ("basis", "with_follow_ups") if name in self.request.GET}
        return f"{reverse('plan', kwargs={'code': self.enterprise.code})}?{urlencode({**kept, **changes})}#list"

    def _runs(self) -> list[JobRun]:
        """What was carried out lately, and can be undone."""
        found = JobRun.objects.visible_to(self.actor).filter(name=ARCHIVE.job, params__has_key="plan")
        runs = list(found.select_related("member").order_by("-created_at", "-id")[:RECENT])
        for run in runs:
            run.can_undo = jobs.can_undo(run)
        return runs


def _whole(text: str | None) -> int | None:
    """The number that a form sent; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else None


def _card(made: reading.Plan, kind: Kind) -> Card:
    option = rules.best(option for option in made.options if option.kind is kind)
    leave = made.served - (option.archive_count if option else 0)
    return Card(kind, ICONS[kind], option, leave, WHY_NOT[kind])


urlpatterns = [path("scale/plan/", Plan.as_view(), name="plan")]
