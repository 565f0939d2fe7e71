"""The jobs of the two numbers (Q2)."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import platform
from jobs.registry import daily, job, needs
from jobs.runner import JobContext


@job(platform.COMPARE, label=_("Compare WeCom's list with ours"), window=daily)
def compare(context: JobContext) -> dict[str, Any]:
    """Keep what differs, by cause."""
    with context.step():
        found = platform.compare(context.actor)
    return {"listed": found.listed, "served": found.served, **found.causes}


@job(platform.EXPORT, label=_("List what is to be released"), guard=needs("contacts.export"))
def release_list(context: JobContext) -> dict[str, Any]:
    """A file for the members: whom to delete in WeCom."""
    return platform.write_release_list(context)
