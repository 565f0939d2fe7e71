"""Job runs, notifications, and what goes out: mails and webhooks."""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet

if TYPE_CHECKING:
    from enterprises.actors import Actor


def sees_everybodys(actor: "Actor") -> bool:
    """jobs.view_all, of a role that sees the whole enterprise: runs tell of contacts, by number and by name (O5)."""
    return actor.sees_all and actor.may("jobs.view_all")


class JobQuerySet(TenantQuerySet):
    """Adds the one door to runs: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """A member's own runs; everybody's, the scheduled ones included, to whom `sees_everybodys` says so (O5)."""
        return self if sees_everybodys(actor) else self.filter(member_id=actor.member_id)

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
    """Something a member should know; its text is made from `kind` and `data` in the reader's language.

    The row stands whatever the member chose, so that `key` tells everybody once; `bell`: it is shown in the console.
    """

    member = TenantForeignKey("enterprises.Member", related_name="+")
    kind = models.CharField(max_length=64)
    data = models.JSONField(default=dict)
    key = models.CharField(max_length=128)
    bell = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "member", "key"), name="notification_once"),)
        indexes = (models.Index(fields=("enterprise_id", "member", "-created_at", "-id"), name="notification_time"),)


class NotificationPreference(TenantModel):
    """How a member wants to be told of one kind, where that differs from the kind's own default."""

    member = TenantForeignKey("enterprises.Member", related_name="+")
    kind = models.CharField(max_length=64)
    bell = models.BooleanField()
    mail = models.BooleanField()

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "member", "kind"), name="preference_once"),)


class Webhook(TenantModel):
    """An address that gets the enterprise's events, signed.

    The secret is not kept: it follows from the program's SECRET_KEY, the row's id and `secret_number`. After a
    rotation the one before signs as well, until `previous_until`.
    """

    name = models.CharField(_("name"), max_length=64)
    url = models.CharField(_("address"), max_length=500)
    events = ArrayField(models.CharField(max_length=64), verbose_name=_("events"), default=list, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    secret_number = models.PositiveIntegerField(default=1)
    previous_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "name"), name="webhook_name"),)

    def __str__(self) -> str:
        return self.name


class Delivery(TenantModel):
    """A mail or a webhook call that is to go out, and every attempt at it (DESIGN.md 5).

    `due_at` is also the lease: who takes a row moves it ahead, so that of a worker that died the next one takes it.
    Like `claim` it is real time, whatever the clock says. `tries` counts since the last time somebody asked for it.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", pgettext_lazy("channel", "E-mail")
        WEBHOOK = "webhook", _("Webhook")

    class State(models.TextChoices):
        WAITING = "waiting", _("To be sent")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")
        CANCELLED = "cancelled", _("Dropped")

    channel = models.CharField(max_length=16, choices=Channel)
    notification = TenantForeignKey(Notification, models.CASCADE, null=True, related_name="+")
    webhook = TenantForeignKey(Webhook, models.CASCADE, null=True, related_name="deliveries")
    event = models.CharField(max_length=64)
    key = models.CharField(max_length=128)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(default=clock.real)
    claim = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    attempts = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "webhook", "key"), name="delivery_event_once"),
            models.UniqueConstraint(fields=("enterprise_id", "notification"), name="delivery_mail_once"),
            models.CheckConstraint(
                condition=models.Q(channel="mail", notification__isnull=False, webhook=None)
                | models.Q(channel="webhook", notification=None, webhook__isnull=False),
                name="delivery_of_one",
            ),
        )
        indexes = (
            models.Index(
                fields=("enterprise_id", "due_at", "id"), condition=models.Q(state="waiting"), name="delivery_due"
            ),
            models.Index(fields=("enterprise_id", "webhook", "-created_at", "-id"), name="delivery_log"),
        )
