"""The retailer's sales: the forecast has learned from two and expects the next (Q15)."""

from datetime import date, datetime, timedelta

from enterprises.services import zone
from quota.services import add_campaign
from scrm.demo.stage import Stage


def end(stage: Stage, *, now: datetime) -> None:
    """The two great sales of the last year and the next one are written down, and the forecast follows."""
    with stage.scene(now - timedelta(minutes=30)) as actor:
        for name, first, last in sales(now.astimezone(zone(stage.enterprise)).date()):
            add_campaign(actor, name=name, starts_on=first, ends_on=last)
    stage.catch_up(now, "quota.forecast")


def sales(today: date) -> list[tuple[str, date, date]]:
    """Name, first and last day."""
    days = [
        (name, date(year, month, first), date(year, month, last))
        for year in (today.year - 1, today.year, today.year + 1)
        for name, month, first, last in (("618 年中大促", 6, 12, 18), ("双十一", 11, 5, 11))
    ]
    past = [one for one in days if one[2] < today - timedelta(days=14)]
    ahead = [one for one in days if one[1] > today]
    return [*past[-2:], ahead[0]]
