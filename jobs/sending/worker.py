"""Sending what is due: claim, commit, send, write down. Nothing here holds a transaction while it waits for a network.

A claim moves `due_at` ahead by a lease, skipping rows that somebody else is claiming; so two workers never send the
same row at once, and a row whose worker died before sending comes back by itself. One that died after sending and
before writing it down is sent a second time: with the same id, by which receivers know it.
"""

import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from common import clock
from common.ids import uuid7
from common.sql import rows
from common.tenancy import current_enterprise_id, tenant
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Enterprise
from jobs import notifications
from jobs.models import Delivery, Webhook
from jobs.sending import http, mail, signature
from jobs.sending.rules import MOST_TRIES, Outcome, next_try

log = logging.getLogger(__name__)

# Longer than a batch can take: its messages go at the same time, each with a deadline of its own.
LEASE = timedelta(seconds=90)
BATCH = 8
# A task works so long, then makes room for others; what is left the next one takes.
TURN = timedelta(seconds=30)


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours until its lease ends."""

    id: UUID
    claim: UUID
    tries: int
    send: Callable[[], Outcome]


def deliver(enterprise_id: UUID) -> bool:
    """Send what is due of one enterprise; returns whether something may be left."""
    until = clock.real() + TURN
    while clock.real() < until:
        batch = claim(enterprise_id)
        if batch is None:
            return False
        if batch:
            with ThreadPoolExecutor(len(batch)) as pool:
                outcomes = list(pool.map(_send, batch))
            record(enterprise_id, list(zip(batch, outcomes, strict=True)))
    return True


def claim(enterprise_id: UUID) -> list[Claimed] | None:
    """Take up to BATCH due deliveries, with all that sending them needs; None when nothing is due.

    Those that nobody should get any more, and those that took their workers with them too often, end here.
    """
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        if enterprise is None:
            return None
        mine = uuid7()
        taken = rows(
            """
            UPDATE jobs_delivery SET due_at = %(until)s, claim = %(claim)s, tries = tries + 1
            WHERE enterprise_id = %(enterprise)s AND id IN (
                SELECT id FROM jobs_delivery
                WHERE enterprise_id = %(enterprise)s AND state = 'waiting' AND due_at <= %(now)s
                ORDER BY due_at, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED)
            RETURNING id
            """,
            {
                "enterprise": current_enterprise_id(),
                "claim": mine,
                "now": clock.real(),
                "until": clock.real() + LEASE,
                "most": BATCH,
            },
        )
        if not taken:
            return None
        found = Delivery.objects.select_related("webhook", "notification__member__user")
        batch = []
        for delivery in found.filter(pk__in=[pk for (pk,) in taken]).order_by("created_at", "id"):
            send = _prepare(delivery, enterprise)
            if send is None:
                _end([delivery.pk], Delivery.State.CANCELLED)
            elif delivery.tries > MOST_TRIES:
                _end([delivery.pk], Delivery.State.FAILED)
                _tell_of_failure(delivery)
            else:
                batch.append(Claimed(delivery.pk, mine, delivery.tries, send))
        return batch


def _prepare(delivery: Delivery, enterprise: Enterprise) -> Callable[[], Outcome] | None:
    if delivery.channel == Delivery.Channel.MAIL:
        return mail.prepare(delivery, enterprise)
    webhook = delivery.webhook
    assert webhook is not None
    if not webhook.enabled:
        return None
    body = orjson.dumps(delivery.payload, option=orjson.OPT_SORT_KEYS)
    # The moment of sending is signed, not that of the claim.
    return lambda: http.post(webhook.url, body, {**_COMMON, **signature.headers(webhook, str(delivery.pk), body)})


_COMMON = {"Content-Type": "application/json", "User-Agent": "SCRM-Webhooks/1", "Accept": "*/*"}


def _send(claimed: Claimed) -> Outcome:
    """One message; whatever goes wrong with it is its own affair."""
    try:
        return claimed.send()
    except Exception:
        log.exception("Delivery %s could not be sent", claimed.id)
        return Outcome("internal_error")


def record(enterprise_id: UUID, results: Sequence[tuple[Claimed, Outcome]]) -> None:
    """Write down what came of a batch. A row that was claimed anew meanwhile is no longer ours to write to."""
    now = clock.real()
    with tenant(enterprise_id):
        held = Delivery.objects.select_for_update(no_key=True, of=("self",)).select_related("webhook").order_by("id")
        ours = {row.pk: row for row in held.filter(pk__in=[claimed.id for claimed, _outcome in results])}
        for claimed, outcome in results:
            row = ours.get(claimed.id)
            if row is not None and row.claim == claimed.claim:
                _write(row, claimed, outcome, now)


def _write(row: Delivery, claimed: Claimed, outcome: Outcome, now: datetime) -> None:
    row.attempts = [*row.attempts, _line(outcome, now)]
    row.claim = None
    again = next_try(outcome, claimed.tries, now, random.random())  # noqa: S311 - spreads tries, guards nothing
    if again is not None:
        row.due_at = again
    else:
        row.state = Delivery.State.DELIVERED if outcome.arrived else Delivery.State.FAILED
        row.ended_at = now
    row.save(update_fields=["attempts", "claim", "due_at", "state", "ended_at"])
    if row.webhook is not None and outcome.gone:
        _switch_off(row.webhook)
    elif row.state == Delivery.State.FAILED:
        _tell_of_failure(row)


def _tell_of_failure(row: Delivery) -> None:
    """Once a day for each webhook; of a mail that did not arrive nobody can be told by mail."""
    if row.webhook is not None:
        day = clock.real().date().isoformat()
        notifications.webhook_failed(row.webhook, key=f"webhook.failed:{row.webhook_id}:{day}")


def _line(outcome: Outcome, now: datetime) -> dict[str, Any]:
    return {
        "at": now.isoformat(timespec="milliseconds"),
        "status": outcome.status,
        "error": outcome.error,
        "milliseconds": outcome.milliseconds,
        "answer": outcome.answer,
    }


def _switch_off(webhook: Webhook) -> None:
    """The receiver said 410: it wants nothing any more, neither what waits."""
    if not Webhook.objects.filter(pk=webhook.pk, enabled=True).update(enabled=False):
        return
    _end(
        list(webhook.deliveries.filter(state=Delivery.State.WAITING).values_list("pk", flat=True)),
        Delivery.State.CANCELLED,
    )
    enterprise = Enterprise.objects.get(pk=webhook.enterprise_id)
    audit.record(
        Actor.system(enterprise), "webhook.disabled", webhook, before={"enabled": True}, after={"enabled": False}
    )
    notifications.webhook_gone(webhook, key=f"webhook.gone:{webhook.pk}:{webhook.version}:{clock.real().isoformat()}")


def _end(ids: Sequence[UUID], state: str) -> None:
    Delivery.objects.filter(pk__in=ids).update(state=state, claim=None, ended_at=clock.real())
