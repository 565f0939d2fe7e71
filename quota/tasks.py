"""Jobs of the scale."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from jobs.registry import daily, hourly, job
from jobs.runner import JobContext
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
