"""Places: admission, release, and the ledger of both.

The account's row decides (DESIGN.md 5, docs/decisions/0008). Whoever changes who is served calls `admit`,
`record_facts` or `release` in the same transaction, as late in it as possible, because the row is hot.
Bulk work changes the number with `reserve`, `reserve_up_to` or `give_back` and then calls `write_ledger_from`.
Locks are taken in the order contacts → account → budgets, and time is read after a lock, never before it. The budgets
of teams (Q12) are asked only when the account says that there are any; an enterprise without them pays nothing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Forbidden, Refusal
from common.sql import execute, row
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.services import SUPER_ADMIN, policy
from quota import queries, rules
from quota.models import Account, LedgerEntry
from quota.services import alerts, teams
from quota.services.teams import BudgetExceeded, Claimant

Reason = LedgerEntry.Reason
# Did the number leave the band in which no alert begins or ends (Q13)? See `quota.services.alerts`.
CROSSED = "served < quiet_from OR served >= quiet_until"


class QuotaExceeded(Refusal):
    """There is no room. Says how things stand and what would help (Q8, Q10)."""

    code = "quota_exceeded"
    title = _("The scale is full")


@dataclass(frozen=True)
class Place:
    """A contact whose place is taken or given back, the name that the ledger keeps, and whose it is (Q12)."""

    contact_id: UUID
    label: str
    owner_id: UUID | None = None
    source: str = ""


# Who wants places, or gives them back, with how many. Asked for only where budgets or a reserve have a say.
Claims = Callable[[], Mapping[Claimant, int]]


@dataclass(frozen=True)
class Granted:
    """How many of a row of claimants got a place, and why those at these positions did not."""

    count: int
    refused: Mapping[int, str] = field(default_factory=dict)


# --- The account ------------------------------------------------------------------------------------------


def refresh_account(enterprise: Enterprise) -> Account:
    """Write down what capacity is now and in which interval time alone leaves it so; makes the account.

    Locks the account's row first, then reads the clock and what capacity follows from: a decision that waited
    for the row must not use anything older than the row.
    """
    execute(
        """
        INSERT INTO quota_account (id, enterprise_id, served, capacity, ledger_number, quiet_from, quiet_until,
                                   budgeted, reserve, reserve_departments, reserve_sources)
        VALUES (%(enterprise)s, %(enterprise)s, 0, 0, 0, 0, 0, false, 0, '{}', '{}') ON CONFLICT DO NOTHING
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
    """Take a place for each contact, all or none (Q10): of the enterprise, and of the owners' teams (Q12).

    One conditional update decides, whoever else is deciding at the same moment. Raises QuotaExceeded or
    BudgetExceeded; the caller's transaction must then be rolled back.
    """
    if places:
        reserve(actor, len(places), claims=lambda: _claims(places))
        _write_ledger(actor, places, reason, +1)


def reserve(actor: Actor, wanted: int, *, claims: Claims) -> None:
    """Raise `served` by `wanted` if that fits, else raise QuotaExceeded or BudgetExceeded.

    The caller writes the ledger. The common case is one statement. It may have had to wait for the row, so time is
    read after it: when the capacity it trusted has ended, or does not say "full" beyond doubt, it is decided again
    under the lock.
    """
    taken = row(
        f"""
        UPDATE quota_account SET served = served + %(wanted)s, ledger_number = ledger_number + %(wanted)s
        WHERE enterprise_id = %(enterprise)s AND served + %(wanted)s <= capacity - reserve
        RETURNING capacity_since, capacity_until, budgeted, {CROSSED}
        """,  # noqa: S608 - our own text
        {"enterprise": current_enterprise_id(), "wanted": wanted},
        planned=True,
    )
    if taken is None:
        seen = Account.objects.get()
        if seen.holds(clock.now()):
            _require_room(actor, seen, wanted, claims)
        account = settle(actor.enterprise)
        _require_room(actor, account, wanted, claims)
        _take(wanted)
        budgeted, crossed = account.budgeted, account.crosses(account.served + wanted)
    else:
        since, until, budgeted, crossed = taken
        if not rules.within(since, until, clock.now()):
            account = refresh_account(actor.enterprise)
            account.served -= wanted  # ours goes with the transaction
            _require_room(actor, account, wanted, claims)
    if crossed:
        alerts.look_soon()
    if budgeted:
        teams.shift(_by_owner(claims()))


def reserve_up_to(actor: Actor, wanted: int, *, claimants: Callable[[], Sequence[Claimant]]) -> Granted:
    """Raise `served` by as many of `wanted` as fit, the first ones first, and say who got none and why (Q10).

    `claimants`: who wants them, in order; asked for only where budgets or a reserve have a say. The caller writes
    the ledger.
    """
    account = settle(actor.enterprise)
    room = max(0, account.capacity - account.served)
    if not account.budgeted and not account.reserve:
        count = min(wanted, room)
        granted = Granted(count, dict.fromkeys(range(count, wanted), QuotaExceeded.code))
    else:
        granted = _share_out(actor, account, claimants())
    if granted.count:
        _take(granted.count)
        if account.crosses(account.served + granted.count):
            alerts.look_soon()
    return granted


def _take(count: int) -> None:
    """Of the account that is locked: so many places, and as many numbers of the ledger."""
    Account.objects.update(served=F("served") + count, ledger_number=F("ledger_number") + count)


def _share_out(actor: Actor, account: Account, claimants: Sequence[Claimant]) -> Granted:
    """Who of them gets a place, one after the other, and takes it in the budgets of their teams."""
    above = teams.above({claimant.owner_id for claimant in claimants})
    entitled = _entitled(actor, account, set(claimants), above)
    room = teams.room()
    left = account.capacity - account.served
    refused: dict[int, str] = {}
    taken: Counter[UUID | None] = Counter()
    for position, claimant in enumerate(claimants):
        budgets = above[claimant.owner_id].budgets
        if left <= (0 if claimant in entitled else account.reserve):
            refused[position] = QuotaExceeded.code
        elif any(room[budget] <= 0 for budget in budgets):
            refused[position] = BudgetExceeded.code
        else:
            left -= 1
            taken[claimant.owner_id] += 1
            for budget in budgets:
                room[budget] -= 1
    teams.shift(taken)
    return Granted(len(claimants) - len(refused), refused)


def _require_room(actor: Actor, account: Account, wanted: int, claims: Claims) -> None:
    """Raise QuotaExceeded unless so many fit the scale; those who may not use the reserve must leave it alone."""
    if account.served + wanted > account.capacity:
        raise exceeded(actor.enterprise, wanted, account=account)
    if not account.reserve or account.served + wanted <= account.capacity - account.reserve:
        return
    asking = claims()
    above = teams.above({claimant.owner_id for claimant in asking})
    entitled = _entitled(actor, account, asking.keys(), above)
    others = sum(number for claimant, number in asking.items() if claimant not in entitled)
    if others and account.served + others > account.capacity - account.reserve:
        raise exceeded(actor.enterprise, others, account=account)


def _entitled(
    actor: Actor,
    account: Account,
    claimants: Collection[Claimant],
    above: Mapping[UUID | None, teams.Above],
) -> set[Claimant]:
    """Who of them may use the reserve: those of a super admin or the system, of chosen teams or chosen sources."""
    member = actor.member
    if member is None or member.role.builtin == SUPER_ADMIN:
        return set(claimants)
    chosen = set(account.reserve_departments)
    return {
        one
        for one in claimants
        if one.source in account.reserve_sources or not chosen.isdisjoint(above[one.owner_id].departments)
    }


def _claims(places: Sequence[Place]) -> Counter[Claimant]:
    return Counter(Claimant(place.owner_id, place.source) for place in places)


def _by_owner(claims: Mapping[Claimant, int], sign: int = 1) -> Counter[UUID | None]:
    counted: Counter[UUID | None] = Counter()
    for claimant, number in claims.items():
        counted[claimant.owner_id] += sign * number
    return counted


def exceeded(enterprise: Enterprise, wanted: int, *, account: Account | None = None) -> QuotaExceeded:
    """The refusal of an admission, with what would help. `account`: the row that was decided on."""
    now = clock.now()
    account = account or Account.objects.get()
    standing = queries.position(enterprise, account=account, now=now)
    decision = rules.decide(rules.Action.ADD_CONTACT, standing, now, policy(), places=wanted)
    detail = decision.detail or _("The scale is full.")
    remedies = decision.remedies
    extra: dict[str, Any] = {}
    if decision.allowed and account.reserve:
        detail = format_lazy(
            _("The last {reserve} places of the scale are kept in reserve; {served} of {capacity} are taken."),
            reserve=f"{account.reserve:,}",
            served=f"{standing.served:,}",
            capacity=f"{standing.capacity:,}",
        )
        remedies = rules.remedies(standing, standing.served + wanted + account.reserve, now, policy())
        extra = {"reserve": account.reserve}
    return QuotaExceeded(
        detail,
        served=standing.served,
        capacity=standing.capacity,
        wanted=wanted,
        remedies=[remedy.as_dict() for remedy in remedies],
        **extra,
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
    """Take places for what has happened already: never refused, may put enterprise and teams over (Q11)."""
    if places:
        _change(len(places), +1, lambda: _claims(places))
        _write_ledger(actor, places, reason, +1)


def release(actor: Actor, *, places: Sequence[Place], reason: str) -> None:
    """Give places back (Q2, C5)."""
    if places:
        give_back(len(places), claims=lambda: _claims(places))
        _write_ledger(actor, places, reason, -1)


def give_back(count: int, *, claims: Claims) -> None:
    """Lower `served` by `count`. The caller writes the ledger with `write_ledger_from`, which says by whom."""
    _change(count, -1, claims)


def _change(count: int, sign: int, claims: Claims) -> None:
    """Change `served` without asking, and the budgets of the teams with it."""
    changed = row(
        f"""
        UPDATE quota_account SET served = served + %(change)s, ledger_number = ledger_number + %(count)s
        WHERE enterprise_id = %(enterprise)s
        RETURNING budgeted, {CROSSED}
        """,  # noqa: S608 - our own text
        {"enterprise": current_enterprise_id(), "change": sign * count, "count": count},
        planned=True,
    )
    budgeted, crossed = changed or (False, False)
    if crossed:
        alerts.look_soon()
    if budgeted:
        teams.shift(_by_owner(claims(), sign), fact=True)


def lock_account() -> Account:
    """The account, locked until the end of the transaction: for everything that changes who belongs to which team."""
    return Account.objects.select_for_update(no_key=True).get()


# --- The ledger -------------------------------------------------------------------------------------------


def write_ledger_from(
    actor: Actor, *, source: str, params: dict, count: int, reason: str, delta: int, planned: bool = False
) -> None:
    """A ledger row per place that was taken (+1) or given back (-1), numbered, with the number served after it (Q14).

    `source` is a SELECT of (contact id, label) that yields `count` rows; its `params` are named. Call it right
    after the account was changed by `count`, in the same transaction: that took the numbers and holds the row's lock
    since, so numbers follow the order of happening and no two transactions share one. `planned`: see
    `common.sql.execute`. Raises RuntimeError when `source` yields another number of rows.
    """
    if not count:
        return
    written = execute(
        f"""
        INSERT INTO quota_ledgerentry
            (id, enterprise_id, number, at, delta, served_after, reason, contact_id, contact_label, actor_id,
             actor_label, job_id)
        SELECT uuid7(), %(enterprise)s, account.ledger_number - %(count)s + place.nth, %(at)s, %(delta)s,
               account.served + %(delta)s * (place.nth - %(count)s), %(reason)s, place.id, left(place.label, 128),
               %(actor)s, %(actor_label)s, %(job)s
        FROM quota_account AS account,
             (SELECT source.id, source.label, row_number() OVER () AS nth
              FROM ({source}) AS source (id, label)) AS place
        WHERE account.enterprise_id = %(enterprise)s
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
        planned=planned,
    )
    if written != count:
        raise RuntimeError(f"{count} places were changed, but the ledger would get {written} rows.")


def _write_ledger(actor: Actor, places: Sequence[Place], reason: str, delta: int) -> None:
    write_ledger_from(
        actor,
        source="SELECT * FROM unnest(%(contacts)s::uuid[], %(labels)s::text[])",
        params={"contacts": [place.contact_id for place in places], "labels": [place.label for place in places]},
        count=len(places),
        reason=reason,
        delta=delta,
        planned=True,
    )
