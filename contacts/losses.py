"""Losses (C4): relations that ended, by whom, and who is about to fall silent.

A loss is a relation that the contact or the member ended (or both, one after the other). Everybody sees those of the
contacts that exist for them (O5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Greatest, TruncDate, TruncMonth
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from common import clock
from common.choices import Choice
from common.errors import Invalid
from common.ids import parse_uuid
from common.tenancy import TenantQuerySet
from contacts.models import Contact, Follow, Interaction
from contacts.rules import Activity, Grade, Kind, Risk, Status
from enterprises.actors import Actor
from enterprises.policy import Policy
from enterprises.services import policy, zone

FILTERS = ("from", "to", "by", "member", "source")
DEFAULT_DAYS = 30
DAILY = 92  # days; a longer time is drawn by months
TOP = 20
KEPT = ((7, "week"), (30, "month"), (90, "quarter"), (180, "half"))


class By(Choice):
    """Who ended a relation."""

    CONTACT = "contact", _("The contact deleted the member")
    MEMBER = "member", _("The member deleted the contact")
    BOTH = "both", _("Both deleted each other")


class Kept(Choice):
    """How long a lost contact was kept."""

    WEEK = "week", _("Up to a week")
    MONTH = "month", _("Up to 30 days")
    QUARTER = "quarter", _("Up to 90 days")
    HALF = "half", _("Up to 180 days")
    LONGER = "longer", _("Longer")


_BY = {
    By.CONTACT: Q(state=Follow.State.DELETED_BY_CONTACT),
    By.MEMBER: Q(state=Follow.State.DELETED_BY_MEMBER, both_at=None),
    By.BOTH: Q(both_at__isnull=False),
}


def ended_by(follow: Follow) -> By:
    """Who ended this relation."""
    if follow.both_at is not None:
        return By.BOTH
    return By.CONTACT if follow.state == Follow.State.DELETED_BY_CONTACT else By.MEMBER


def days_kept(follow: Follow) -> int:
    """Whole days from the beginning of the relation to its end."""
    assert follow.ended_at is not None
    return max(0, (follow.ended_at - follow.added_at).days)


@dataclass(frozen=True)
class Asked:
    """A checked filter: days of the enterprise (both included), who ended it, whose it was, and its source."""

    since: date
    until: date
    by: By | None
    member: Any
    source: str
    start: datetime
    end: datetime

    @classmethod
    def parse(cls, actor: Actor, params: Mapping[str, str] | None = None) -> "Asked":
        """From the parameters of an address; the last 30 days when nothing is said. Raises Invalid."""
        params = params or {}
        local = zone(actor.enterprise)
        today = clock.now().astimezone(local).date()
        errors: dict[str, list[Any]] = {}
        days: dict[str, date] = {"to": today}
        for name in ("to", "from"):
            if text := params.get(name):
                found = _day(text)
                if found is None:
                    errors[name] = [_("Enter a date (YYYY-MM-DD).")]
                else:
                    days[name] = found
        days.setdefault("from", days["to"] - timedelta(days=DEFAULT_DAYS - 1))
        if not errors and days["from"] > days["to"]:
            errors["from"] = [_("The first day lies behind the last one.")]
        by = params.get("by") or ""
        if by and by not in set(By):
            errors["by"] = [_("Choose one of the offered values.")]
        member = parse_uuid(params["member"]) if params.get("member") else None
        if params.get("member") and member is None:
            errors["member"] = [_("There is nothing with this id.")]
        if errors:
            raise Invalid(errors)
        return cls(
            since=days["from"],
            until=days["to"],
            by=By(by) if by else None,
            member=member,
            source=(params.get("source") or "").strip(),
            start=datetime.combine(days["from"], time(), local),
            end=datetime.combine(days["to"] + timedelta(days=1), time(), local),
        )


def losses(actor: Actor, asked: Asked) -> TenantQuerySet:
    """The ended relations that answer, of contacts that the actor sees."""
    ended = Follow.objects.filter(ended_at__gte=asked.start, ended_at__lt=asked.end).exclude(state=Follow.State.ACTIVE)
    # WeCom deletes the one who hands a contact over; nobody is lost by that.
    handed = Interaction.objects.filter(
        contact_id=OuterRef("contact_id"), at=OuterRef("ended_at"), kind=Kind.HANDED_OVER.value
    )
    found = ended.exclude(Exists(handed), state=Follow.State.DELETED_BY_MEMBER)
    if not actor.sees_all:
        found = found.filter(contact__in=Contact.objects.visible_to(actor))
    if asked.by is not None:
        found = found.filter(_BY[asked.by])
    if asked.member is not None:
        found = found.filter(member_id=asked.member)
    return found.filter(source=asked.source) if asked.source else found


def full(found: TenantQuerySet) -> TenantQuerySet:
    """With what lists show, in a constant number of queries."""
    return found.select_related("contact", "contact__owner", "member").prefetch_related("taggings__tag__group")


@dataclass(frozen=True)
class Report:
    """Losses in numbers. `trend`: (day or month, by the contact, by the member, both); `average_days` None: none."""

    total: int
    by: dict[By, int]
    average_days: float | None
    kept: dict[Kept, int]
    monthly: bool
    trend: list[tuple[date, int, int, int]]
    members: list[tuple[UUID, str, int]]
    sources: list[tuple[str, int]]


def report(actor: Actor, asked: Asked) -> Report:
    """The numbers of `losses`, in five queries however many there are."""
    found = losses(actor, asked).order_by()
    days = ExpressionWrapper(F("ended_at") - F("added_at"), output_field=DurationField())
    limits = [When(days__lte=timedelta(days=most), then=Value(name)) for most, name in KEPT]
    kept = Case(*limits, default=Value(Kept.LONGER.value), output_field=CharField())
    told = found.annotate(days=days).aggregate(
        total=Count("id"),
        average=Avg("days"),
        **{f"by_{by}": Count("id", filter=condition) for by, condition in _BY.items()},
    )
    lengths = dict(found.annotate(days=days).annotate(kept=kept).values_list("kept").annotate(number=Count("id")))
    monthly = (asked.until - asked.since).days >= DAILY
    local = zone(actor.enterprise)
    cut = TruncMonth("ended_at", tzinfo=local) if monthly else TruncDate("ended_at", tzinfo=local)
    numbers = {by.value: Count("id", filter=condition) for by, condition in _BY.items()}
    trend = {}
    for row in found.annotate(moment=cut).values("moment").annotate(**numbers):
        day = row["moment"].date() if isinstance(row["moment"], datetime) else row["moment"]
        trend[day] = (row["contact"], row["member"], row["both"])
    return Report(
        total=told["total"],
        by={by: told[f"by_{by}"] for by in By},
        average_days=told["average"].total_seconds() / 86400 if told["average"] is not None else None,
        kept={one: lengths.get(one.value, 0) for one in Kept},
        monthly=monthly,
        trend=[(day, *trend.get(day, (0, 0, 0))) for day in _days(asked, monthly)],
        # By id: two members may have one name.
        members=_top(found, "member_id", "member__name"),
        sources=_top(found, "source"),
    )


def _top(found: QuerySet, *names: str) -> list[tuple[Any, ...]]:
    counted = found.values_list(*names).annotate(number=Count("id")).order_by("-number", *reversed(names))
    return list(counted[:TOP])


def _days(asked: Asked, monthly: bool) -> list[date]:
    if not monthly:
        return [asked.since + timedelta(days=number) for number in range((asked.until - asked.since).days + 1)]
    months, month = [], asked.since.replace(day=1)
    while month <= asked.until:
        months.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return months


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found is not None and 1990 <= found.year <= 9000 else None


# --- Before the fact --------------------------------------------------------------------------------------

# From when on nothing came from the contact: since it was added, or since its last act.
QUIET_SINCE = Greatest("added_at", "last_customer_at")


def at_risk(actor: Actor, risk: Risk) -> QuerySet[Contact]:
    """The contacts that the actor sees and of which this warning speaks: `contacts.rules.risks`, as a query.

    With `quiet_since`; ordered by it everybody falls silent in this order.
    """
    now, numbers = clock.now(), policy()
    seen = Contact.objects.visible_to(actor).filter(status=Status.ACTIVE, inactive=False)
    return seen.annotate(quiet_since=QUIET_SINCE).filter(condition(risk, now, numbers))


def condition(risk: Risk, now: datetime, numbers: Policy) -> Q:
    """The warning over `quiet_since` and the contact's own columns."""
    if risk is Risk.SILENT_SOON:
        return Q(quiet_since__lte=now - timedelta(days=numbers.inactive_days - numbers.silence_warning_days))
    if risk is Risk.BUYER_QUIET:
        return Q(activity=Activity.FREQUENT.value, quiet_since__lte=now - timedelta(days=numbers.buyer_warning_days))
    return Q(
        grade__in=[Grade.HIGH.value, Grade.MIDDLE.value],
        last_contact_at__lte=now - timedelta(days=numbers.valued_warning_days),
    )


def silent_on(contact: Any, numbers: Policy) -> datetime:
    """When a contact of `at_risk` will be inactive if nothing comes from it."""
    return contact.quiet_since + timedelta(days=numbers.inactive_days)
