"""Follow-ups (C14): what was done, what is next, the files that belong to it, and the calendar of a member."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from contacts.models.contacts import Contact
from contacts.rules import FollowUpKind

PLANNED = Q(done_at=None, next_at__isnull=False)


class FollowUp(TenantModel):
    """What a member did with a contact, and when to come back to it.

    It is *planned* while it has a next date that nobody has done; then `assignee` is reminded, once.
    """

    contact = TenantForeignKey(Contact, related_name="follow_ups")
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=16, choices=FollowUpKind.choices, default=FollowUpKind.NOTE)
    text = models.TextField(_("text"))
    at = models.DateTimeField(_("when"))
    next_at = models.DateTimeField(_("next date"), null=True)
    assignee = TenantForeignKey("enterprises.Member", null=True, related_name="+", verbose_name=_("who is reminded"))
    reminded_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(_("done"), null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "contact", "at", "id"), name="follow_up_contact"),
            models.Index(fields=("enterprise_id", "next_at", "id"), name="follow_up_planned", condition=PLANNED),
            models.Index(
                fields=("enterprise_id", "assignee", "next_at", "id"), name="follow_up_assignee", condition=PLANNED
            ),
            models.Index(
                fields=("enterprise_id", "next_at"),
                name="follow_up_to_remind",
                condition=PLANNED & Q(reminded_at=None),
            ),
        )

    def __str__(self) -> str:
        return self.text[:64]


class FollowUpFile(TenantModel):
    """A file of a follow-up. Where it is stored follows from its id alone: nothing of a path comes from outside."""

    follow_up = TenantForeignKey(FollowUp, related_name="files")
    contact = TenantForeignKey(Contact, related_name="+")
    name = models.CharField(_("name"), max_length=128)
    extension = models.CharField(max_length=8)
    size = models.BigIntegerField(_("size"))
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("created_at", "id")
        indexes = (
            models.Index(fields=("enterprise_id", "follow_up"), name="follow_up_file"),
            models.Index(fields=("enterprise_id", "contact"), name="follow_up_file_contact"),
        )

    def __str__(self) -> str:
        return self.name


class CalendarFeed(TenantModel):
    """The secret address at which a calendar program reads a member's planned follow-ups; the digest alone is kept."""

    member = TenantForeignKey("enterprises.Member", related_name="+")
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "member"), name="calendar_feed_once"),
            models.UniqueConstraint(fields=("enterprise_id", "digest"), name="calendar_feed_digest"),
        )
