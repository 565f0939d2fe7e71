"""Hand-over: one order, and what happens with each contact and group of it (O6, O7, O8)."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import Kind, Reason, State
from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from enterprises.authority import members_in_range
from enterprises.models import Role

if TYPE_CHECKING:
    from enterprises.actors import Actor


class TransferQuerySet(TenantQuerySet):
    """Adds the one door to hand-overs: `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """All; a graded admin's are those of members in the departments given to them (O4), also among several; else
        what one ordered."""
        member = actor.member
        if member is None or member.role.scope == Role.Scope.ALL:
            return self
        mine = Q(by=member.pk)
        if member.role.scope == Role.Scope.DEPARTMENTS:
            people = members_in_range(member).values("id")
            theirs = TransferItem.objects.filter(transfer=OuterRef("pk"), member_id__in=people)
            mine = Q(member_id__in=people) | Q(member=None) & (mine | Q(Exists(theirs)))
        return self.filter(mine)


class Transfer(TenantModel):
    """An order to hand what a member has over to others, by a plan (collaboration.services.transfers.plans).

    `member` is empty where contacts of several owners were chosen; whose each was says its item.
    `contacts` and `groups` say how many items are in which state; they are written with the items.
    """

    kind = models.CharField(max_length=8, choices=Kind.choices())
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+", verbose_name=_("member"))
    by = TenantForeignKey("enterprises.Member", null=True, related_name="+", verbose_name=_("ordered by"))
    plan = models.JSONField(default=dict)
    message = models.CharField(_("message"), max_length=200, blank=True)
    contacts = models.JSONField(default=dict)
    groups = models.JSONField(default=dict)
    batches = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = TenantManager.from_queryset(TransferQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("hand-over")
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "created_at", "id"), name="transfer_time"),
            models.Index(
                fields=("enterprise_id", "created_at", "id"), name="transfer_open", condition=Q(finished_at=None)
            ),
        )

    def __str__(self) -> str:
        return self.member.name if self.member else str(_("Several members"))

    def number(self, *states: str) -> int:
        """How many contacts are in these states; in all when none is named."""
        return sum(number for state, number in self.contacts.items() if not states or state in states)

    @property
    def done(self) -> int:
        """How many contacts were handed over."""
        return self.number(State.DONE)

    @property
    def left(self) -> int:
        """How many contacts and groups could be tried again."""
        again = (State.REFUSED, State.TAKER_FULL, State.FAILED)
        counts: list[dict[str, Any]] = [self.contacts, self.groups]
        return sum(counted.get(state, 0) for counted in counts for state in again)


class TransferItem(TenantModel):
    """One contact, or one group chat, on its way from `member` to `taker`.

    Waiting ones without `due_at` have not been started yet. A contact of a member is in one open hand-over at most,
    however many are ordered at the same moment: the unique key decides.
    """

    transfer = TenantForeignKey(Transfer, related_name="items")
    member = TenantForeignKey("enterprises.Member", related_name="+")
    contact = TenantForeignKey("contacts.Contact", null=True, related_name="+")
    group = TenantForeignKey("contacts.GroupChat", null=True, related_name="+")
    part = models.PositiveSmallIntegerField(default=0)
    taker = TenantForeignKey("enterprises.Member", related_name="+", verbose_name=_("taker"))
    state = models.CharField(max_length=12, choices=State.choices(), default=State.WAITING.value)
    reason = models.CharField(max_length=16, blank=True)
    blocked_until = models.DateField(null=True)
    batch = models.PositiveIntegerField(null=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(contact=None, group__isnull=False) | Q(contact__isnull=False, group=None),
                name="transfer_item_of_one",
            ),
            models.UniqueConstraint(fields=("enterprise_id", "transfer", "contact"), name="transfer_item_contact"),
            models.UniqueConstraint(fields=("enterprise_id", "transfer", "group"), name="transfer_item_group"),
            models.UniqueConstraint(
                fields=("enterprise_id", "member", "contact"),
                condition=Q(state="waiting", contact__isnull=False),
                name="transfer_contact_open_once",
            ),
            models.UniqueConstraint(
                fields=("enterprise_id", "member", "group"),
                condition=Q(state="waiting", group__isnull=False),
                name="transfer_group_open_once",
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "transfer", "state", "id"), name="transfer_item_state"),
            models.Index(
                fields=("enterprise_id", "due_at", "id"), name="transfer_item_due", condition=Q(state="waiting")
            ),
            models.Index(
                fields=("enterprise_id", "transfer", "taker", "contact"),
                name="transfer_item_next",
                condition=Q(state="waiting", due_at=None),
            ),
            models.Index(fields=("enterprise_id", "taker"), name="transfer_item_taker", condition=Q(state="waiting")),
            models.Index(
                fields=("enterprise_id", "contact", "settled_at"),
                name="transfer_item_history",
                condition=Q(state="done"),
            ),
        )

    @property
    def explanation(self) -> str:
        """The reason in words."""
        return str(Reason(self.reason).label) if self.reason else ""


class InheritanceRule(TenantModel):
    """A saved plan that runs by itself when somebody of the department (subtree included) leaves (O6)."""

    department = TenantForeignKey("enterprises.Department", null=True, related_name="+", verbose_name=_("department"))
    plan = models.JSONField(default=dict)
    enabled = models.BooleanField(_("enabled"), default=True)
    by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    changed_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = _("inheritance rule")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "department"), name="inheritance_rule_once", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return self.department.name if self.department else str(_("The whole enterprise"))
