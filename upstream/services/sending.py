"""The job that sends a message (U9): first everybody is queued, a few thousand in a transaction; then the queued ones
are carried, batch by batch, and written down as delivered.

A person has one row for a message, whoever inserts it, so a job that is done again from any point does nobody twice.
The message's row is locked in each step: its counters are those of its rows, and who stops it is obeyed at once.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F

from common import clock
from common.sql import rows
from common.tenancy import current_enterprise_id
from jobs import notifications
from jobs.runner import JobContext
from upstream.models import Message, MessageDelivery
from upstream.queries import audiences
from upstream.services import channels
from upstream.services.channels import Parcel
from upstream.services.messages import sender

STEP = 5_000
FIRST = str(UUID(int=0))
COUNTED = ("people", "delivered", "failed")
State = MessageDelivery.State


class Halted(Exception):
    """Somebody stopped the message, or it belongs to another job by now."""


def run(context: JobContext) -> dict[str, Any]:
    """The handler; goes on from the cursor. Result: people, delivered, failed."""
    pk = UUID(context.params["message"])
    try:
        while context.cursor.get("after", FIRST) is not None:
            _queue(context, pk)
        while _carry(context, pk):
            pass
    except Halted:
        pass
    with context.step():
        found = Message.objects.filter(pk=pk).values(*COUNTED).first()
    return found or dict.fromkeys(COUNTED, 0)


def _queue(context: JobContext, pk: UUID) -> None:
    """The next partners' people are queued."""
    with context.step():
        message = _held(context, pk)
        author = sender(context.enterprise, message)
        if context.total is None:
            context.total = audiences.preview(author, message.to).people
            context.done = message.delivered + message.failed
        after = UUID(context.cursor.get("after", FIRST))
        queued, last = audiences.fan_out(author, message.to, message=pk, after=after, size=STEP)
        Message.objects.filter(pk=pk).update(people=F("people") + queued)
        context.cursor = {"after": str(last) if last else None}


def _carry(context: JobContext, pk: UUID) -> bool:
    """The next batch of queued ones gets it. False when there is nobody left, and the message is sent."""
    with context.step():
        message = _held(context, pk)
        queued = MessageDelivery.objects.filter(message=pk, state=State.QUEUED).order_by("person_id")
        parcels = [Parcel(*values) for values in queued.values_list("id", "person_id", "seat_id")[:STEP]]
        if not parcels:
            _finish(message)
            return False
    failures = channels.get(message.channel).carry(message, parcels)  # outside of any transaction
    with context.step():
        # Also when it was stopped meanwhile: they have it.
        Message.objects.select_for_update(no_key=True).filter(pk=pk).values_list("pk").get()
        delivered, failed = _write_down([parcel.id for parcel in parcels], failures)
        counters = {"delivered": F("delivered") + delivered, "failed": F("failed") + failed}
        Message.objects.filter(pk=pk).update(**counters)
        context.done += delivered + failed
    return True


def _held(context: JobContext, pk: UUID) -> Message:
    """The message, locked; Halted unless it is this job's to send."""
    ours = Message.objects.select_for_update(no_key=True, of=("self",)).select_related("created_by__role")
    message = ours.filter(pk=pk, state=Message.State.SENDING, run_id=context.run_id).first()
    if message is None:
        raise Halted
    return message


def _write_down(ids: list[UUID], failures: Mapping[UUID, str]) -> tuple[int, int]:
    """What became of a batch; returns how many were delivered and how many not. What is written stays."""
    found = rows(
        """
        UPDATE upstream_messagedelivery AS d
        SET state = CASE WHEN f.reason IS NULL THEN 'delivered' ELSE 'failed' END, reason = coalesce(f.reason, ''),
            delivered_at = CASE WHEN f.reason IS NULL THEN %(now)s::timestamptz END
        FROM unnest(%(ids)s::uuid[]) AS parcel (id)
        LEFT JOIN unnest(%(failed)s::uuid[], %(reasons)s::text[]) AS f (id, reason) ON f.id = parcel.id
        WHERE d.enterprise_id = %(enterprise)s AND d.id = parcel.id AND d.state = 'queued'
        RETURNING d.state
        """,
        {
            "enterprise": current_enterprise_id(),
            "ids": ids,
            "failed": list(failures),
            "reasons": [reason[:64] for reason in failures.values()],
            "now": clock.now(),
        },
    )
    delivered = sum(state == State.DELIVERED for (state,) in found)
    return delivered, len(found) - delivered


def _finish(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(state=Message.State.SENT, ended_at=clock.now())
    told = [message.created_by] if message.created_by else []
    data = {"title": message.title, "people": message.people, "message": str(message.pk)}
    notifications.notify(told, kind="space_message.sent", key=str(message.pk), data=data)
