"""The scale: one account per enterprise, its packages, and the ledger of every place taken or given back."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.ids import uuid7
from common.tenancy import TenantForeignKey, TenantModel
from quota.rules import AlertKind, Line, PackageKind, within


class Account(TenantModel):
    """The one row that decides admission (DESIGN.md 5).

    Everything a decision needs stands here: `capacity` holds from `capacity_since` (inclusive, empty = always)
    to `capacity_until` (exclusive, empty = for ever); outside of it the packages are asked again (Q7).
    """

    served = models.IntegerField(_("served"), default=0)
    capacity = models.IntegerField(_("capacity"))
    capacity_since = models.DateTimeField(null=True)
    capacity_until = models.DateTimeField(null=True)
    ledger_number = models.BigIntegerField(default=0, help_text="The number of the newest ledger entry.")
    quiet_from = models.IntegerField(
        default=0, help_text="Up to `quiet_until`, which it excludes, no alert begins or ends; decides nothing."
    )
    quiet_until = models.IntegerField(default=0)
    platform_served = models.IntegerField(_("served according to WeCom"), null=True)
    platform_at = models.DateTimeField(null=True)
    budgeted = models.BooleanField(default=False, help_text="Are there budgets that an admission must fit (Q12)?")
    reserve = models.PositiveIntegerField(
        _("reserve"), default=0, help_text="The last places of the scale, kept for those named beside it."
    )
    reserve_departments = ArrayField(models.UUIDField(), default=list, help_text="Teams that may use the reserve.")
    reserve_sources = ArrayField(
        models.CharField(max_length=32), default=list, help_text="Sources whose contacts may use the reserve."
    )

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint("enterprise_id", name="account_one_per_enterprise"),
            models.CheckConstraint(condition=models.Q(served__gte=0), name="account_served_not_negative"),
        )

    def crosses(self, served: int) -> bool:
        """Does an alert begin or end when so many are served?"""
        return not self.quiet_from <= served < self.quiet_until

    def holds(self, moment: datetime) -> bool:
        """Is the capacity that stands on the row in force at this moment?"""
        return within(self.capacity_since, self.capacity_until, moment)


class Package(TenantModel):
    """A bought tier and the time in which it holds: start inclusive, end exclusive (Q3-Q6)."""

    tier = models.PositiveIntegerField(_("tier"))
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    kind = models.CharField(_("kind"), max_length=16, choices=PackageKind.choices)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    order_no = models.CharField(_("order number"), max_length=64, blank=True)
    recorded_at = models.DateTimeField(default=clock.now)
    expired_at = models.DateTimeField(null=True, help_text="When the expiry was recorded by the job (Q7).")

    class Meta(TenantModel.Meta):
        ordering = ("starts_at", "id")
        indexes = (models.Index(fields=("enterprise_id", "ends_at"), name="package_end"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="package_interval"),
            models.UniqueConstraint(
                fields=("enterprise_id", "order_no"), condition=~models.Q(order_no=""), name="package_order_once"
            ),
        )


class Budget(TenantModel):
    """How many places a department may take, its subtree included (Q12).

    `served` counts the active contacts whose owner works in the subtree. It is changed only under the lock of the
    account's row, which is taken first.
    """

    department = TenantForeignKey("enterprises.Department", related_name="+", verbose_name=_("department"))
    places = models.PositiveIntegerField(_("places"))
    served = models.IntegerField(_("served"), default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("budget")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "department"), name="budget_once"),
            models.CheckConstraint(condition=models.Q(served__gte=0), name="budget_served_not_negative"),
        )


class Loan(TenantModel):
    """Places that one team asks another for, or the part that nobody was given (Q12): requested, decided, returned."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        APPROVED = "approved", _("Lent")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        RETURNED = "returned", _("Given back")

    borrower = TenantForeignKey(Budget, related_name="borrowed")
    lender = TenantForeignKey(Budget, null=True, related_name="lent")
    places = models.PositiveIntegerField(_("places"))
    reason = models.CharField(_("reason"), max_length=256, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.REQUESTED)
    requested_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    decided_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(_("answer"), max_length=256, blank=True)
    returned_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-requested_at", "-id")
        constraints = (
            models.CheckConstraint(condition=models.Q(places__gt=0), name="loan_of_something"),
            models.CheckConstraint(
                condition=models.Q(lender=None) | ~models.Q(lender=models.F("borrower")), name="loan_between_two"
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "requested_at", "id"), name="loan_time"),
            models.Index(fields=("enterprise_id", "borrower"), name="loan_borrower"),
            models.Index(fields=("enterprise_id", "lender"), name="loan_lender"),
        )


class LedgerEntry(TenantModel):
    """One place taken (+1) or given back (-1) (Q14). Outlives its contact, so it keeps the name, not a key.

    `number` counts the entries of the enterprise in the order of happening: it is given out under the lock of the
    account's row, so `served_after` of an entry is always `served_after` of the one before plus `delta`.
    """

    class Reason(models.TextChoices):
        ADDED = "added", _("Contact added")
        IMPORTED = "imported", _("Imported")
        RESTORED = "restored", _("Restored")
        REPORTED = "reported", _("Reported by WeCom")
        JOINED_GROUP = "joined_group", _("Joined a group")
        RETURNED = "returned", _("Came back")
        ARCHIVED = "archived", _("Archived")
        LOST = "lost", _("Lost")
        DELETED = "deleted", _("Deleted")
        UNDONE = "undone", _("Undone")
        MERGED = "merged", _("Merged")

    number = models.BigIntegerField()
    at = models.DateTimeField()
    delta = models.SmallIntegerField()
    served_after = models.IntegerField()
    reason = models.CharField(max_length=16, choices=Reason)
    contact_id = models.UUIDField()
    contact_label = models.CharField(max_length=128)
    actor = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    actor_label = models.CharField(max_length=128)
    job_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-number",)
        constraints = (
            models.CheckConstraint(condition=models.Q(delta__in=(-1, 1)), name="ledger_one_place"),
            models.UniqueConstraint(fields=("enterprise_id", "number"), name="ledger_number_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "at", "number"), include=("served_after",), name="ledger_time"),
            models.Index(fields=("enterprise_id", "contact_id", "number"), name="ledger_contact"),
            # A list of one reason is fast without an index when the reason is frequent; for the others this is small.
            models.Index(
                fields=("enterprise_id", "reason", "number"),
                condition=~models.Q(reason__in=("imported", "archived")),
                name="ledger_rare_reason",
            ),
        )


class Alert(TenantModel):
    """A line that was crossed (Q13): from `raised_at` until `cleared_at`, and told of once in between.

    `served` and `capacity` are those of the crossing; before an expiry, `capacity` is what will remain; of a budget
    they are its own.
    """

    kind = models.CharField(max_length=16, choices=AlertKind.choices)
    subject = models.CharField(max_length=64, blank=True)
    threshold = models.PositiveSmallIntegerField()
    served = models.IntegerField()
    capacity = models.IntegerField()
    raised_at = models.DateTimeField(default=clock.now)
    cleared_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-raised_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "kind", "subject", "threshold"),
                condition=models.Q(cleared_at=None),
                name="alert_once",
            ),
        )
        indexes = (models.Index(fields=("enterprise_id", "-raised_at", "-id"), name="alert_time"),)

    @property
    def line(self) -> Line:
        """What was crossed, as the rules know it."""
        return Line(AlertKind(self.kind), self.threshold, self.subject)


class HistoryDay(TenantModel):
    """A past day of the enterprise (Q15). Made by the nightly job from ledger and contacts; never by hand.

    `arrived`: contacts who came that day, by the day on which they were added, so an import of old customers falls
    on the days when they came; `lost`: those who left. What somebody decides (archiving, restoring) is in neither.
    """

    day = models.DateField()
    served = models.IntegerField(help_text="At the end of the day.")
    arrived = models.IntegerField()
    lost = models.IntegerField()

    class Meta(TenantModel.Meta):
        ordering = ("day",)
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "day"), name="history_day_once"),)


class TeamDay(TenantModel):
    """How many contacts of a department's members were served at the end of a day; empty: of nobody's department.

    The teams of a day add up to the enterprise's row. Outlives its department, so it keeps the id, not a key.
    """

    day = models.DateField()
    department_id = models.UUIDField(null=True)
    served = models.IntegerField()

    class Meta(TenantModel.Meta):
        ordering = ("day", "department_id")
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "day", "department_id"), nulls_distinct=False, name="team_day_once"
            ),
        )


class Campaign(TenantModel):
    """Days on which people are asked to come (Q15): past ones teach the forecast what planned ones will bring."""

    name = models.CharField(_("name"), max_length=64)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("-starts_on", "-id")
        indexes = (models.Index(fields=("enterprise_id", "starts_on", "id"), name="campaign_start"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="campaign_interval"),
        )

    def __str__(self) -> str:
        return self.name


class Forecast(TenantModel):
    """What the nightly job expects of the days to come (Q15); one row, made anew every night.

    The arrays hold, for `as_of` and each day after it, how many more will be served at its end than the evening
    before `as_of`: the expected number and the ends of the interval. Empty when there were too few data.
    """

    as_of = models.DateField()
    computed_at = models.DateTimeField()
    gain = ArrayField(models.FloatField(), default=list)
    low = ArrayField(models.FloatField(), default=list)
    high = ArrayField(models.FloatField(), default=list)
    facts = models.JSONField(default=dict, help_text="What the expectation rests on, for those who ask.")

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint("enterprise_id", name="forecast_one_per_enterprise"),)


class TierPrice(models.Model):
    """What a tier costs a year from a date on. Global: the platform's price table, edited by its operators."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tier = models.PositiveIntegerField(_("tier"), validators=[MinValueValidator(1)])
    price = models.DecimalField(
        _("price per year (CNY)"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)]
    )
    effective_from = models.DateField(_("effective from"))

    class Meta:
        verbose_name = _("price of a tier")
        verbose_name_plural = _("price table")
        ordering = ("tier", "-effective_from", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("tier", "effective_from"),
                name="tier_price_once",
                violation_error_message=_("This tier has a price from this day on already."),
            ),
            models.CheckConstraint(condition=models.Q(tier__gt=0, price__gte=0), name="tier_price_sensible"),
        )

    def __str__(self) -> str:
        return f"{self.tier}"
