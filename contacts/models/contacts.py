"""Contacts and what belongs to them: follows, tags, groups, interactions, purchases."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Cast, Greatest
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Text
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from contacts.querysets import ContactQuerySet, GroupQuerySet
from contacts.rules import Activity, Grade, GradeSource, Side, Status, TagColour


class Contact(TenantModel):
    """One external person, once per enterprise, whoever added them (C1). Served while active (Q1)."""

    class Kind(models.TextChoices):
        WECHAT = "wechat", _("WeChat")
        WECOM = "wecom", _("WeCom")

    external_userid = models.CharField(_("external user id"), max_length=64)
    unionid = models.CharField(max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=128)
    remark = models.CharField(_("remark"), max_length=128, blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.WECHAT)
    company = models.CharField(_("company"), max_length=128, blank=True)
    phones = ArrayField(models.CharField(max_length=32), verbose_name=_("phones"), default=list, blank=True)
    description = models.TextField(_("description"), blank=True)

    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.ACTIVE)
    owner = TenantForeignKey("enterprises.Member", null=True, related_name="+", verbose_name=_("owner"))
    added_at = models.DateTimeField(_("added"))
    archived_at = models.DateTimeField(_("archived"), null=True)
    lost_at = models.DateTimeField(_("lost"), null=True)
    # An archived contact that wrote and found no place (C8).
    waiting_since = models.DateTimeField(_("waiting since"), null=True)

    grade = models.CharField(_("grade"), max_length=8, choices=Grade.choices, default=Grade.LOW)
    grade_source = models.CharField(max_length=8, choices=GradeSource.choices, default=GradeSource.AUTO)
    spend_365d = models.DecimalField(_("spent in 365 days"), max_digits=14, decimal_places=2, default=0)
    # For filters and lists: behind the wall an index answers comparisons of integers, not of decimals (0015).
    spend_cents = models.GeneratedField(
        expression=Cast(models.F("spend_365d") * 100, models.BigIntegerField()),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    activity = models.CharField(_("activity"), max_length=12, choices=Activity.choices, default=Activity.NEVER)
    inactive = models.BooleanField(_("inactive"), default=False)

    # C6: kept here so that no job has to scan events. Adding somebody is a contact too, so last_contact_at
    # is never empty; last_customer_at is, until the customer does something.
    last_customer_at = models.DateTimeField(_("last customer activity"), null=True)
    last_contact_at = models.DateTimeField(_("last contact"))

    # The contact that this one was merged into: it is hidden, and whoever arrives under its id is the other one.
    merged_into = TenantForeignKey("self", null=True, related_name="+")

    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)

    objects = TenantManager.from_queryset(ContactQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("contact")
        ordering = ("-added_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "external_userid"), name="contact_external_userid"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "added_at", "id"), name="contact_added"),
            # With what "silent for so many days" asks: who is silent stands at the end, behind hundreds of thousands.
            models.Index(
                fields=("enterprise_id", "last_contact_at", "id"),
                name="contact_last_contact",
                include=("last_customer_at", "added_at", "merged_into"),
            ),
            models.Index(fields=("enterprise_id", "spend_cents", "id"), name="contact_spend"),
            models.Index(fields=("enterprise_id", "name", "id"), name="contact_name"),
            models.Index(fields=("enterprise_id", "owner", "added_at", "id"), name="contact_owner"),
            models.Index(fields=("enterprise_id", "status", "grade", "added_at", "id"), name="contact_status_grade"),
            models.Index(
                fields=("enterprise_id", "added_at", "id"),
                name="contact_inactive",
                condition=models.Q(inactive=True),
            ),
            models.Index(
                fields=("enterprise_id", "last_contact_at", "id"),
                name="contact_inactive_last",
                condition=models.Q(inactive=True),
            ),
            models.Index(
                "enterprise_id",
                Greatest("added_at", "last_customer_at"),
                "id",
                name="contact_quiet",
                condition=models.Q(status=Status.ACTIVE.value, inactive=False),
            ),
            models.Index(
                fields=("enterprise_id", "waiting_since", "id"),
                name="contact_waiting",
                condition=models.Q(waiting_since__isnull=False),
            ),
            models.Index(
                fields=("enterprise_id", "merged_into"),
                name="contact_merged",
                condition=models.Q(merged_into__isnull=False),
            ),
            models.Index(fields=("enterprise_id", "unionid"), name="contact_unionid", condition=~models.Q(unionid="")),
        )

    def __str__(self) -> str:
        return self.remark or self.name


class Follow(TenantModel):
    """The relation of a member and a contact (a friend), with its own remark, source and tags.

    `ended_at`: when one side ended it; `both_at`: when the other side did so as well. Who deleted the contact does
    not see it any more, whoever was first, so then the state says `deleted_by_member`.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("Friends")
        DELETED_BY_CONTACT = "deleted_by_contact", _("The contact deleted the member")
        DELETED_BY_MEMBER = "deleted_by_member", _("The member deleted the contact")

    # How it began, in words; other programs may name sources of their own, which stand as they are.
    SOURCES: ClassVar[dict[str, Text]] = {
        "import": _("Import"),
        "link": _("Acquisition link"),
        "manual": _("By hand"),
        "scan_qr": _("QR code"),
        "search": _("Search"),
        "shared_card": _("Shared card"),
        "transfer": _("Handed over"),
    }

    contact = TenantForeignKey(Contact, related_name="follows")
    member = TenantForeignKey("enterprises.Member", related_name="follows")
    state = models.CharField(max_length=24, choices=State, default=State.ACTIVE)
    contact_added_at = models.DateTimeField(editable=False)  # the contact's own, kept by the database (0015)
    added_at = models.DateTimeField(_("added"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    both_at = models.DateTimeField(null=True)
    remark = models.CharField(_("remark"), max_length=128, blank=True)
    source = models.CharField(_("source"), max_length=32, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ("added_at", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "contact", "member"), name="follow_once"),)
        indexes = (
            models.Index(
                fields=("enterprise_id", "member", "contact_added_at", "contact"),
                name="follow_member",
                include=("state",),
            ),
            models.Index(fields=("enterprise_id", "source"), name="follow_source"),
            models.Index(
                fields=("enterprise_id", "ended_at", "id"),
                name="follow_ended",
                condition=models.Q(ended_at__isnull=False),
            ),
        )


class TagGroup(TenantModel):
    """Corporate tags come in groups (C13)."""

    name = models.CharField(_("name"), max_length=30)
    colour = models.CharField(_("colour"), max_length=12, choices=TagColour.choices, default=TagColour.GREY)
    position = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        ordering = ("position", "name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "name"), name="tag_group_name"),)

    def __str__(self) -> str:
        return self.name


class Tag(TenantModel):
    """A corporate tag."""

    group = TenantForeignKey(TagGroup, related_name="tags")
    name = models.CharField(_("name"), max_length=30)
    position = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        ordering = ("position", "name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "group", "name"), name="tag_name"),)

    def __str__(self) -> str:
        return self.name


class FollowTag(TenantModel):
    """A tag on a contact belongs to the follow, as in WeCom (C13); the contact stands here for filters.

    `rule` is the rule that put it on; empty for tags put on by hand.
    """

    follow = TenantForeignKey(Follow, related_name="taggings")
    contact = TenantForeignKey(Contact, related_name="taggings")
    tag = TenantForeignKey(Tag, related_name="taggings")
    rule = TenantForeignKey("contacts.TagRule", null=True, related_name="taggings")

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "follow", "tag"), name="follow_tag_once"),)
        indexes = (
            models.Index(fields=("enterprise_id", "contact", "tag"), name="follow_tag_contact"),
            models.Index(fields=("enterprise_id", "tag", "contact"), name="follow_tag_tag"),
            models.Index(
                fields=("enterprise_id", "rule", "contact"), name="follow_tag_rule", condition=~models.Q(rule=None)
            ),
        )


class GroupChat(TenantModel):
    """A customer group (客户群) with its owner."""

    chat_id = models.CharField(_("group id"), max_length=64)
    name = models.CharField(_("name"), max_length=128)
    owner = TenantForeignKey("enterprises.Member", related_name="+", verbose_name=_("owner"))
    created_at = models.DateTimeField(_("created"), default=clock.now)
    dismissed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = TenantManager.from_queryset(GroupQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("group chat")
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "chat_id"), name="group_chat_id"),)
        indexes = (models.Index(fields=("enterprise_id", "created_at", "id"), name="group_created"),)

    def __str__(self) -> str:
        return self.name


class GroupMember(TenantModel):
    """An outside person in a group; counts as served even when nobody's friend (Q1)."""

    group = TenantForeignKey(GroupChat, related_name="memberships")
    contact = TenantForeignKey(Contact, related_name="group_memberships")
    joined_at = models.DateTimeField(_("joined"), default=clock.now)
    left_at = models.DateTimeField(_("left"), null=True)

    class Meta(TenantModel.Meta):
        ordering = ("joined_at", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "group", "contact"), name="group_member_once"),)
        indexes = (models.Index(fields=("enterprise_id", "contact", "group"), name="group_member_contact"),)


class Interaction(TenantModel):
    """Something that happened with a contact (C6). `side` says whose act it was; `key` makes it happen once."""

    contact = TenantForeignKey(Contact, related_name="interactions")
    kind = models.CharField(max_length=24)
    side = models.CharField(max_length=8, choices=Side.choices)
    at = models.DateTimeField()
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    key = models.CharField(max_length=128)
    data = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ("-at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "contact", "key"), name="interaction_once"),)
        indexes = (
            models.Index(fields=("enterprise_id", "contact", "at", "id"), name="interaction_timeline"),
            # Whom one may still answer (Q9): the messages of the last hours, whoever wrote them.
            models.Index(
                fields=("enterprise_id", "at", "id"),
                name="interaction_inbound",
                condition=models.Q(kind="message_in"),
            ),
        )


class Purchase(TenantModel):
    """A purchase, or a refund (negative amount). Its identity is the order number and which of the two it is."""

    contact = TenantForeignKey(Contact, related_name="purchases")
    order_no = models.CharField(_("order number"), max_length=64)
    refund = models.GeneratedField(
        expression=models.Q(amount__lt=0), output_field=models.BooleanField(), db_persist=True
    )
    paid_at = models.DateTimeField(_("paid"))
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)

    class Meta(TenantModel.Meta):
        ordering = ("-paid_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "order_no", "refund"), name="purchase_once"),)
        indexes = (models.Index(fields=("enterprise_id", "contact", "paid_at", "id"), name="purchase_contact"),)


class BulkItem(TenantModel):
    """One contact of a bulk job: fixed when the job starts, so that what was previewed is what happens (C5)."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DONE = "done", _("Done")
        SKIPPED = "skipped", _("Skipped")
        REFUSED = "refused", _("Refused")

    job = TenantForeignKey("jobs.JobRun", related_name="+")
    contact_id = models.UUIDField()
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    reason = models.CharField(max_length=32, blank=True)
    before = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "job", "contact_id"), name="bulk_item_once"),)
        indexes = (models.Index(fields=("enterprise_id", "job", "state", "contact_id"), name="bulk_item_state"),)


class ImportRefusal(TenantModel):
    """A row that an import refused: kept with the batch that refused it, so that the report survives a restart."""

    job = TenantForeignKey("jobs.JobRun", related_name="+")
    line = models.BigIntegerField()
    code = models.CharField(max_length=32)
    column = models.CharField(max_length=32, blank=True)
    cells = ArrayField(models.TextField())

    class Meta(TenantModel.Meta):
        ordering = ("line", "id")
        indexes = (models.Index(fields=("enterprise_id", "job", "line", "id"), name="import_refusal_line"),)
