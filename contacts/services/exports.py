"""Exports of contact lists (C12): any filter, CSV or XLSX, with memory that does not grow."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common import clock
from common.errors import Invalid
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.files.writers import WRITERS, open_writer
from contacts.filters import ContactFilter
from contacts.models import Contact
from contacts.rules import Activity, Grade, Status
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext

JOB = "contacts.export"
CHUNK = 2000
COLUMNS = (
    "external_userid",
    "name",
    "remark",
    "kind",
    "company",
    "phones",
    "status",
    "owner_id",
    "grade",
    "spend_365d",
    "activity",
    "inactive",
    "added_at",
    "last_contact_at",
    "last_customer_at",
)


def start_export(actor: Actor, *, filter: Mapping[str, Any], format: str = "csv") -> JobRun:
    """Queue the export of what the actor sees through a filter; the file is the job's report."""
    actor.require("contacts.export")
    if format not in WRITERS:
        raise Invalid({"format": [gettext_lazy("Choose csv or xlsx.")]})
    asked = ContactFilter.from_params(filter, actor)
    return jobs.enqueue(actor, name=JOB, params={"filter": asked.params, "format": format})


def write_export(context: JobContext) -> dict[str, Any]:
    """The job: one snapshot of the list, streamed into the file."""
    extension = context.params["format"]
    day = clock.now().astimezone(zone(context.enterprise))
    name = _("contacts") + f"-{day:%Y%m%d-%H%M}.{extension}"
    with context.report(name) as stream, context.step():
        asked = ContactFilter.from_params(context.params["filter"], context.actor)
        count = _write(context, asked.queryset().order_by("added_at", "id"), stream, extension)
        context.done = context.total = count
        audit.record(
            context.actor,
            "contacts.exported",
            subject_type="job",
            subject_id=context.run_id,
            subject_label=name,
            after={"filter": asked.params, "format": extension, "contacts": count},
        )
    return {"rows": count}


def _write(context: JobContext, contacts: QuerySet[Contact], stream: IO[bytes], extension: str) -> int:
    # The contact's id is first, to find its tags by; it is not written.
    found = contacts.values_list("id", *COLUMNS).iterator(chunk_size=CHUNK)
    written = 0
    with open_writer(extension, stream, zone=zone(context.enterprise)) as writer:
        writer.write_header(_header())
        while chunk := list(islice(found, CHUNK)):
            writer.write_rows(_cells(chunk))
            written += len(chunk)
            context.progress(written)
    return written


def _header() -> list[str]:
    """The columns of an import come first and under the names that an import knows."""
    return [
        _("External user ID"),
        _("Name"),
        _("Remark"),
        _("Type"),
        _("Company"),
        _("Phone"),
        _("Status"),
        _("Owner"),
        _("Grade"),
        _("Spent in 365 days"),
        _("Activity"),
        _("Inactive"),
        _("Added at"),
        _("Last contact"),
        _("Last customer activity"),
        _("Tags"),
    ]


def _cells(chunk: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    owners = dict(Member.objects.filter(pk__in={row[8] for row in chunk if row[8]}).values_list("pk", "userid"))
    tags = _tags([row[0] for row in chunk])
    kinds = dict(Contact.Kind.choices)
    for row in chunk:
        cells = list(row[1:])
        cells[3] = kinds[cells[3]]
        cells[6] = Status(cells[6]).label
        cells[7] = owners.get(cells[7], "")
        cells[8] = Grade(cells[8]).label
        cells[10] = Activity(cells[10]).label
        cells[11] = _("yes") if cells[11] else ""
        yield [*cells, tags.get(row[0], [])]


def _tags(contact_ids: list[Any]) -> dict[Any, list[str]]:
    return dict(
        rows(
            """
            SELECT tagging.contact_id, array_agg(DISTINCT tag.name ORDER BY tag.name)
            FROM contacts_followtag AS tagging
            JOIN contacts_tag AS tag ON tag.enterprise_id = %(enterprise)s AND tag.id = tagging.tag_id
            WHERE tagging.enterprise_id = %(enterprise)s AND tagging.contact_id = ANY (%(contacts)s)
            GROUP BY tagging.contact_id
            """,
            {"enterprise": current_enterprise_id(), "contacts": contact_ids},
        )
    )
