"""Messages to the people of partners, and what became of each of them (U9)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from upstream.models.people import Person
from upstream.querysets import MessageQuerySet
from upstream.rules.audience import Audience


class Message(TenantModel):
    """Something written to many people of partners, one to one. The counters are raised with the rows they count,
    and stay when people are forgotten."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        LINK = "link", _("Link")
        FILE = "file", _("File")
        MINI_PROGRAM = "mini_program", _("Mini-program")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        STOPPED = "stopped", _("Stopped")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.TEXT)
    title = models.CharField(_("title"), max_length=128)
    text = models.TextField(_("text"), blank=True)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    file = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(max_length=128, blank=True)
    size = models.BigIntegerField(default=0)
    audience = models.JSONField(default=dict)
    space_ids = ArrayField(models.UUIDField(), default=list, help_text="The spaces that the audience is in.")
    channel = models.CharField(max_length=16, default="workbench")
    state = models.CharField(_("status"), max_length=16, choices=State, default=State.DRAFT)
    due_at = models.DateTimeField(_("to be sent"), null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="Since when nobody finds it in the workbench any more.")
    run_id = models.UUIDField(null=True, help_text="The job that sends it.")
    people = models.PositiveIntegerField(_("people"), default=0)
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    opened = models.PositiveIntegerField(_("opened"), default=0)
    clicked = models.PositiveIntegerField(_("clicked"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    created_at = models.DateTimeField(default=clock.now)
    created_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")

    objects = TenantManager.from_queryset(MessageQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("message to partners")
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(state="scheduled") | models.Q(due_at__isnull=False), name="message_due"
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "created_at", "id"), name="message_created"),
            models.Index(
                fields=("enterprise_id", "due_at"), name="message_waiting", condition=models.Q(state="scheduled")
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def to(self) -> Audience:
        """The audience as a value."""
        return Audience.of(self.audience)

    @property
    def leads_somewhere(self) -> bool:
        """Is there something to click?"""
        return self.kind != self.Kind.TEXT


class MessageDelivery(TenantModel):
    """One message to one person: once, in however many spaces they are (U9).

    `seat_id` is the partner contact as whom they get it; it may be gone meanwhile, and then nobody reads it there.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        DELIVERED = "delivered", _("Delivered")
        OPENED = "opened", _("Opened")
        CLICKED = "clicked", _("Clicked")
        FAILED = "failed", _("Failed")

    READABLE = (State.DELIVERED, State.OPENED, State.CLICKED)

    message = TenantForeignKey(Message, related_name="deliveries")
    person = TenantForeignKey(Person, related_name="+")
    seat_id = models.UUIDField()
    state = models.CharField(_("status"), max_length=16, choices=State, default=State.QUEUED)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    opened_at = models.DateTimeField(_("opened"), null=True)
    clicked_at = models.DateTimeField(_("clicked"), null=True)

    class Meta(TenantModel.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "message", "person"), name="message_delivery_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "person", "id"), name="message_delivery_person"),
            # What is queued next, and the list of one state.
            models.Index(fields=("enterprise_id", "message", "state", "person"), name="message_delivery_state"),
        )
