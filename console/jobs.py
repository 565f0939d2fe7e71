"""Jobs and notifications: lists, one job with its live progress, cancel, retry, report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import State as TransferState
from common import clock
from common.errors import Text
from console.base import Page, stop_polling
from console.context import enterprise_frame
from console.listing import Listing
from console.words import NAMES
from contacts.files.reasons import Reason as RowReason
from contacts.rules import Grade
from contacts.services.bulk import Reason as BulkReason
from enterprises.rest import get_or_404
from jobs import notifications, registry, services
from jobs.models import JobRun

NEWEST = "-created_at"
LATEST = 8

# What a kind is about, by the beginning of its name.
AREAS: dict[str, Text] = {
    "quota": _("Scale"),
    "contacts": _("Contacts"),
    "collaboration": _("Collaboration"),
    "transfer": _("Hand-over"),
    "upstream": _("Upstream and downstream"),
    "job": _("Jobs"),
    "webhook": _("Webhooks"),
}

# What results say, in words. A key that is not here is shown as it is.
WORDS: dict[str, Text] = {
    **NAMES,
    "total": _("Total"),
    "done": _("Done"),
    "skipped": _("Left out"),
    "reasons": _("Why left out"),
    "expired": _("Expired packages"),
    "ledger": _("Ledger"),
    "counter": _("Counter"),
    "ok": _("Agree"),
    "freed": _("Places given back"),
    "taken": _("Places taken"),
    "orphans": _("Left-over folders deleted"),
    "idempotency_keys": _("Remembered requests deleted"),
    "files": _("Files deleted"),
    "runs": _("Jobs deleted"),
    "notifications": _("Notifications deleted"),
    "settled": _("Hand-overs finished"),
    "found": _("Found"),
    "gone": _("No duplicates any more"),
    "days": _("Days counted"),
    "waiting_leavers": _("Leavers whose contacts wait too long"),
    **{state.value: state.label for state in TransferState if state.value not in ("done", "refused")},
    "deliveries": _("Sent messages deleted"),
    "raised": _("Alerts raised"),
    "cleared": _("Alerts ended"),
    **{grade.value: grade.label for grade in Grade},
    **{reason.value: reason.label for reason in BulkReason},
    **{reason.value: reason.label for reason in RowReason},
}


FIRST = ("total", "done", "skipped", "reasons", "refused")  # of what a job tells


@dataclass(frozen=True)
class Fact:
    """A line of a result: its words, and a number, a text, a yes or no, or further lines."""

    label: Text
    value: Any = None
    parts: tuple["Fact", ...] = ()

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int) and not isinstance(self.value, bool)

    @property
    def is_flag(self) -> bool:
        return isinstance(self.value, bool)


def facts(result: dict[str, Any] | None) -> tuple[Fact, ...]:
    """A run's result for people, the main numbers first: the database keeps no order."""
    found = []
    for key, value in sorted((result or {}).items(), key=lambda one: FIRST.index(one[0]) if one[0] in FIRST else 99):
        label = WORDS.get(key, key)
        if isinstance(value, dict):
            if parts := facts(value):
                found.append(Fact(label, parts=parts))
        elif isinstance(value, list):
            found.append(Fact(label, len(value)))
        else:
            found.append(Fact(label, value))
    return tuple(found)


def remedies(error: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What would help against the refusal that ended a run; moments are moments again."""
    found = []
    for remedy in (error or {}).get("remedies", []):
        moments = {name: parse_datetime(remedy[name]) for name in ("opens_at", "closes_at") if remedy.get(name)}
        found.append({**remedy, **moments})
    return found


def days_left(until: datetime) -> int:
    """Days until then, rounded: still 30 a minute after it began with 30. 0 on the last day."""
    left = until - clock.now()
    return 0 if left < timedelta(days=1) else round(left / timedelta(days=1))


class JobFilter(forms.Form):
    """The filters of the list."""

    name = forms.ChoiceField(label=_("Job"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("All")), *JobRun.State.choices])
    mine = forms.BooleanField(label=_("Only mine"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = sorted((job.name, job.label) for job in registry.JOBS.values())
        self.fields["name"].choices = [("", _("All")), *labels]  # type: ignore[attr-defined]


class Jobs(Page):
    """The jobs that one may see, newest first."""

    template = "console/jobs/list.html"
    title = _("Jobs")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        runs = JobRun.objects.visible_to(self.actor).select_related("member")
        form = JobFilter(request.GET)
        chosen = form.cleaned_data if form.is_valid() else {}
        if chosen.get("name"):
            runs = runs.filter(name=chosen["name"])
        if chosen.get("state"):
            runs = runs.filter(state=chosen["state"])
        if chosen.get("mine"):
            runs = runs.filter(member_id=self.actor.member_id)
        listing = Listing(request, runs, ordering=NEWEST)
        for run in listing.rows:
            run.label = registry.label(run.name)
        context = {"form": form, "listing": listing, "filtered": any(chosen.values())}
        return self.render(context)


class JobPage(Page):
    """The base of everything about one job."""

    def run(self, pk: UUID) -> JobRun:
        runs = JobRun.objects.visible_to(self.actor).select_related("member", "undoes")
        return get_or_404(runs, pk)

    def address(self, run: JobRun) -> str:
        return reverse("job", kwargs={"code": self.enterprise.code, "pk": run.pk})


class Job(JobPage):
    """One job. While it is open the fragment renews itself; the last answer ends that (286)."""

    template = "console/jobs/job.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        run = self.run(pk)
        self.title = registry.label(run.name)
        job = registry.JOBS.get(run.name)
        undoing = run.undone_by.order_by("-created_at").first()
        context = {
            "run": run,
            "facts": facts(run.result),
            "remedies": remedies(run.error),
            "can_undo": services.can_undo(run) and (job.permission is None or self.actor.may(job.permission)),
            "undo_left": days_left(run.undo_until) if run.undo_until else None,
            "undoing": undoing,
            "can_retry": run.state == JobRun.State.FAILED and job is not None,
        }
        if request.htmx:  # type: ignore[attr-defined]
            response = self.render(context, template=f"{self.template}#body")
            return response if run.is_open else stop_polling(response)
        return self.render(context)


class JobCancel(JobPage):
    """Stop it."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        run = services.cancel(self.actor, run=self.run(pk))
        if run.is_open:
            messages.info(request, _("The job stops after the step it is doing now."))
        else:
            messages.success(request, _("The job was cancelled."))
        return self.redirect(self.address(run))


class JobRetry(JobPage):
    """Go on after a failure."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        run = services.retry(self.actor, run=self.run(pk))
        messages.success(request, _("The job goes on where it stopped."))
        return self.redirect(self.address(run))


class JobReport(JobPage):
    """The file that it made."""

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        return services.fetch(self.actor, run=self.run(pk))


class Notifications(Page):
    """One's own notifications, newest first."""

    template = "console/jobs/notifications.html"
    title = _("Notifications")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        listing = Listing(request, notifications.of(self.actor), ordering=NEWEST)
        for row in listing.rows:
            row.text = notifications.text(row)
        return self.render({"listing": listing, "some_unread": any(row.read_at is None for row in listing.rows)})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Mark all as read."""
        notifications.mark_read(self.actor)
        return self.redirect(reverse("notifications", kwargs={"code": self.enterprise.code}))


class Latest(Page):
    """What the bell drops down: the newest few, and the way to all."""

    template = "console/jobs/latest.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = list(notifications.of(self.actor).order_by("-created_at", "-id")[:LATEST])
        for row in rows:
            row.text = notifications.text(row)
        return self.render({"rows": rows}, template=f"{self.template}#list")


class Work(Page):
    """The top bar's running jobs and unread notifications, asked again while something runs (286 ends that)."""

    template = "console/frame/work.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        frame = enterprise_frame(request, self.actor)
        response = self.render(frame, template=f"{self.template}#counts")
        return response if frame["running_jobs"] else stop_polling(response)


class Preferences(Page):
    """How one is told of each kind: in the console, by mail, both, or not at all."""

    template = "console/jobs/preferences.html"
    title = _("What I am told")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        groups: dict[str, list[notifications.Way]] = {}
        for way in notifications.choices(self.actor):
            groups.setdefault(str(AREAS.get(way.kind.partition(".")[0], _("Other"))), []).append(way)
        member = self.actor.member
        address = (member.email or (member.user.email if member.user else "")) if member else ""
        return self.render({"groups": groups, "address": address})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        chosen = set(request.POST.getlist("ways"))
        wanted = {
            way.kind: {name: f"{way.kind}:{name}" in chosen for name in way.ways}
            for way in notifications.choices(self.actor)
        }
        services.choose(self.actor, wanted=wanted)
        messages.success(request, _("Saved. It counts from now on."))
        return self.redirect(request.path)


class NotificationOpen(Page):
    """Mark one as read and go to what it is about."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = get_or_404(notifications.of(self.actor), pk)
        notifications.mark_read(self.actor, notification=row)
        page = notifications.page(row)
        if not page:
            return self.redirect(reverse("notifications", kwargs={"code": self.enterprise.code}))
        return self.redirect(f"/e/{self.enterprise.code}/{page}")


urlpatterns = [
    path("jobs/", Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:pk>/", Job.as_view(), name="job"),
    path("jobs/<uuid:pk>/cancel/", JobCancel.as_view(), name="job-cancel"),
    path("jobs/<uuid:pk>/retry/", JobRetry.as_view(), name="job-retry"),
    path("jobs/<uuid:pk>/report/", JobReport.as_view(), name="job-report"),
    path("notifications/", Notifications.as_view(), name="notifications"),
    path("notifications/latest/", Latest.as_view(), name="notifications-latest"),
    path("notifications/preferences/", Preferences.as_view(), name="preferences"),
    path("work/", Work.as_view(), name="work"),
    path("notifications/<uuid:pk>/", NotificationOpen.as_view(), name="notification"),
]
