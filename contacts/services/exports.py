"""Exports of contact lists (C12): any filter, CSV or XLSX, with memory that does not grow.

How other lists are written as well: `write_list`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common import clock
from common.errors import Invalid
from common.ids import uuid7
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.files.writers import WRITERS, open_writer
from contacts.filters import ContactFilter
from contacts.models import BulkItem, Contact
from contacts.rules import Activity, Grade, Status, masked_phone
from contacts.services.bulk.selection import Selection, fix
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


def checked_format(format: str) -> str:
    """The format, if there is such a one. Raises Invalid."""
    if format not in WRITERS:
        raise Invalid({"format": [gettext_lazy("Choose csv or xlsx.")]})
    return format


def write_list(
    context: JobContext,
    *,
    stem: str,
    header: Sequence[str],
    chunks: Iterator[list[Sequence[Any]]],
    counted: str = "rows",
    **told: Any,
) -> dict[str, Any]:
    """The job of an export: one snapshot of a list, streamed into the job's report, and its audit entry.

    `stem`: of the file's name; `chunks`: the rows, first asked for in the job's one transaction. The entry tells the
    job's parameters, the number as `counted`, and what is `told`.
    """
    extension = context.params["format"]
    local = zone(context.enterprise)
    name = f"{stem}-{clock.now().astimezone(local):%Y%m%d-%H%M}.{extension}"
    written = 0
    with context.report(name) as stream, context.step():
        with open_writer(extension, stream, zone=local) as writer:
            writer.write_header(header)
            for chunk in chunks:
                writer.write_rows(chunk)
                written += len(chunk)
                context.progress(written)
        context.done = context.total = written
        audit.record(
            context.actor,
            "contacts.exported",
            subject_type="job",
            subject_id=context.run_id,
            subject_label=name,
            after={**context.params, counted: written, **told},
        )
    return {"rows": written}


def chunks_of(found: QuerySet, cells: Callable[[Any], Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """The rows that `cells` makes of each, some thousand at a time."""
    rest = found.iterator(chunk_size=CHUNK)
    while chunk := list(islice(rest, CHUNK)):
        yield [cells(one) for one in chunk]


def start_export(
    actor: Actor,
    *,
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
    format: str = "csv",
) -> JobRun:
    """Queue the export of contacts chosen by ids (≤ 10 000) or by a filter, as far as the actor sees them.

    The file is the job's report. Phone numbers are masked for those who may not see them.
    """
    actor.require("contacts.export")
    checked_format(format)
    selection = Selection.of(actor, ids=ids, filter=filter)
    run_id = uuid7()
    chosen = {"filter": selection.filter} if selection.ids is None else {"ids": len(selection.ids)}
    run = jobs.enqueue(actor, name=JOB, params={**chosen, "format": format}, run_id=run_id)
    if selection.ids is not None:
        fix(actor, run_id, selection)
    return run


def write_export(context: JobContext) -> dict[str, Any]:
    """The job: the contacts as the actor sees them now."""
    context.actor.require("contacts.export")
    phones = context.actor.may("contacts.phones")
    return write_list(
        context, stem=_("contacts"), header=_header(), chunks=_chunks(context), counted="contacts", phones=phones
    )


def _chosen(context: JobContext) -> QuerySet[Contact]:
    """What the actor sees now of what was asked for."""
    if "filter" in context.params:
        return ContactFilter.from_params(context.params["filter"], context.actor).queryset()
    named = BulkItem.objects.filter(job_id=context.run_id, contact_id=OuterRef("pk"))
    return Contact.objects.visible_to(context.actor).filter(Exists(named))


def _chunks(context: JobContext) -> Iterator[list[Sequence[Any]]]:
    # The contact's id is first, to find its tags by; it is not written.
    contacts = _chosen(context).order_by("added_at", "id")
    found = contacts.values_list("id", *COLUMNS).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        yield list(_cells(chunk, phones=context.actor.may("contacts.phones")))


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


def _cells(chunk: list[tuple[Any, ...]], *, phones: bool) -> Iterator[list[Any]]:
    owners = dict(Member.objects.filter(pk__in={row[8] for row in chunk if row[8]}).values_list("pk", "userid"))
    tags = _tags([row[0] for row in chunk])
    kinds = dict(Contact.Kind.choices)
    for row in chunk:
        cells = list(row[1:])
        cells[3] = kinds[cells[3]]
        cells[5] = cells[5] if phones else [masked_phone(phone) for phone in cells[5]]
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
