"""What became of a message, person by person, as a CSV file (U9). A job; the file is its report."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from common.errors import NotFound
from contacts.files.writers import open_writer
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import zone
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext
from upstream.models import Message
from upstream.queries import messaging

JOB = "upstream.export_message"
STEP = 5_000
FIRST = UUID(int=0)


def start_export(actor: Actor, *, message: Message) -> JobRun:
    """Ask for the file."""
    actor.require("spaces.message")
    return jobs.enqueue(actor, name=JOB, params={"message": str(message.pk), "title": message.title})


def run(context: JobContext) -> dict[str, Any]:
    """The handler: rows of the people whom the asker sees, a few thousand in memory at a time. Result: rows."""
    context.actor.require("spaces.message")
    context.done = 0
    header = [
        _("Person"),
        _("Partner"),
        _("Space"),
        _("Status"),
        _("Reason"),
        _("Delivered"),
        _("Opened"),
        _("Clicked"),
    ]
    with context.report("message.csv") as file, open_writer("csv", file, zone=zone(context.enterprise)) as writer:
        writer.write_header(header)
        after: UUID | None = FIRST
        while after is not None:
            with context.step():
                rows, after = _page(context, after)
                context.done += len(rows)
            writer.write_rows(rows)
    with context.step():
        audit.record(
            context.actor,
            "space_message.exported",
            subject_type="message",
            subject_id=UUID(context.params["message"]),
            subject_label=context.params["title"],
            after={"rows": context.done},
        )
    return {"rows": context.done}


def _page(context: JobContext, after: UUID) -> tuple[list[list[Any]], UUID | None]:
    """Some rows, and after which person the next begin."""
    message = messaging.messages(context.actor).filter(pk=UUID(context.params["message"])).first()
    if message is None:
        raise NotFound()
    following = messaging.deliveries(context.actor, message).filter(person_id__gt=after).order_by("person_id")
    found = list(following[:STEP])
    messaging.seats(found)
    rows = [
        [
            one.person.name,
            one.seat.partner.name if one.seat else "",  # type: ignore[attr-defined]
            one.seat.space.name if one.seat else "",  # type: ignore[attr-defined]
            one.get_state_display(),
            one.reason,
            one.delivered_at,
            one.opened_at,
            one.clicked_at,
        ]
        for one in found
    ]
    return rows, found[-1].person_id if len(found) == STEP else None
