"""The jobs of reports as files."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import report_exports
from jobs.registry import job, needs
from jobs.runner import JobContext


@job(report_exports.LOSSES, label=_("Export losses"), guard=needs("contacts.export"))
def export_losses(context: JobContext) -> dict[str, Any]:
    """Write the losses of a time into a file (C4). Result: rows."""
    return report_exports.write_losses(context)


@job(report_exports.TAGS, label=_("Export the use of tags"), guard=needs("tags.manage"))
def export_tags(context: JobContext) -> dict[str, Any]:
    """Write how much each tag is worn into a file (C13). Result: rows."""
    return report_exports.write_tags(context)
