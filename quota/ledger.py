"""Reads of the ledger: filtered lists, and how many were served at the end of each day (Q14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from uuid import UUID

from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from common.errors import Forbidden, Invalid
from common.ids import parse_uuid
from common.sql import row, rows
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor
from quota.models import LedgerEntry

FILTERS = ("reason", "from", "to", "contact")


def require_whole_enterprise(actor: Actor, code: str) -> None:
    """Raise Forbidden unless one has the code and sees every contact: for what tells of all or changes all (O5)."""
    actor.require(code)
    if not actor.sees_all:
        raise Forbidden(_("This is for those who see the whole enterprise."), code="whole_enterprise_only")


@dataclass(frozen=True)
class LedgerFilter:
    """Which entries: of a reason, of a contact, from a moment (inclusive) to another (exclusive)."""

    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    contact: UUID | None = None

    @classmethod
    def parse(cls, params: Mapping[str, str], zone: tzinfo) -> "LedgerFilter":
        """From the parameters of an address; empty ones do not count.

        `from` and `to` are moments, or days of the enterprise, the day named by `to` included. Raises Invalid.
        """
        errors = {}
        reason = params.get("reason") or None
        if reason is not None and reason not in LedgerEntry.Reason.values:
            errors["reason"] = [_("Choose one of the offered values.")]
        contact = parse_uuid(params["contact"]) if params.get("contact") else None
        if params.get("contact") and contact is None:
            errors["contact"] = [_("This is not the id of a contact.")]
        moments = {}
        for name, days in (("from", 0), ("to", 1)):
            try:
                moments[name] = moment(params.get(name) or "", zone, days)
            except ValueError:
                errors[name] = [_("Enter a date (YYYY-MM-DD) or a moment (ISO 8601).")]
        if errors:
            raise Invalid(errors)
        return cls(reason, moments["from"], moments["to"], contact)

    def entries(self) -> QuerySet[LedgerEntry]:
        """The entries, newest first."""
        found = LedgerEntry.objects.all()
        if self.reason is not None:
            found = found.filter(reason=self.reason)
        if self.contact is not None:
            found = found.filter(contact_id=self.contact)
        if self.since is not None:
            found = found.filter(at__gte=self.since)
        if self.until is not None:
            # The list is read by number; without bounds, everything newer would be read and thrown away first.
            found = found.filter(at__lt=self.until, number__range=self._numbers())
        return found.order_by("-number")

    def _numbers(self) -> tuple[int, int]:
        """The smallest and the largest number in the time asked for, by the index on time alone."""
        bounds = row(
            """
            SELECT coalesce(min(number), 0), coalesce(max(number), 0)
            FROM (SELECT number FROM quota_ledgerentry
                  WHERE enterprise_id = %(enterprise)s AND at >= %(since)s AND at < %(until)s
                  OFFSET 0) AS found
            """,
            {"enterprise": current_enterprise_id(), "since": self.since or "-infinity", "until": self.until},
        )
        assert bounds is not None
        return bounds


def served_by_day(days: int, now: datetime, zone: tzinfo) -> list[tuple[date, int]]:
    """How many were served at the end of each of the last `days` days; today as of `now`. Oldest first.

    As the daily history has it (Q15); for the days since its last one, one look into the ledger's index each.
    """
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    ends = [*(_midnight(day + timedelta(days=1), zone) for day in dates[:-1]), now + timedelta(microseconds=1)]
    return rows(
        """
        SELECT day.day, coalesce(kept.served, newest.served_after, 0)
        FROM unnest(%(dates)s::date[], %(ends)s::timestamptz[]) AS day (day, ends_at)
        LEFT JOIN quota_historyday AS kept ON kept.enterprise_id = %(enterprise)s AND kept.day = day.day
        LEFT JOIN LATERAL (
            SELECT served_after FROM quota_ledgerentry
            WHERE enterprise_id = %(enterprise)s AND at < day.ends_at
            ORDER BY at DESC, number DESC LIMIT 1
        ) AS newest ON kept.day IS NULL AND day.day > (
            SELECT coalesce(max(last.day), '-infinity') FROM quota_historyday AS last
            WHERE last.enterprise_id = %(enterprise)s)
        ORDER BY day.day
        """,
        {"enterprise": current_enterprise_id(), "dates": dates, "ends": ends},
    )


def moment(text: str, zone: tzinfo, days: int = 0) -> datetime | None:
    """The moment that a text names; a day means its first moment, `days` later. Raises ValueError."""
    if not text:
        return None
    found = parse_datetime(text) if "T" in text or " " in text.strip() else None
    if found is not None:
        return found if found.tzinfo else found.replace(tzinfo=zone)
    day = parse_date(text)
    if day is None:
        raise ValueError(text)
    try:
        return _midnight(day + timedelta(days=days), zone)
    except OverflowError as error:
        raise ValueError(text) from error


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
