"""Clean-up rounds whose time is over."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import cleanups
from jobs.registry import job, minutely
from jobs.runner import JobContext


@job("contacts.clean_up", label=_("Clean-up rounds"), window=minutely, waiting="enterprises_with_clean_ups")
def clean_up(context: JobContext) -> dict[str, Any]:
    """Start archiving what was announced (C8). Result: archived, cancelled (rounds)."""
    with context.step():
        result = cleanups.carry_out(context.actor, now=clock.now())
        context.done = sum(result.values())
    return result
