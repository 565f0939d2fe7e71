"""Warnings before losses."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import loss_notices
from jobs.registry import daily, job
from jobs.runner import JobContext


@job("contacts.warn_silence", label=_("Warn of contacts about to fall silent"), window=daily)
def warn_silence(context: JobContext) -> dict[str, Any]:
    """Tell owners who is about to fall silent, once a week each (C4). Result: owners."""
    with context.step():
        context.done = loss_notices.warn(context.actor, now=clock.now())
    return {"owners": context.done}
