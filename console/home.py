"""Home, and the way there."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from common.errors import Text
from console import navigation
from console.base import Page
from console.context import Meter
from contacts import figures
from contacts.rules import Grade, Status
from enterprises.access import memberships
from enterprises.models import Member, PolicyRecord
from jobs import registry
from jobs.models import JobRun
from quota import queries as scale_queries

FIGURES_SECONDS = 60  # counting a million contacts again for every visit is worth nobody's time
NEW = 100  # contacts; an enterprise with fewer is shown what to do first
GRADE_COLOURS = {Grade.HIGH: "purple", Grade.MIDDLE: "blue", Grade.LOW: "secondary"}


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Somebody of one enterprise goes straight there; others choose."""
    known = memberships(request.user)  # type: ignore[arg-type]
    if len(known) == 1:
        return redirect("home", code=known[0].code)
    return render(request, "console/choose.html", {"memberships": known})


@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """All enterprises of the person."""
    return render(request, "console/choose.html", {"memberships": memberships(request.user)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Step:
    """Something a new enterprise does first."""

    title: Text
    text: Text
    done: bool
    url: str | None


class Home(Page):
    """Where the enterprise stands, who its contacts are, what is at work, and what a new one does first."""

    template = "console/home.html"
    title = _("Home")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        scale = scale_queries.overview(self.enterprise) if self.actor.may("quota.view") else None
        counted = self._figures() if self.actor.may("contacts.view") else None
        context: dict[str, Any] = {"scale": scale, "figures": counted, "jobs": self._jobs()}
        if scale:
            context["gauge"] = Meter(scale.position.served, scale.position.capacity)
            context["forbidden"] = [action for action, decision in scale.decisions.items() if not decision.allowed]
            context["remedies"] = next((d.remedies for d in scale.decisions.values() if not d.allowed), ())
        if counted:
            context["grades"] = [
                (grade, colour, counted.by_grade[grade], self._contacts(f"status=active&grade={grade}"))
                for grade, colour in GRADE_COLOURS.items()
            ]
            context["statuses"] = [
                (status, counted.by_status[status], self._contacts(f"status={status}")) for status in Status
            ]
            inactive = navigation.address("inactive", self.enterprise.code)
            context["inactive_url"] = inactive or self._contacts("inactive=true")
        if scale and counted and counted.total < NEW and self.actor.may("members.manage"):
            steps = self._steps(scale, counted)
            context["steps"] = steps if not all(step.done for step in steps) else None
        return self.render(context)

    def _figures(self) -> figures.Figures:
        everything = self.actor.member is None or self.actor.member.role.scope == "all"
        whose = "all" if everything else self.actor.member_id
        key = f"figures:{self.enterprise.pk}:{whose}"
        found = cache.get(key)
        if found is None:
            found = figures.of(self.actor)
            if found.total > 1000:  # small numbers are cheap, and a new enterprise watches them grow
                cache.set(key, found, FIGURES_SECONDS)
        return found

    def _jobs(self) -> list[tuple[JobRun, Text]]:
        runs = JobRun.objects.visible_to(self.actor).open()
        known = registry.JOBS
        return [(run, known[run.name].label if run.name in known else run.name) for run in runs[:5]]

    def _contacts(self, query: str) -> str:
        address = navigation.address("contacts", self.enterprise.code)
        return f"{address}?{query}" if address else ""

    def _steps(self, scale: scale_queries.Overview, counted: figures.Figures) -> list[Step]:
        colleagues = Member.objects.exclude(pk=self.actor.member_id).exists()
        place = navigation.address
        code = self.enterprise.code
        return [
            Step(
                _("Have the enterprise verified"),
                _("Until then it serves few contacts and cannot buy packages."),
                scale.position.verified,
                place("enterprise", code),
            ),
            Step(
                _("Bring in your colleagues"),
                _("Make departments, invite members, give them roles."),
                colleagues,
                place("members", code),
            ),
            Step(
                _("Bring in your contacts"),
                _("Import a CSV or Excel file; a dry run shows first what would happen."),
                counted.total > 0,
                place("imports", code),
            ),
            Step(
                _("Set your rules"),
                _("When a contact counts as silent, what a valuable one spends: every number is yours."),
                PolicyRecord.objects.exclude(overrides={}).exists(),
                place("policy", code),
            ),
        ]
