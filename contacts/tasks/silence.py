"""The nightly tagging of silent contacts."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from contacts.services import silence
from enterprises import audit
from jobs.registry import daily, job
from jobs.runner import JobContext


@job("contacts.tag_inactive", label=_("Tag silent contacts"), window=daily)
def tag_inactive(context: JobContext) -> dict[str, Any]:
    """Set and remove the tag (C7). Result: tagged, untagged (both in this run), inactive (all)."""
    with context.step():
        changed = silence.tag_inactive(clock.now())
        inactive = silence.inactive_count()
        result = {"tagged": changed.tagged, "untagged": changed.untagged, "inactive": inactive}
        context.done = context.total = changed.tagged + changed.untagged
        if context.done:
            audit.record(context.actor, "contacts.silence_tagged", subject_type="contact", after=result)
    return result
