"""The duplicate radar (撞单): contacts that several members follow (O9)."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from collaboration.rules.duplicates import Others, State
from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from contacts.models import Contact

if TYPE_CHECKING:
    from enterprises.actors import Actor


class DuplicateQuerySet(TenantQuerySet):
    """Adds the one door: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """Those whose contact exists for the actor (O5)."""
        return self.filter(contact_id__in=Contact.objects.visible_to(actor).values("id"))


class Duplicate(TenantModel):
    """A contact followed by several members: who came first, who was in touch last, and whose it should be.

    Found by the radar (collaboration.services.duplicates.radar). `before` keeps what settling changed, for the undo.
    """

    contact = TenantForeignKey("contacts.Contact", related_name="+")
    followers = models.PositiveSmallIntegerField()
    first = TenantForeignKey("enterprises.Member", related_name="+")
    first_at = models.DateTimeField()
    last = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    last_at = models.DateTimeField(null=True)
    joined_at = models.DateTimeField()
    suggested = TenantForeignKey("enterprises.Member", related_name="+")
    found_at = models.DateTimeField(default=clock.now)
    state = models.CharField(max_length=8, choices=State.choices(), default=State.OPEN.value)
    owner = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    others = models.CharField(max_length=8, choices=Others.choices(), blank=True)
    by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    job = TenantForeignKey("jobs.JobRun", models.SET_NULL, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)
    before = models.JSONField(default=dict)

    objects = TenantManager.from_queryset(DuplicateQuerySet)()

    class Meta(TenantModel.Meta):
        ordering = ("-joined_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "contact"), name="duplicate_contact"),)
        indexes = (
            models.Index(fields=("enterprise_id", "state", "joined_at", "id"), name="duplicate_joined"),
            models.Index(fields=("enterprise_id", "job", "id"), name="duplicate_job", condition=Q(job__isnull=False)),
        )
