"""Jobs of the scale."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise
from jobs.registry import daily, hourly, job
from jobs.runner import JobContext
from jobs.tasks import enterprise_task
from quota import services


@job("quota.expire", label=_("Record expired packages"), window=hourly)
def expire(context: JobContext) -> dict[str, Any]:
    """Capacity fell at the very second (Q7); this records it and tells the admins."""
    with context.step():
        ended = services.record_expiry(context.actor)
    return {"expired": [str(package.pk) for package in ended]}


@job("quota.verify", label=_("Compare ledger, counter and contacts"), window=daily)
def verify(context: JobContext) -> dict[str, Any]:
    """Ledger sum = counter = counted contacts, always (Q14)."""
    with context.step():
        return services.verify_and_report(context.enterprise)


@job("quota.notify", label=_("Alert about the scale"), window=hourly)
def notify(context: JobContext) -> dict[str, Any]:
    """Thresholds and days before expiry, each told once (Q13); finds what `watch` missed."""
    with context.step():
        return services.review(context.enterprise)


@enterprise_task("quota.watch")
def watch(enterprise: Enterprise) -> None:
    """Look at the alerts at once: the number served left the band in which nothing begins or ends."""
    services.review(enterprise)


@job("quota.forecast", label=_("History and forecast of the scale"), window=daily)
def forecast(context: JobContext) -> dict[str, Any]:
    """Write down yesterday, or whatever is missing, and reckon from it what will come (Q15)."""
    with context.step():
        made = services.keep_history(context.enterprise)
    with context.step():
        return {"history": made, **services.refresh_forecast(context.enterprise)}
