"""Clean-up rounds (C8): whom an admin wants to archive, and whom their owners want to keep."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from contacts.models.contacts import Contact


class CleanUp(TenantModel):
    """A round: announced to the owners, and archived as a batch when the time to object is over."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Owners may object")
        ARCHIVED = "archived", _("Archived")
        CANCELLED = "cancelled", _("Cancelled")

    state = models.CharField(max_length=12, choices=State, default=State.ANNOUNCED)
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    announced_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(_("archived on"))
    contacts = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField(default=0)  # were in another open round
    job = TenantForeignKey("jobs.JobRun", models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        ordering = ("-announced_at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "announced_at", "id"), name="clean_up_time"),
            models.Index(
                fields=("enterprise_id", "due_at"), name="clean_up_due", condition=models.Q(state="announced")
            ),
        )


class CleanUpItem(TenantModel):
    """A contact of a round. `kept_at`: somebody objected."""

    clean_up = TenantForeignKey(CleanUp, related_name="items")
    contact = TenantForeignKey(Contact, related_name="+")
    kept_at = models.DateTimeField(null=True)
    kept_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "clean_up", "contact"), name="clean_up_item_once"),
        )
        indexes = (models.Index(fields=("enterprise_id", "contact"), name="clean_up_item_contact"),)
