"""The one source of time. Nothing else in the product asks the system for the time of day."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_moment: ContextVar[datetime | None] = ContextVar("clock_moment", default=None)


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return _moment.get() or real()


def real() -> datetime:
    """The machine's own time, whatever `at` says: for leases and time-outs only."""
    return datetime.now(UTC)


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
