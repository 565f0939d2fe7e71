"""How people come into spaces (U7): links for everybody, personal ones for customers, and what came in by them."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common import clock
from common.ids import short_code
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from upstream.models.chats import SpaceChat
from upstream.models.structure import Series, Space, Subgroup
from upstream.querysets import InvitationQuerySet, InviteeQuerySet

CODE_LENGTH = 20  # 28^20: nobody guesses it


def _code() -> str:
    return short_code(CODE_LENGTH)


class Invitation(TenantModel):
    """A way into a space, or into a series: a link for everybody who has it, or a personal one for each customer."""

    class Kind(models.TextChoices):
        OPEN = "open", _("Link for everybody")
        PERSONAL = "personal", _("Personal links for customers")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.OPEN)
    space = TenantForeignKey(Space, null=True, related_name="invitations", verbose_name=_("space"))
    series = TenantForeignKey(Series, null=True, related_name="invitations", verbose_name=_("series"))
    subgroup = TenantForeignKey(Subgroup, null=True, related_name="invitations", verbose_name=_("subgroup"))
    chat = TenantForeignKey(SpaceChat, null=True, related_name="invitations", verbose_name=_("space group chat"))
    code = models.CharField(max_length=32, default=_code, editable=False)
    source = models.CharField(_("source"), max_length=32, blank=True)
    approval = models.BooleanField(_("with approval"), default=False)
    expires_at = models.DateTimeField(_("expires"))
    max_uses = models.PositiveIntegerField(_("most uses"), null=True)
    uses = models.PositiveIntegerField(default=0)
    opens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    created_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    objects = TenantManager.from_queryset(InvitationQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("invitation")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "code"), name="invitation_code"),
            models.CheckConstraint(
                condition=models.Q(space=None, series__isnull=False) | models.Q(space__isnull=False, series=None),
                name="invitation_target",
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "created_at", "id"), name="invitation_created"),
            models.Index(fields=("enterprise_id", "space"), name="invitation_space"),
            models.Index(fields=("enterprise_id", "series"), name="invitation_series"),
            models.Index(fields=("enterprise_id", "subgroup"), name="invitation_subgroup"),
            models.Index(fields=("enterprise_id", "chat"), name="invitation_chat"),
        )

    def __str__(self) -> str:
        return str(self.space or self.series)

    @property
    def works(self) -> bool:
        """Can somebody still come in by it?"""
        used_up = self.max_uses is not None and self.uses >= self.max_uses
        return self.revoked_at is None and clock.now() < self.expires_at and not used_up


class Invitee(TenantModel):
    """A customer who was invited personally. Goes when the customer is deleted for good."""

    class State(models.TextChoices):
        WAITING = "waiting", _("To be sent")
        SENT = "sent", _("Sent")
        OPENED = "opened", _("Opened")
        ANSWERED = "answered", _("Being checked")
        JOINED = "joined", pgettext_lazy("state", "Joined")
        DECLINED = "declined", _("Declined")
        EXPIRED = "expired", _("Expired")

    OPEN = (State.WAITING, State.SENT, State.OPENED)

    invitation = TenantForeignKey(Invitation, related_name="invitees")
    contact = TenantForeignKey("contacts.Contact", related_name="+")
    inviter = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    code = models.CharField(max_length=32, default=_code, editable=False)
    state = models.CharField(_("status"), max_length=8, choices=State, default=State.WAITING)
    sent_at = models.DateTimeField(_("sent"), null=True)
    opened_at = models.DateTimeField(_("opened"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    reminded_at = models.DateTimeField(_("reminded"), null=True)

    objects = TenantManager.from_queryset(InviteeQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("invited customer")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "code"), name="invitee_code"),
            models.UniqueConstraint(fields=("enterprise_id", "invitation", "contact"), name="invitee_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "inviter", "state", "id"), name="invitee_inviter"),
            models.Index(fields=("enterprise_id", "contact"), name="invitee_contact"),
        )


class Application(TenantModel):
    """What somebody sent by a link: who they are. Joined at once, or waiting for somebody of ours to look at it."""

    class State(models.TextChoices):
        PENDING = "pending", pgettext_lazy("of an application", "Waiting")
        JOINED = "joined", pgettext_lazy("state", "Joined")
        DECLINED = "declined", pgettext_lazy("of an application", "Declined")

    class Reason(models.TextChoices):
        APPROVAL = "approval", _("The invitation asks for approval")
        KNOWN_COMPANY = "known_company", _("A partner of this name is there already")
        KNOWN_PERSON = "known_person", _("Somebody with this phone number is there already")
        OTHER_PHONE = "other_phone", _("The phone number is not the one known of this customer")
        FULL = "full", _("There is no room")
        CHAT = "chat", _("They may not meet the others in the group chat")

    invitation = TenantForeignKey(Invitation, related_name="applications")
    contact_id = models.UUIDField(null=True, help_text="The customer that the personal link was for.")
    company = models.CharField(_("company"), max_length=128)
    name = models.CharField(_("name"), max_length=64)
    phone = models.CharField(_("phone"), max_length=32)
    title = models.CharField(_("position"), max_length=64, blank=True)
    state = models.CharField(_("status"), max_length=8, choices=State, default=State.PENDING)
    reason = models.CharField(_("why it waits"), max_length=16, choices=Reason, blank=True)
    partner_id = models.UUIDField(null=True, help_text="The partner that it became part of, or probably is.")
    seat_id = models.UUIDField(null=True, help_text="The partner contact that it became.")
    created_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")

    class Meta(TenantModel.Meta):
        verbose_name = _("application")
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "state", "created_at", "id"), name="application_state"),
            models.Index(fields=("enterprise_id", "invitation", "created_at", "id"), name="application_invitation"),
        )

    def __str__(self) -> str:
        return f"{self.name} · {self.company}"
