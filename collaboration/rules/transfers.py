"""The decisions about hand-over (O6, O7, O8): who gets how many, and who may not be handed over yet."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import Policy

# What WeCom takes in one call.
BATCH = 100

# The codes: hand over what others have, inherit, decide for all; and hand over the contacts that one owns or manages.
OF_OTHERS = "contacts.assign"
OF_ONES_OWN = "contacts.hand_over"


class Kind(Choice):
    """Why contacts change hands. `RESIGNED`: at once, and it takes no place; `ON_JOB`: the contact may decline."""

    RESIGNED = "resigned", _("After leaving")
    ON_JOB = "on_job", _("On the job")


class State(Choice):
    """How far the hand-over of one contact or group is (O8)."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Declined")
    TAKER_FULL = "taker_full", _("Taker full")
    FAILED = "failed", _("Failed")


class Reason(Choice):
    """Why a contact or group was not handed over."""

    NOT_ALLOWED = "not_allowed", _("Only the owner and admins may hand it over.")
    NO_OWNER = "no_owner", _("It has no owner who could hand it over. Change the owner instead.")
    OWNER_LEFT = "owner_left", _("Its owner has left. It waits among what is to be assigned.")
    SAME_OWNER = "same_owner", _("It is the taker's already.")
    IN_TRANSFER = "in_transfer", _("It is being handed over already.")
    TOO_OFTEN = "too_often", _("It was handed over too often lately.")
    NOT_THEIRS = "not_theirs", _("It is not this member's any more.")
    NOT_FOUND = "not_found", _("There is no such contact.")
    TAKER_GONE = "taker_gone", _("The taker is not an active member any more.")
    TAKER_FULL = "taker_full", _("The taker has as many customers as a member may have.")
    DECLINED = "declined", _("The contact declined.")
    CANCELLED = "cancelled", _("The hand-over was cancelled.")
    PLATFORM = "platform", _("WeCom refused it.")


class Split(Choice):
    """How contacts are spread over several takers."""

    EVEN = "even", _("Evenly")
    ROOM = "room", _("By free room")


def due_at(kind: Kind, now: datetime, policy: Policy) -> datetime:
    """When a hand-over that starts now is over unless the contact declines (O7)."""
    return now + timedelta(hours=policy.transfer_wait_hours) if kind is Kind.ON_JOB else now


def blocked_until(days: Sequence[date], today: date, policy: Policy) -> date | None:
    """The day from which a contact handed over on these days may be handed over again; None when it may today (O7)."""
    if len(days) < policy.transfer_limit:
        return None
    free = sorted(days, reverse=True)[policy.transfer_limit - 1] + timedelta(days=policy.transfer_days)
    return free if free > today else None


def shares(count: int, rooms: Sequence[int], split: Split) -> list[int]:
    """How many of `count` contacts each taker gets, none more than their free room.

    Evenly: the numbers differ by one at most, but for takers whose room ends sooner. By room: in proportion to it.
    What fits nobody is in no share.
    """
    rooms = [max(0, room) for room in rooms]
    count = min(count, sum(rooms))
    if split is Split.ROOM and count:
        whole = sum(rooms)
        given = [count * room // whole for room in rooms]
        by_remainder = sorted(range(len(rooms)), key=lambda one: (-(count * rooms[one] % whole), one))
        for one in by_remainder[: count - sum(given)]:
            given[one] += 1
        return given
    given = [0] * len(rooms)
    left = count
    while left:
        open_ = [one for one, room in enumerate(rooms) if given[one] < room]
        each = max(1, left // len(open_))
        for one in open_:
            more = min(each, rooms[one] - given[one], left)
            given[one] += more
            left -= more
    return given
