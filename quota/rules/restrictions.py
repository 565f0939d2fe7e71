"""Restrictions: where an enterprise stands, what it may do there, why not, and what would help (Q7 to Q9)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import Policy
from quota.rules.packages import Package, PackageKind, above, capacity, capacity_window, renewal

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


# --- Where the enterprise stands -------------------------------------------------------------------------


class State(Choice):
    """served < capacity, = capacity, > capacity (Q8)."""

    BELOW = "below", _("Below capacity")
    AT_CAPACITY = "at_capacity", _("At capacity")
    OVER = "over", _("Over capacity")


def state(served: int, capacity: int) -> State:
    if served < capacity:
        return State.BELOW
    return State.AT_CAPACITY if served == capacity else State.OVER


@dataclass(frozen=True, slots=True)
class Position:
    """What a decision about an enterprise needs to know. `tiers`: those offered by the price table.

    `capacity` is the one in force (the row that decides holds it); the packages serve the advice.
    """

    served: int
    capacity: int
    verified: bool = True
    packages: tuple[Package, ...] = ()
    tiers: tuple[int, ...] = ()

    @property
    def state(self) -> State:
        return state(self.served, self.capacity)

    @property
    def room(self) -> int:
        """Places left, never negative."""
        return max(0, self.capacity - self.served)


# --- Restrictions ----------------------------------------------------------------------------------------


class Action(Choice):
    """What an enterprise may or may not do, depending on its scale (Q8)."""

    ADD_CONTACT = "add_contact", _("Add contacts")
    RESTORE_CONTACT = "restore_contact", _("Restore archived contacts")
    INVITE_TO_GROUP = "invite_to_group", _("Invite contacts into groups")
    MASS_SEND = "mass_send", _("Mass messages")
    MOMENT = "moment", _("Moments")
    GROUP_ANNOUNCEMENT = "group_announcement", _("Group announcements")
    MANAGE_GROUPS = "manage_groups", _("Manage group chats")
    INHERIT_RESIGNED = "inherit_resigned", _("Resigned inheritance")
    REPLY = "reply", _("Reply to contacts")
    READ = "read", _("Read")
    ARCHIVE = "archive", _("Archive contacts")
    DELETE = "delete", _("Delete contacts")
    EXPORT = "export", _("Export")
    RENEW = "renew", _("Renew the package")
    UPGRADE = "upgrade", _("Upgrade the package")


class _Verdict(Choice):
    YES = "yes", _("Allowed.")
    FULL = "quota_exceeded", _("Places needed: {places}; taken: {served} of {capacity}.")
    OVER = (
        "restricted",
        _("{served} contacts are served, more than the scale of {capacity}; not possible until they fit."),
    )
    WINDOW = (
        "reply_window_closed",
        _(
            "{served} contacts are served, more than the scale of {capacity}; a reply is possible only"
            " within {hours} hours of the contact's last message."
        ),
    )


_Y, _F, _O, _W = _Verdict.YES, _Verdict.FULL, _Verdict.OVER, _Verdict.WINDOW

# The table of Q8: the verdict below capacity, at capacity, over.
_TABLE: dict[Action, tuple[_Verdict, _Verdict, _Verdict]] = {
    Action.ADD_CONTACT: (_Y, _F, _F),
    Action.RESTORE_CONTACT: (_Y, _F, _F),
    Action.INVITE_TO_GROUP: (_Y, _F, _F),
    Action.MASS_SEND: (_Y, _Y, _O),
    Action.MOMENT: (_Y, _Y, _O),
    Action.GROUP_ANNOUNCEMENT: (_Y, _Y, _O),
    Action.MANAGE_GROUPS: (_Y, _Y, _O),
    Action.INHERIT_RESIGNED: (_Y, _Y, _O),
    Action.REPLY: (_Y, _Y, _W),
    Action.READ: (_Y, _Y, _Y),
    Action.ARCHIVE: (_Y, _Y, _Y),
    Action.DELETE: (_Y, _Y, _Y),
    Action.EXPORT: (_Y, _Y, _Y),
    Action.RENEW: (_Y, _Y, _Y),
    Action.UPGRADE: (_Y, _Y, _Y),
}
_COLUMN = {State.BELOW: 0, State.AT_CAPACITY: 1, State.OVER: 2}


class _Remedy:
    kind: ClassVar[str]

    def as_dict(self) -> dict[str, Any]:
        """The remedy as the API shows it."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]  # every child is a dataclass


@dataclass(frozen=True, slots=True)
class Archive(_Remedy):
    """Archive this many contacts (enough by itself)."""

    kind: ClassVar[str] = "archive"
    count: int


@dataclass(frozen=True, slots=True)
class Buy(_Remedy):
    """Buy one of these tiers, as a purchase or an upgrade (enough by itself, once verified)."""

    kind: ClassVar[str] = "buy"
    package: PackageKind
    tiers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Renew(_Remedy):
    """Renew at one of these tiers between these moments."""

    kind: ClassVar[str] = "renew"
    tiers: tuple[int, ...]
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Verify(_Remedy):
    """Have the enterprise verified, which gives this capacity (when that is too little, `Buy` follows)."""

    kind: ClassVar[str] = "verify"
    capacity: int


Remedy = Archive | Buy | Renew | Verify


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of `decide`. When refused: a stable code, a text, and what would help."""

    allowed: bool
    code: str | None = None
    detail: "str | StrPromise | None" = None
    remedies: tuple[Remedy, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The decision as the API shows it."""
        return {
            "allowed": self.allowed,
            "code": self.code,
            "detail": None if self.detail is None else str(self.detail),
            "remedies": [remedy.as_dict() for remedy in self.remedies],
        }


def decide(
    action: Action,
    position: Position,
    now: datetime,
    policy: Policy,
    *,
    last_inbound_at: datetime | None = None,
    places: int = 1,
) -> Decision:
    """May the enterprise do this now, and if not, why and what would help (Q8)?

    `places`: how many an admission needs; all of them must fit. `last_inbound_at`: the contact's last message
    to the replying member. The reply window counts from it and excludes its end: exactly 48 hours later is
    too late (Q9).
    """
    needs_places = _TABLE[action][1] is _Verdict.FULL
    wanted = position.served + places if needs_places else position.served
    # An admission of several stands where its last place does.
    stands = state(wanted - 1 if needs_places else wanted, position.capacity)
    verdict = _TABLE[action][_COLUMN[stands]]
    reply_window = timedelta(hours=policy.reply_window_hours)
    if verdict is _Verdict.WINDOW and last_inbound_at is not None and now < last_inbound_at + reply_window:
        verdict = _Verdict.YES
    if verdict is _Verdict.YES:
        return Decision(True)
    detail = format_lazy(
        verdict.label,
        places=f"{places:,}",
        served=f"{position.served:,}",
        capacity=f"{position.capacity:,}",
        hours=policy.reply_window_hours,
    )
    return Decision(False, verdict.value, detail, remedies(position, wanted, now, policy))


def remedies(position: Position, wanted: int, now: datetime, policy: Policy) -> tuple[Remedy, ...]:
    """What would give room for `wanted` contacts: verification, archiving, a larger package."""
    found: list[Remedy] = []
    best = position.capacity
    if not position.verified:
        best = capacity(True, position.packages, now, policy)
        if best > position.capacity:
            found.append(Verify(best))
    missing = wanted - position.capacity
    if 0 < missing <= position.served:
        found.append(Archive(missing))
    # A tier must hold what is wanted, be more than is served (Q5), and more than what is there.
    tiers = above(max(wanted - 1, position.served, best), position.tiers)
    if best < wanted and tiers:
        running = any(package.valid(now) for package in position.packages)
        found.append(Buy(PackageKind.UPGRADE if running else PackageKind.PURCHASE, tiers))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How things would stand at a moment with a number served: the decisions, and what would help from here."""

    at: datetime
    position: Position
    decisions: dict[Action, Decision]
    remedies: tuple[Remedy, ...]

    @property
    def stops(self) -> tuple[Action, ...]:
        """What would not be possible then."""
        return tuple(action for action, decision in self.decisions.items() if not decision.allowed)


def rehearse(
    position: Position,
    at: datetime,
    now: datetime,
    policy: Policy,
    zone: tzinfo,
    *,
    actions: Iterable[Action],
    served: int | None = None,
) -> Rehearsal:
    """What holds at `at` with `served` contacts (as many as now when left out), if nothing is bought until then.

    The same rules as `decide`, asked for another moment: so what was rehearsed is what happens.
    """
    wanted = position.served if served is None else served
    then = replace(position, served=wanted, capacity=capacity(position.verified, position.packages, at, policy))
    found: list[Remedy] = []
    again = renewal(position.packages, wanted, now, position.tiers, policy, zone)
    if again.opens_at is not None and again.closes_at is not None and again.closes_at <= at and again.tiers:
        found.append(Renew(again.tiers, again.opens_at, again.closes_at))
    if wanted >= then.capacity:
        found.extend(remedies(then, wanted + 1 if wanted == then.capacity else wanted, at, policy))
    decisions = {action: decide(action, then, at, policy) for action in actions}
    return Rehearsal(at, then, decisions, tuple(found))


@dataclass(frozen=True, slots=True)
class Lapse:
    """The next loss of capacity by time alone: when, what remains, the state then, and what would help."""

    at: datetime
    capacity: int
    state: State
    remedies: tuple[Remedy, ...]


def lapse(position: Position, now: datetime, policy: Policy, zone: tzinfo) -> Lapse | None:
    """What the next expiry will bring at today's number served (Q7); None when no capacity will be lost."""
    window = capacity_window(position.verified, position.packages, now, policy)
    while window.until is not None:
        following = capacity_window(position.verified, position.packages, window.until, policy)
        if following.capacity < window.capacity:
            break
        window = following
    else:
        return None
    at, left = window.until, following.capacity
    found: list[Remedy] = []
    again = renewal(position.packages, position.served, now, position.tiers, policy, zone)
    if again.closes_at == at and again.opens_at is not None and again.tiers:
        found.append(Renew(again.tiers, again.opens_at, at))
    if left < position.served:
        found.append(Archive(position.served - left))
    return Lapse(at.astimezone(UTC), left, state(position.served, left), tuple(found))
