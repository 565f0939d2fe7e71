"""The nightly forecast (Q15): history brought up to date, growth reckoned, the result kept in one row."""

from typing import Any

from common import clock
from enterprises.models import Enterprise
from enterprises.services import policy, zone
from quota import rules
from quota.models import Campaign, HistoryDay
from quota.services.history import lock_forecast


def refresh_forecast(enterprise: Enterprise) -> dict[str, Any]:
    """Reckon the forecast anew from the history that is kept; returns what the job tells of it.

    With too few data the row says so and holds no numbers. Run late it is a forecast from today on; run twice it
    gives the same.
    """
    forecast = lock_forecast()
    numbers = policy()
    days = list(HistoryDay.objects.order_by("day").values_list("day", "arrived", "lost"))
    while days and not days[0][1]:
        days.pop(0)  # before the first contact there is nothing to learn from
    arrived = [came for _day, came, _left in days]
    forecast.computed_at = clock.now()
    forecast.as_of = forecast.computed_at.astimezone(zone(enterprise)).date()
    if not rules.enough(arrived, numbers):
        forecast.gain, forecast.low, forecast.high = [], [], []
        forecast.facts = {"days": len(arrived), "arrivals": sum(arrived)}
    else:
        campaigns = list(Campaign.objects.filter(ends_on__gte=days[0][0]).order_by("starts_on", "id"))
        from quota.forecasting import project  # a second of imports that only this job needs

        found = project(
            arrived,
            [left for _day, _came, left in days],
            days=numbers.forecast_days,
            confidence=numbers.forecast_confidence,
            first_weekday=days[0][0].weekday(),
            campaigns=[((one.starts_on - days[0][0]).days, (one.ends_on - days[0][0]).days) for one in campaigns],
        )
        found.facts["lifts"] = dict(zip([str(one.pk) for one in campaigns], found.facts["lifts"], strict=True))
        forecast.gain, forecast.low, forecast.high, forecast.facts = found.gain, found.low, found.high, found.facts
    forecast.save(update_fields=["as_of", "computed_at", "gain", "low", "high", "facts"])
    return {"as_of": str(forecast.as_of), "days": len(arrived), "enough": bool(forecast.gain)}
