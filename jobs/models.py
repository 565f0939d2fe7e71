"""Job runs and notifications."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet

if TYPE_CHECKING:
    from enterprises.actors import Actor


class JobQuerySet(TenantQuerySet):
    """Adds the one door to runs: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """A member's own runs; everybody's, the scheduled ones included, with jobs.view_all (O5)."""
        return self if actor.may("jobs.view_all") else self.filter(member_id=actor.member_id)

    def open(self) -> Self:
        """Those that wait or run."""
        return self.filter(state__in=JobRun.OPEN)


class JobRun(TenantModel):
    """One run of long or scheduled work (X4, X6).

    `key` makes scheduled work unique per window. `cursor` and `done` are written in the transaction of the
    work they describe, so a run that was killed goes on exactly where it stopped. `claim` names the worker
    that holds the lease and `heartbeat_at` keeps it; both, and `dispatched_at`, are real time, whatever the
    clock says. `attempts` counts the claims since the last progress.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (State.QUEUED, State.RUNNING)

    name = models.CharField(max_length=64)
    key = models.CharField(max_length=64, null=True)
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    params = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    input = models.CharField(max_length=255, blank=True)
    report = models.CharField(max_length=255, blank=True)
    report_name = models.CharField(max_length=255, blank=True)

    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    via = models.CharField(max_length=16, default="job")
    created_at = models.DateTimeField(default=clock.now)
    dispatched_at = models.DateTimeField(default=clock.real)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)

    undo_until = models.DateTimeField(null=True)
    undoes = TenantForeignKey("self", models.SET_NULL, null=True, related_name="undone_by")

    objects = TenantManager.from_queryset(JobQuerySet)()

    class Meta(TenantModel.Meta):
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "name", "key"), name="job_window"),
            models.UniqueConstraint(
                fields=("enterprise_id", "undoes"),
                condition=models.Q(state__in=("queued", "running", "done")),
                name="job_undone_once",
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "-created_at", "-id"), name="job_time"),
            models.Index(
                fields=("enterprise_id", "state"),
                condition=models.Q(state__in=("queued", "running")),
                name="job_open",
            ),
        )

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class Notification(TenantModel):
    """Something a member should know; its text is made from `kind` and `data` in the reader's language."""

    member = TenantForeignKey("enterprises.Member", related_name="+")
    kind = models.CharField(max_length=64)
    data = models.JSONField(default=dict)
    key = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "member", "key"), name="notification_once"),)
        indexes = (models.Index(fields=("enterprise_id", "member", "-created_at", "-id"), name="notification_time"),)
