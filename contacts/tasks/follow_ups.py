"""Reminders of follow-ups, and the files that nobody knows any more."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import attachments, follow_ups
from jobs.registry import daily, job, minutely
from jobs.runner import JobContext


@job("contacts.remind", label=_("Reminders of follow-ups"), window=minutely, waiting="enterprises_with_reminders")
def remind(context: JobContext) -> dict[str, Any]:
    """Tell members whose follow-ups are due, each once (C14). Result: reminded."""
    while True:
        with context.step():
            reminded = follow_ups.remind(context.actor, now=clock.now())
            context.done += reminded
        if reminded < follow_ups.BATCH:
            return {"reminded": context.done}


@job("contacts.sweep_files", label=_("Delete files of follow-ups that are gone"), window=daily)
def sweep_files(context: JobContext) -> dict[str, Any]:
    """Delete attachments without a row. Result: files."""
    with context.step():
        context.done = attachments.sweep()
    return {"files": context.done}
