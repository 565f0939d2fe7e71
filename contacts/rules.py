"""The decisions about contacts (C2, C6, C7, C9, C10): pure functions and values; time is an argument.

Set-based SQL that tags or grades a whole enterprise must give what these functions give; its tests compare.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import CustomerKind, Policy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


# --- Status ----------------------------------------------------------------------------------------------


class Status(Choice):
    """Active contacts are served; archived and lost ones are not (C2, Q2)."""

    ACTIVE = "active", _("Active")
    ARCHIVED = "archived", _("Archived")
    LOST = "lost", _("Lost")


# To which statuses a contact may come. None before: a new one; None after: deleted for good.
_TRANSITIONS: dict[Status | None, frozenset[Status | None]] = {
    None: frozenset({Status.ACTIVE}),
    Status.ACTIVE: frozenset({Status.ARCHIVED, Status.LOST, None}),
    Status.ARCHIVED: frozenset({Status.ACTIVE, Status.LOST, None}),
    Status.LOST: frozenset({Status.ACTIVE, None}),  # back when somebody adds the person again
}


def may_become(before: Status | None, after: Status | None) -> bool:
    """Is this change of status a step that exists (C2)? Staying the same is not a change."""
    return after in _TRANSITIONS[before]


def places(before: Status | None, after: Status | None) -> int:
    """What a change of status does to the number served: +1, 0 or -1 (Q1, Q14). +1 needs admission (C5)."""
    return (after is Status.ACTIVE) - (before is Status.ACTIVE)


# --- Phone numbers ---------------------------------------------------------------------------------------

# The SQL of `masked_phone`, of a text called {}.
MASKED_PHONE = (
    "CASE WHEN length({0}) >= 11 THEN left({0}, 3) || '****' || right({0}, 4) ELSE '****' || right({0}, 2) END"
)


def masked_phone(phone: str) -> str:
    """What those see of a number who may not see phone numbers: enough to tell two apart, too little to call."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else f"****{phone[-2:]}"


# --- Interactions ----------------------------------------------------------------------------------------


class Side(Choice):
    """Who acted in an interaction (C6)."""

    CUSTOMER = "customer", _("Customer")
    MEMBER = "member", _("Member")
    SYSTEM = "system", _("System")


class Kind(Choice):
    """What stands on a contact's timeline (C6), each with the side it comes from."""

    side: Side

    def __new__(cls, value: str, label: "str | StrPromise" = "", side: Side = Side.SYSTEM) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.side = side
        return member

    MESSAGE_IN = CustomerKind.MESSAGE_IN.value, CustomerKind.MESSAGE_IN.label, Side.CUSTOMER
    GROUP_MESSAGE = CustomerKind.GROUP_MESSAGE.value, CustomerKind.GROUP_MESSAGE.label, Side.CUSTOMER
    MATERIAL_CLICK = CustomerKind.MATERIAL_CLICK.value, CustomerKind.MATERIAL_CLICK.label, Side.CUSTOMER
    PURCHASE = CustomerKind.PURCHASE.value, CustomerKind.PURCHASE.label, Side.CUSTOMER
    REFUND = CustomerKind.REFUND.value, CustomerKind.REFUND.label, Side.CUSTOMER
    MESSAGE_OUT = "message_out", _("Message sent"), Side.MEMBER
    FOLLOW_UP = "follow_up", _("Follow-up"), Side.MEMBER
    CALL = "call", _("Call"), Side.MEMBER
    ADDED = "added", _("Added by a member"), Side.SYSTEM
    UNFOLLOWED = "unfollowed", _("Relation to a member ended"), Side.SYSTEM
    JOINED_GROUP = "joined_group", _("Joined a group"), Side.SYSTEM
    LEFT_GROUP = "left_group", _("Left a group"), Side.SYSTEM
    ARCHIVED = "archived", _("Archived"), Side.SYSTEM
    RESTORED = "restored", _("Restored"), Side.SYSTEM
    LOST = "lost", _("Lost"), Side.SYSTEM
    RETURNED = "returned", _("Came back"), Side.SYSTEM
    OWNER_CHANGED = "owner_changed", _("Owner changed"), Side.SYSTEM
    HANDED_OVER = "handed_over", _("Handed over"), Side.SYSTEM
    GRADE_CHANGED = "grade_changed", _("Value grade changed"), Side.SYSTEM
    MERGED = "merged", _("Merged with another contact"), Side.SYSTEM
    UNMERGED = "unmerged", _("Merge taken back"), Side.SYSTEM
    COLLABORATOR_JOINED = "collaborator_joined", _("Collaborator joined"), Side.SYSTEM
    COLLABORATOR_LEFT = "collaborator_left", _("Collaborator left"), Side.SYSTEM


def is_customer_side(kind: str) -> bool:
    """Does this kind come from the contact? Raises ValueError for an unknown kind."""
    return Kind(kind).side is Side.CUSTOMER


def is_sign_of_life(kind: str, policy: Policy) -> bool:
    """Does this kind end a contact's silence by the enterprise's policy (C7)?"""
    return kind in policy.inactive_kinds


# --- Tags ------------------------------------------------------------------------------------------------

# Limits of WeCom itself (reference of corporate tags), not of an enterprise's policy.
MOST_TAGS = 10_000
MOST_TAGS_OF_A_FOLLOW = 3_000

# The system's own tag, set every night by silence (C7): nobody makes or puts on one that looks like it.
SYSTEM_TAG = "低效"
_RESERVED = frozenset({SYSTEM_TAG, "inactive"})


def is_reserved_tag(name: str) -> bool:
    """Is this, as people see it, the name of a tag that only the system sets?"""
    return seen(unicodedata.normalize("NFKC", name)).strip().casefold() in _RESERVED


def seen(text: str) -> str:
    """The text without what nobody sees: direction marks, joiners, zero-width spaces."""
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


class TagColour(Choice):
    """The colour of a group of tags."""

    GREY = "secondary", _("Grey")
    BLUE = "blue", _("Blue")
    CYAN = "cyan", _("Cyan")
    GREEN = "green", _("Green")
    YELLOW = "yellow", _("Yellow")
    ORANGE = "orange", _("Orange")
    RED = "red", _("Red")
    PURPLE = "purple", _("Purple")


class TagEffect(Choice):
    """What a rule does with its tag (C13)."""

    TAG = "tag", _("Put the tag on")
    UNTAG = "untag", _("Take the tag off")
    KEEP = "keep", _("Put the tag on, and off again when the conditions end")


def opposed(one: str, other: str) -> bool:
    """Do two effects want opposite things of the same tag?"""
    return (one == TagEffect.UNTAG) != (other == TagEffect.UNTAG)


TAG_QUESTIONS = ("tag_any", "tag_all", "tag_none")


def asked_tags(conditions: Mapping[str, Any]) -> set[str]:
    """The ids of the tags that a filter names."""
    return {tag for question in TAG_QUESTIONS for tag in conditions.get(question, ())}


def asking_another_tag(conditions: Mapping[str, Any], tag: str, into: str) -> dict[str, Any]:
    """The filter with the id of one tag in the place of another's."""
    swapped = {
        question: list(dict.fromkeys(into if one == tag else one for one in conditions[question]))
        for question in TAG_QUESTIONS
        if question in conditions
    }
    return {**conditions, **swapped}


# --- Follow-ups ------------------------------------------------------------------------------------------


class FollowUpKind(Choice):
    """How a member turned to a contact (C14)."""

    NOTE = "note", _("Note")
    CALL = "call", _("Phone call")
    MESSAGE = "message", _("Message")
    VISIT = "visit", _("Visit")
    MEETING = "meeting", _("Meeting")
    OFFER = "offer", _("Offer")
    SERVICE = "service", _("After-sales")


class Plan(Choice):
    """Where the next date of a follow-up lies."""

    OVERDUE = "overdue", _("Overdue")
    TODAY = "today", _("Today")
    COMING = "coming", _("Coming")


def plan(next_at: datetime, now: datetime, zone: tzinfo) -> Plan:
    """Before `now`: overdue; until the end of the enterprise's day: today."""
    if next_at < now:
        return Plan.OVERDUE
    return Plan.TODAY if next_at < tomorrow(now, zone) else Plan.COMING


def tomorrow(now: datetime, zone: tzinfo) -> datetime:
    """The enterprise's next midnight."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)


# --- Silence ---------------------------------------------------------------------------------------------


def silent_since(now: datetime, policy: Policy) -> datetime:
    """The latest last sign of life, and the latest addition, of a contact that is inactive at `now`."""
    return now - timedelta(days=policy.inactive_days)


def inactive(added_at: datetime, last_customer_at: datetime | None, now: datetime, policy: Policy) -> bool:
    """Is the contact inactive (低效): known for the whole period, and silent in it (C7)?

    `last_customer_at`: the last interaction of a kind that counts, None when there was none.
    Exactly 180 days ago is silent.
    """
    since = silent_since(now, policy)
    return added_at <= since and (last_customer_at is None or last_customer_at <= since)


class Risk(Choice):
    """Why somebody may be lost soon (C4), each by a rule over the contact's own times."""

    SILENT_SOON = "silent_soon", _("Inactive soon")
    BUYER_QUIET = "buyer_quiet", _("Frequent buyers gone quiet")
    VALUED_ALONE = "valued_alone", _("Valuable ones left alone")


def risks(
    added_at: datetime,
    last_customer_at: datetime | None,
    last_contact_at: datetime,
    grade: "Grade",
    activity: "Activity",
    now: datetime,
    policy: Policy,
) -> set[Risk]:
    """The warnings about a served contact that is not inactive yet. The thresholds are policy."""
    quiet = now - max(added_at, last_customer_at or added_at)
    found = set()
    if quiet >= timedelta(days=policy.inactive_days - policy.silence_warning_days):
        found.add(Risk.SILENT_SOON)
    if activity == Activity.FREQUENT and quiet >= timedelta(days=policy.buyer_warning_days):
        found.add(Risk.BUYER_QUIET)
    if grade != Grade.LOW and now - last_contact_at >= timedelta(days=policy.valued_warning_days):
        found.add(Risk.VALUED_ALONE)
    return found


# --- Value and activity ----------------------------------------------------------------------------------


class Grade(Choice):
    """Value by spending (C9)."""

    HIGH = "high", _("High value")
    MIDDLE = "middle", _("Middle value")
    LOW = "low", _("Low value")


class Relation(Choice):
    """How somebody who is served is known (Q1)."""

    FRIEND = "friend", _("Friends of members")
    GROUP_ONLY = "group_only", _("Only in groups")


class GradeSource(Choice):
    """Whether a grade follows from spending or was set by a person and stays (C9)."""

    AUTO = "auto", _("By spending")
    MANUAL = "manual", _("Set by hand")


class Activity(Choice):
    """Activity segment (C10)."""

    FREQUENT = "frequent", _("Frequent buyer")
    OCCASIONAL = "occasional", _("Occasional enquirer")
    NEVER = "never", _("Never interacted")


def spend_since(now: datetime, policy: Policy) -> datetime:
    """Start, inclusive, of the window whose purchases count for grade and activity."""
    return now - timedelta(days=policy.spend_window_days)


def grade(spend: Decimal, policy: Policy) -> Grade:
    """Value grade by `spend`, the CNY paid in the window; refunds are negative and may make it so (C9)."""
    if spend >= policy.grade_high:
        return Grade.HIGH
    return Grade.MIDDLE if spend >= policy.grade_middle else Grade.LOW


def activity(purchases: int, interacted: bool, policy: Policy) -> Activity:
    """Activity segment (C10): `purchases` (not refunds) in the spending window; `interacted`: did anything
    ever come from the contact's side?"""
    if purchases >= policy.frequent_purchases:
        return Activity.FREQUENT
    return Activity.OCCASIONAL if interacted or purchases else Activity.NEVER


# --- Who may do what --------------------------------------------------------------------------------------


class Level(Choice):
    """What somebody is to a contact (O1, O2, O4). One may be several things at once: what each gives adds up."""

    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")
    FOLLOWER = "follower", _("Friend")


GRANTED = (Level.VIEWER, Level.EDITOR)  # to collaborators, from less to more

_ALL = frozenset(Level)
_WRITERS = _ALL - {Level.VIEWER}
_FRIENDS = frozenset({Level.ADMIN, Level.OWNER, Level.FOLLOWER})
_CORE = frozenset({Level.ADMIN, Level.OWNER})


class Right(Choice):
    """What can be done with one contact: the table of actions and fields by level (O1, O2).

    A person needs both: a role with `code`, and one of the `levels` at this very contact. `fields`: what of the
    contact's document the right is about; a change of any of them needs it. Core information (tags, grade, owner,
    archive, delete) stays with owner and admins; tags of one's own follow are one's own (C13).
    """

    code: str
    levels: frozenset[Level]
    fields: tuple[str, ...]

    def __new__(
        cls,
        value: str,
        label: "str | StrPromise" = "",
        code: str = "",
        levels: frozenset[Level] = frozenset(),
        fields: tuple[str, ...] = (),
    ) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.code = code
        member.levels = levels
        member.fields = fields
        return member

    SEE = "see", _("See the profile and everything that belongs to it"), "contacts.view", _ALL
    FOLLOW_UP = "follow_up", _("Write follow-ups, record interactions"), "contacts.edit", _WRITERS
    REMARK = "remark", _("Remark and description"), "contacts.edit", _WRITERS, ("remark", "description")
    PURCHASE = "purchase", _("Record purchases"), "contacts.edit", _FRIENDS
    TAG = "tag", _("Tags (friends: those of their own relation)"), "contacts.tag", _FRIENDS, ("tags",)
    DETAILS = (
        "details",
        _("Name, kind, company, phones"),
        "contacts.edit",
        _CORE,
        ("name", "kind", "company", "phones"),
    )
    GRADE = "grade", _("Override the value grade"), "contacts.grade", _CORE, ("grade", "grade_source")
    ASSIGN = "assign", _("Change the owner"), "contacts.assign", _CORE, ("owner",)
    HAND_OVER = "hand_over", _("Hand over to a colleague (they may decline)"), "contacts.hand_over", _CORE
    SHARE = "share", _("Invite and remove collaborators"), "contacts.share", _CORE, ("collaborators",)
    ARCHIVE = "archive", _("Archive and restore"), "contacts.archive", _CORE, ("status", "archived_at")
    DELETE = "delete", _("Delete for good"), "contacts.delete", _CORE
    MERGE = "merge", _("Merge with another contact"), "contacts.merge", _CORE

    def given_by(self, levels: frozenset[Level]) -> bool:
        """Is one of these levels enough?"""
        return not self.levels.isdisjoint(levels)


RIGHT_OF = {field: right for right in Right for field in right.fields}
