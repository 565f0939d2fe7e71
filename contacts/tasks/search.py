"""The nightly look at what contacts are found by."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import search_entries
from jobs.registry import daily, job
from jobs.runner import JobContext


@job("contacts.index", label=_("Search index"), window=daily)
def index(context: JobContext) -> dict[str, Any]:
    """Make the entries that are missing, or of other texts or rules than today's (C11). Result: contacts, renewed."""
    return search_entries.index_all(context)
