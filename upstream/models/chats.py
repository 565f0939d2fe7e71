"""Group chats of a space (U10); customer group chats are those of `contacts`."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from upstream.models.people import PartnerContact
from upstream.models.structure import Space, Subgroup
from upstream.querysets import SpaceChatQuerySet


class SpaceChat(TenantModel):
    """A group chat (上下游群) of a space, perhaps only for a subgroup. `people` decides whether another one fits."""

    space = TenantForeignKey(Space, related_name="chats")
    subgroup = TenantForeignKey(Subgroup, null=True, related_name="chats", verbose_name=_("subgroup"))
    name = models.CharField(_("name"), max_length=64)
    owner = TenantForeignKey("enterprises.Member", related_name="+", verbose_name=_("owner"))
    joins_space = models.BooleanField(
        _("who joins the group chat joins the space"),
        default=False,
        help_text=_("By a link that leads into both."),
    )
    people = models.IntegerField(default=0)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    dismissed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = TenantManager.from_queryset(SpaceChatQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("space group chat")
        ordering = ("-created_at", "-id")
        constraints = (models.CheckConstraint(condition=models.Q(people__gte=0), name="space_chat_people"),)
        indexes = (
            models.Index(fields=("enterprise_id", "space", "created_at", "id"), name="space_chat_space"),
            models.Index(fields=("enterprise_id", "subgroup"), name="space_chat_subgroup"),
            models.Index(fields=("enterprise_id", "owner"), name="space_chat_owner"),
        )

    def __str__(self) -> str:
        return self.name


class ChatSeat(TenantModel):
    """Somebody is in a space group chat: a member of ours, or a person of a partner."""

    chat = TenantForeignKey(SpaceChat, related_name="seats")
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    person = TenantForeignKey(PartnerContact, null=True, related_name="chat_seats")
    joined_at = models.DateTimeField(_("joined"), default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("joined_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(member=None, person__isnull=False) | models.Q(member__isnull=False, person=None),
                name="chat_seat_one",
            ),
            models.UniqueConstraint(fields=("enterprise_id", "chat", "member"), name="chat_seat_member"),
            models.UniqueConstraint(fields=("enterprise_id", "chat", "person"), name="chat_seat_person"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "member", "chat"), name="chat_seat_of_member"),
            models.Index(fields=("enterprise_id", "person", "chat"), name="chat_seat_of_person"),
        )
