"""Trying again: when, how often, and when not (pure)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# After the first try, the second, …: three days in all, as receivers of Standard Webhooks expect.
BACK_OFF = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES = len(BACK_OFF) + 1
# How much longer a wait may be at random, so that what failed together does not come again together.
JITTER = 0.2
LONGEST_WISH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `error` is a code (see `ERRORS` in the console), empty when it arrived.

    `final`: trying again cannot help. `gone`: the receiver wants nothing any more. `wait`: it asked for that much time.
    """

    error: str = ""
    status: int | None = None
    answer: str = ""
    milliseconds: int = 0
    final: bool = False
    gone: bool = False
    wait: timedelta | None = None

    @property
    def arrived(self) -> bool:
        return not self.error


def next_try(outcome: Outcome, tries: int, now: datetime, share: float) -> datetime | None:
    """When to try again after `tries` tries; None when it arrived or is given up. `share` (0 to 1) of the jitter."""
    if outcome.arrived or outcome.final or outcome.gone or tries >= MOST_TRIES:
        return None
    wait = BACK_OFF[tries - 1] * (1 + JITTER * share)
    if outcome.wait is not None:
        wait = max(wait, min(outcome.wait, LONGEST_WISH))
    return now + wait


def of_status(status: int, *, wait: timedelta | None = None) -> Outcome:
    """What the status of an answer means: 2xx arrived, 410 gone for good, anything else may be better next time.

    A redirect is never followed: who chose the address has to write the new one down.
    """
    if 200 <= status < 300:
        return Outcome(status=status)
    if status == 410:
        return Outcome("gone", status, gone=True)
    if 300 <= status < 400:
        return Outcome("redirect", status)
    return Outcome("refused", status, wait=wait)
