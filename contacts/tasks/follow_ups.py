"""Reminders of follow-ups, and the files that nobody knows any more."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import attachments, follow_ups, merges
from jobs.registry import daily, job, minutely
from jobs.runner import JobContext

ROWS = 20_000


@job("contacts.remind", label=_("Reminders of follow-ups"), window=minutely, waiting="enterprises_with_reminders")
def remind(context: JobContext) -> dict[str, Any]:
    """Tell members whose follow-ups are due, each once (C14). Result: reminded."""
    while True:
        with context.step():
            reminded = follow_ups.remind(context.actor, now=clock.now())
            context.done += reminded
        if reminded < follow_ups.BATCH:
            return {"reminded": context.done}


@job("contacts.sweep_files", label=_("Delete files and lists that nobody needs"), window=daily)
def sweep_files(context: JobContext) -> dict[str, Any]:
    """Delete attachments without a row, and what merges wrote down for an undo that is over. Result: files, rows."""
    with context.step():
        files = attachments.sweep()
        context.done = files
    while True:
        with context.step():
            gone = merges.forget(clock.now(), most=ROWS)
            context.done += gone
        if gone < ROWS:
            return {"files": files, "rows": context.done - files}
