"""The job of exports."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import exports
from jobs.registry import job, needs
from jobs.runner import JobContext


# A file of somebody else may hold phone numbers in full.
@job(
    exports.JOB,
    label=_("Export contacts"),
    permission="contacts.export",
    guard=needs("contacts.export", of_others="contacts.phones"),
)
def export_contacts(context: JobContext) -> dict[str, Any]:
    """Write a filtered list into a file (C12)."""
    return exports.write_export(context)
