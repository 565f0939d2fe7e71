"""How a partner that is an enterprise of this installation itself is connected with it (see decision 0014).

Each side keeps a row of its own behind its own wall; only both together open anything, and the functions of the
migration read no more than them.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from enterprises.models import Enterprise
from upstream.models.structure import Partner


class EndedBy(models.TextChoices):
    """Either side may end a connection at any time."""

    UPSTREAM = "upstream", _("The enterprise of the space")
    DOWNSTREAM = "downstream", _("The partner's enterprise")


class Bridge(TenantModel):
    """The upstream's side: a code for the partner, and which enterprise has come in by it.

    `peer` is written by the function `bridge_join` alone, from the setting of whoever redeems the code. `heard`: what
    of the other side's doing stands in our audit trail already.
    """

    HEARD_JOIN, HEARD_END = "join", "end"

    partner = TenantForeignKey(Partner, related_name="bridges")
    digest = models.CharField(max_length=64, editable=False)
    created_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(_("expires"))
    peer = models.ForeignKey(Enterprise, models.PROTECT, null=True, db_index=False, related_name="+")
    joined_at = models.DateTimeField(_("joined"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.CharField(max_length=10, choices=EndedBy, blank=True)
    heard = models.CharField(max_length=6, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("connection with a partner")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "digest"), name="bridge_digest"),
            models.UniqueConstraint(
                fields=("enterprise_id", "partner"), name="bridge_live", condition=models.Q(ended_at=None)
            ),
            models.CheckConstraint(
                condition=models.Q(peer=None, joined_at=None) | models.Q(peer__isnull=False, joined_at__isnull=False),
                name="bridge_joined",
            ),
            models.CheckConstraint(
                condition=models.Q(peer=None) | ~models.Q(peer=models.F("enterprise_id")), name="bridge_other"
            ),
        )
        indexes = (models.Index(fields=("enterprise_id", "partner"), name="bridge_partner"),)

    def __str__(self) -> str:
        return self.partner.name


class JoinedSpace(TenantModel):
    """The downstream's side: a space of another enterprise that we have joined as a partner (我加入的上下游).

    `space_name` and `partner_name` are what they were called when we joined; what is so now tells `joined_spaces`.
    """

    host = models.ForeignKey(Enterprise, models.PROTECT, db_index=False, related_name="+")
    bridge = models.UUIDField(editable=False)
    space_name = models.CharField(_("space"), max_length=64)
    partner_name = models.CharField(_("as partner"), max_length=128)
    joined_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    joined_at = models.DateTimeField(_("joined"), default=clock.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.CharField(max_length=10, choices=EndedBy, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("joined space")
        ordering = ("-joined_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "bridge"), name="joined_space_bridge"),)
        indexes = (models.Index(fields=("enterprise_id", "joined_at", "id"), name="joined_space_joined"),)

    def __str__(self) -> str:
        return self.space_name
