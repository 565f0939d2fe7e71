"""The one source of time. Nothing else in the product asks the system for the time of day."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime

_moment: ContextVar[datetime | None] = ContextVar("clock_moment", default=None)


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return _moment.get() or real()


def real() -> datetime:
    """The machine's own time, whatever `at` says: for leases and time-outs only."""
    return datetime.now(UTC)


def in_calendar(day: date) -> bool:
    """Can days and time zones be reckoned with from there? Not at the ends of what a date can hold."""
    return 1900 <= day.year <= 9000


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let it be `moment` (aware) inside the block: for tests and `run_job --now`."""
    if moment.tzinfo is None:
        raise ValueError("The clock takes aware datetimes only.")
    token = _moment.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _moment.reset(token)
