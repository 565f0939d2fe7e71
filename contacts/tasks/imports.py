"""The job of imports."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services.imports.start import JOB
from contacts.services.imports.work import Import, forget
from jobs import registry
from jobs.runner import JobContext


@registry.job(JOB, label=_("Import a file"), guard=registry.needs("contacts.import"))
def import_file(context: JobContext) -> dict[str, Any]:
    """Read the uploaded file and write what it says (C12)."""
    return Import(context).run()


registry.WITH_FILES.append(forget)
