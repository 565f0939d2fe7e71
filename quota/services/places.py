"""Places: admission, release, and the ledger of both.

The account's row decides (DESIGN.md 5, docs/decisions/0008). Whoever changes who is served calls `admit`,
`record_facts` or `release` in the same transaction, as late in it as possible, because the row is hot.
Bulk work changes the number with `reserve`, `reserve_up_to` or `give_back` and then calls `write_ledger_from`.
Locks are taken in the order contacts → account, and time is read after a lock, never before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Forbidden, Refusal
from common.sql import execute, row
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.services import policy
from quota import queries, rules
from quota.models import Account, LedgerEntry
from quota.services import alerts

Reason = LedgerEntry.Reason


class QuotaExceeded(Refusal):
    """There is no room. Says how things stand and what would help (Q8, Q10)."""

    code = "quota_exceeded"
    title = _("The scale is full")


@dataclass(frozen=True)
class Place:
    """A contact whose place is taken or given back, and the name that the ledger keeps."""

    contact_id: UUID
    label: str


# --- The account ------------------------------------------------------------------------------------------


def refresh_account(enterprise: Enterprise) -> Account:
    """Write down what capacity is now and in which interval time alone leaves it so; makes the account.

    Locks the account's row first, then reads the clock and what capacity follows from: a decision that waited
    for the row must not use anything older than the row.
    """
    execute(
        """
        INSERT INTO quota_account (id, enterprise_id, served, capacity, ledger_number, quiet_from, quiet_until)
        VALUES (%(enterprise)s, %(enterprise)s, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING
        """,
        {"enterprise": current_enterprise_id()},
    )
    account = Account.objects.select_for_update(no_key=True).get()
    verified = Enterprise.objects.values_list("verified", flat=True).get(pk=enterprise.pk)
    window = rules.capacity_window(verified, queries.packages(), clock.now(), policy())
    account.capacity = window.capacity
    account.capacity_since = window.since
    account.capacity_until = window.until
    account.save(update_fields=["capacity", "capacity_since", "capacity_until"])
    alerts.look_soon()
    return account


def settle(enterprise: Enterprise) -> Account:
    """The account, locked, with the capacity that is in force now."""
    account = Account.objects.select_for_update(no_key=True).get()
    return account if account.holds(clock.now()) else refresh_account(enterprise)


# --- Admission --------------------------------------------------------------------------------------------


def admit(actor: Actor, *, places: Sequence[Place], reason: str) -> None:
    """Take a place for each contact, all or none (Q10).

    One conditional update decides, whoever else is deciding at the same moment. Raises QuotaExceeded; the
    caller's transaction must then be rolled back.
    """
    if places:
        reserve(actor.enterprise, len(places))
        _write_ledger(actor, places, reason, +1)


def reserve(enterprise: Enterprise, wanted: int) -> None:
    """Raise `served` by `wanted` if that fits, else raise QuotaExceeded. The caller writes the ledger.

    The common case is one statement. It may have had to wait for the row, so time is read after it: when the
    capacity it trusted has ended, or does not say "full" beyond doubt, it is decided again under the lock.
    """
    taken = row(
        """
        UPDATE quota_account SET served = served + %(wanted)s
        WHERE enterprise_id = %(enterprise)s AND served + %(wanted)s <= capacity
        RETURNING capacity_since, capacity_until
        """,
        {"enterprise": current_enterprise_id(), "wanted": wanted},
    )
    if taken is None:
        seen = Account.objects.get()
        if seen.holds(clock.now()) and seen.served + wanted > seen.capacity:
            raise exceeded(enterprise, wanted, account=seen)
        account = settle(enterprise)
        if account.served + wanted > account.capacity:
            raise exceeded(enterprise, wanted, account=account)
        Account.objects.update(served=F("served") + wanted)
        return
    since, until = taken
    if not rules.within(since, until, clock.now()):
        account = refresh_account(enterprise)
        if account.served > account.capacity:
            account.served -= wanted  # ours goes with the transaction
            raise exceeded(enterprise, wanted, account=account)


def reserve_up_to(enterprise: Enterprise, wanted: int) -> int:
    """Raise `served` by as many of `wanted` as fit and return how many (Q10). The caller writes the ledger."""
    account = settle(enterprise)
    granted = max(0, min(wanted, account.capacity - account.served))
    if granted:
        Account.objects.update(served=F("served") + granted)
    return granted


def exceeded(enterprise: Enterprise, wanted: int, *, account: Account | None = None) -> QuotaExceeded:
    """The refusal of an admission, with what would help. `account`: the row that was decided on."""
    now = clock.now()
    standing = queries.position(enterprise, account=account, now=now)
    decision = rules.decide(rules.Action.ADD_CONTACT, standing, now, policy(), places=wanted)
    return QuotaExceeded(
        decision.detail or _("The scale is full."),
        served=standing.served,
        capacity=standing.capacity,
        wanted=wanted,
        remedies=[remedy.as_dict() for remedy in decision.remedies],
    )


def check(actor: Actor, action: rules.Action, *, places: int = 1, last_inbound_at: datetime | None = None) -> None:
    """Raise unless the scale's state allows the action now (Q8): 409 quota_exceeded or 403 restricted.

    For admissions this is only a polite early answer; `admit` decides.
    """
    decision = queries.decide(actor.enterprise, action, places=places, last_inbound_at=last_inbound_at)
    if decision.allowed:
        return
    if decision.code == QuotaExceeded.code:
        raise exceeded(actor.enterprise, places)
    raise Forbidden(
        decision.detail or "", code=decision.code, remedies=[remedy.as_dict() for remedy in decision.remedies]
    )


# --- Facts and release ------------------------------------------------------------------------------------


def record_facts(actor: Actor, *, places: Sequence[Place], reason: str) -> None:
    """Take places for what has happened already: never refused, may put the enterprise over (Q11)."""
    if places:
        Account.objects.update(served=F("served") + len(places))
        _write_ledger(actor, places, reason, +1)


def release(actor: Actor, *, places: Sequence[Place], reason: str) -> None:
    """Give places back (Q2, C5)."""
    if places:
        give_back(len(places))
        _write_ledger(actor, places, reason, -1)


def give_back(count: int) -> None:
    """Lower `served` by `count`. The caller writes the ledger with `write_ledger_from`, which says by whom."""
    Account.objects.update(served=F("served") - count)


# --- The ledger -------------------------------------------------------------------------------------------


def write_ledger_from(actor: Actor, *, source: str, params: dict, count: int, reason: str, delta: int) -> None:
    """A ledger row per place that was taken (+1) or given back (-1), numbered, with the number served after it (Q14).

    `source` is a SELECT of (contact id, label) that yields `count` rows; its `params` are named. Call it right
    after the account was changed by `count`, in the same transaction: the row's lock is held since, so numbers
    follow the order of happening and no two transactions share one. Raises RuntimeError when `source` yields
    another number of rows.
    """
    if not count:
        return
    found = row(
        f"""
        WITH account AS (
            UPDATE quota_account SET ledger_number = ledger_number + %(count)s
            WHERE enterprise_id = %(enterprise)s
            RETURNING ledger_number - %(count)s AS number, served - %(count)s * %(delta)s AS served,
                      served < quiet_from OR served >= quiet_until AS crossed
        ), written AS (
            INSERT INTO quota_ledgerentry
                (id, enterprise_id, number, at, delta, served_after, reason, contact_id, contact_label, actor_id,
                 actor_label, job_id)
            SELECT uuid7(), %(enterprise)s, account.number + place.nth, %(at)s, %(delta)s,
                   account.served + %(delta)s * place.nth, %(reason)s, place.id, left(place.label, 128), %(actor)s,
                   %(actor_label)s, %(job)s
            FROM account, (SELECT source.id, source.label, row_number() OVER () AS nth
                           FROM ({source}) AS source (id, label)) AS place
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM written), account.crossed FROM account
        """,  # noqa: S608 - the source is written by us
        {
            **params,
            "enterprise": current_enterprise_id(),
            "at": clock.now(),
            "delta": delta,
            "count": count,
            "reason": reason,
            "actor": actor.member_id,
            "actor_label": actor.label[:128],
            "job": actor.job_id,
        },
    )
    written, crossed = found or (0, False)
    if written != count:
        raise RuntimeError(f"{count} places were changed, but the ledger would get {written} rows.")
    if crossed:
        alerts.look_soon()


def _write_ledger(actor: Actor, places: Sequence[Place], reason: str, delta: int) -> None:
    write_ledger_from(
        actor,
        source="SELECT * FROM unnest(%(contacts)s::uuid[], %(labels)s::text[])",
        params={
            "contacts": [place.contact_id for place in places],
            "labels": [place.label for place in places],
        },
        count=len(places),
        reason=reason,
        delta=delta,
    )
