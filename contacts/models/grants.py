"""Object rights: what collaborators may do with a contact (O2)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from contacts.models.contacts import Contact
from contacts.rules import GRANTED


class GrantQuerySet(TenantQuerySet):
    """Adds what of the grants counts at this moment."""

    def in_force(self) -> "GrantQuerySet":
        """Those that have not expired: time decides, not a job."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=clock.now()))


class Grant(TenantModel):
    """A member's level at a contact: a direct foreign-key permission row (docs/decisions/0011).

    In force as long as it stands here and has not expired. It lives here because `visible_to` and `contacts.access`
    read it; only the room `collaboration` writes it.
    """

    contact = TenantForeignKey(Contact, related_name="grants")
    member = TenantForeignKey("enterprises.Member", related_name="grants", verbose_name=_("collaborator"))
    level = models.CharField(_("level"), max_length=8, choices=[(level.value, level.label) for level in GRANTED])
    contact_added_at = models.DateTimeField(editable=False)  # as of follows
    granted_at = models.DateTimeField(_("since"), default=clock.now)
    granted_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    expires_at = models.DateTimeField(_("until"), null=True)

    objects = TenantManager.from_queryset(GrantQuerySet)()

    class Meta(TenantModel.Meta):
        ordering = ("granted_at", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "contact", "member"), name="grant_once"),)
        indexes = (
            models.Index(
                fields=("enterprise_id", "member", "contact_added_at", "contact"),
                name="grant_member",
                include=("expires_at",),
            ),
            models.Index(
                fields=("enterprise_id", "expires_at", "id"),
                name="grant_expiry",
                condition=models.Q(expires_at__isnull=False),
            ),
        )
