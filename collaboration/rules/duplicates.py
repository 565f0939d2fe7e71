"""The decisions of the duplicate radar (O9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from enterprises.policy import Policy


class State(Choice):
    """Has somebody decided whose it is?"""

    OPEN = "open", _("To be settled")
    SETTLED = "settled", _("Settled")


class Others(Choice):
    """What becomes of the other members' friendships."""

    KEEP = "keep", _("They stay friends")
    END = "end", _("Their relations end")


class By(Choice):
    """Whose a contact becomes when many are settled by one rule."""

    SUGGESTED = "suggested", _("As suggested")
    FIRST = "first", _("Who came first")
    LAST = "last", _("Who was in touch last")


@dataclass(frozen=True)
class Follower:
    """A member who follows the contact: since when, and when they were in touch last."""

    member: UUID
    since: datetime
    last_at: datetime | None = None


def suggested(followers: Sequence[Follower], owner: UUID | None, now: datetime, policy: Policy) -> UUID:
    """Whose the contact should be: who was in touch last, if that is not long ago; else the owner, if they follow it;
    else who came first."""
    recent = now - timedelta(days=policy.radar_days)
    fresh = [one for one in followers if one.last_at is not None and one.last_at >= recent]
    if fresh:
        return max(fresh, key=lambda one: (one.last_at, -one.since.timestamp(), one.member)).member
    if owner in {one.member for one in followers}:
        assert owner is not None
        return owner
    return min(followers, key=lambda one: (one.since, one.member)).member
