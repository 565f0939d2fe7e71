"""Telling of collaborations that end."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from collaboration.services import expiry
from jobs.registry import hourly, job
from jobs.runner import JobContext


@job("collaboration.expire_grants", label=_("Collaborations that end"), window=hourly)
def expire_grants(context: JobContext) -> dict[str, Any]:
    """Tell and clear away; nothing depends on it (O2). Result: expired, lapsed (invitations), ending soon."""
    with context.step():
        soon, lapsed = expiry.warn(), expiry.clear_lapsed()
    found = expiry.BATCH
    while found == expiry.BATCH:
        with context.step():
            found = expiry.clear_expired(context.actor)
            context.done += found
    return {"expired": context.done, "lapsed": lapsed, "ending": soon}
