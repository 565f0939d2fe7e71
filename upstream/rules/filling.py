"""When is it full? By how many joined in the last weeks (U1, U8)."""

from datetime import date, timedelta

WEEKS = 4
HORIZON = 5 * 365  # days; beyond it is not worth telling


def full_on(*, used: int, limit: int, joined: int, today: date) -> date | None:
    """The day on which the last place is taken if as many come as in the last four weeks (`joined`).

    What is full already is full today; None: not in sight.
    """
    if used >= limit:
        return today
    if joined <= 0:
        return None
    days = -(-(limit - used) * WEEKS * 7 // joined)
    return today + timedelta(days=days) if days <= HORIZON else None
