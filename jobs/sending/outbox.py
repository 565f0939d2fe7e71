"""Deliveries to be made: written in the transaction of what they tell, so that neither is ever without the other."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from common import clock
from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from jobs.models import Delivery, Webhook


def queue_mails(notification_ids: Iterable[UUID]) -> None:
    """A mail for each of these notifications that really stands: those told before have theirs already."""
    queued = execute(
        """
        INSERT INTO jobs_delivery
            (id, enterprise_id, channel, notification_id, event, key, payload, state, due_at, tries, attempts,
             created_at)
        SELECT uuid7(), enterprise_id, 'mail', id, kind, left(key, 128), '{}', 'waiting', %(now)s, 0, '[]', created_at
        FROM jobs_notification
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s)
        ON CONFLICT DO NOTHING
        """,
        {"enterprise": current_enterprise_id(), "ids": list(notification_ids), "now": clock.real()},
    )
    if queued:
        send_soon()


def emit(event: str, *, key: str, data: dict[str, Any]) -> None:
    """Tell an event to every webhook that wants it, once: the same `key` again tells nothing."""
    wanted = Webhook.objects.filter(Q(events=[]) | Q(events__contains=[event]), enabled=True)
    queued = [call(webhook, event, key=key, data=data) for webhook in wanted]
    if queued:
        Delivery.objects.bulk_create(queued, ignore_conflicts=True)
        send_soon()


def call(webhook: Webhook, event: str, *, key: str, data: dict[str, Any]) -> Delivery:
    """A delivery to one webhook, not saved yet. The body stands on it, so that every try sends the same."""
    now = clock.now()
    payload = {
        "type": event,
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "enterprise": str(current_enterprise_id()),
        "data": data,
    }
    return Delivery(
        channel=Delivery.Channel.WEBHOOK, webhook=webhook, event=event, key=key, payload=payload, created_at=now
    )


def send_soon() -> None:
    """Let a worker send what waits, once this transaction has committed; the sweeper finds what is lost on the way."""
    from jobs.tasks import deliver  # the worker's side of the same coin

    enterprise_id = str(current_enterprise_id())
    transaction.on_commit(lambda: deliver.delay(enterprise_id), robust=True)


def enterprises_waiting(most: int = 1000) -> list[UUID]:
    """Active enterprises of which something is due, asked in one statement however many there are."""
    found = rows("SELECT enterprises_with_deliveries(%(now)s, %(most)s)", {"now": clock.real(), "most": most})
    return [enterprise for (enterprise,) in found]
