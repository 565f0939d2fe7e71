"""The job of exports."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import exports
from jobs.registry import job
from jobs.runner import JobContext


@job(exports.JOB, label=_("Export contacts"))
def export_contacts(context: JobContext) -> dict[str, Any]:
    """Write a filtered list into a file (C12)."""
    return exports.write_export(context)
