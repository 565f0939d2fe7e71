"""What may be given to collaborators (O2, O3): pure functions and values; time is an argument."""

from dataclasses import dataclass
from datetime import datetime

from contacts.rules import GRANTED, Level


@dataclass(frozen=True)
class Terms:
    """What somebody may give: levels up to `highest`, to `most` collaborators of one contact.

    `asks`: the invited have to accept; without it they are in at once.
    """

    highest: Level
    most: int
    asks: bool

    def gives(self, level: Level) -> bool:
        """Is this level within what may be given? Nobody is ever made owner or admin by an invitation."""
        return level in GRANTED and GRANTED.index(level) <= GRANTED.index(self.highest)

    def room(self, present: int) -> bool:
        """Is there room for one more beside `present` collaborators and open invitations?"""
        return present < self.most

    @property
    def levels(self) -> tuple[Level, ...]:
        """What may be given, from less to more."""
        return tuple(level for level in GRANTED if self.gives(level))


# The system gives what it is told to.
UNBOUND = Terms(highest=Level.EDITOR, most=1_000_000, asks=False)


def higher(one: tuple[Level, datetime | None], other: tuple[Level, datetime | None]) -> bool:
    """Does the first (level, term) give more than the other? The level decides; of two alike the longer term."""
    (level, until), (other_level, other_until) = one, other
    if level != other_level:
        return GRANTED.index(level) > GRANTED.index(other_level)
    return other_until is not None and (until is None or until > other_until)


def in_force(expires_at: datetime | None, now: datetime) -> bool:
    """Does a grant count at `now`? At the very moment of its expiry it no longer does."""
    return expires_at is None or expires_at > now
