"""What comes before a grant: the invitation, and the rule that says who may give what (O3)."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from contacts.rules import GRANTED, Level

if TYPE_CHECKING:
    from enterprises.actors import Actor

LEVELS = [(level.value, level.label) for level in GRANTED]


class InvitationQuerySet(TenantQuerySet):
    """Adds which invitations can still be answered, and by whom."""

    def open(self) -> Self:
        """Those that have not lapsed: time decides. What a merge left behind waits for its undo."""
        return self.filter(lapses_at__gt=clock.now(), contact__merged_into=None)

    def to(self, actor: "Actor") -> Self:
        """The actor's own, to be answered."""
        return self.open().filter(member_id=actor.member_id)


class Invitation(TenantModel):
    """A member is asked to collaborate on a contact. It stands here until it is answered, withdrawn or lapsed.

    It gives no right at all: the contact does not exist for the invited member before they accept.
    """

    contact = TenantForeignKey("contacts.Contact", related_name="invitations")
    member = TenantForeignKey("enterprises.Member", related_name="collaboration_invitations")
    level = models.CharField(_("level"), max_length=8, choices=LEVELS)
    expires_at = models.DateTimeField(_("until"), null=True)
    message = models.CharField(_("message"), max_length=200, blank=True)
    invited_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    invited_at = models.DateTimeField(_("invited"), default=clock.now)
    lapses_at = models.DateTimeField(_("can be accepted until"))

    objects = TenantManager.from_queryset(InvitationQuerySet)()

    class Meta(TenantModel.Meta):
        ordering = ("-invited_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "contact", "member"), name="collab_invitation_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "member", "invited_at", "id"), name="collab_invitation_member"),
            models.Index(fields=("enterprise_id", "lapses_at", "id"), name="collab_invitation_lapse"),
        )


class CollaborationRule(TenantModel):
    """What members of a role may give when they invite (O3). Who may invite at all: the code contacts.share.

    Without a row the role has the defaults; `most` empty: the number of the policy.
    """

    role = TenantForeignKey("enterprises.Role", models.CASCADE, related_name="collaboration_rules")
    highest = models.CharField(_("highest level"), max_length=8, choices=LEVELS, default=Level.EDITOR.value)
    most = models.PositiveSmallIntegerField(_("collaborators per contact"), null=True)
    asks = models.BooleanField(_("the invited have to accept"), default=True)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "role"), name="collaboration_rule_role"),)
