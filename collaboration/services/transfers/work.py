"""The job: start what waits, in batches as WeCom takes them: at most 100 contacts of one taker (O8, X4, X6).

Each batch is one transaction: lock, look again, start; and what needs no waiting takes effect in it. What waits for
the contact's answer is finished by `settle_due` or by the platform's results.
"""

from typing import Any
from uuid import UUID

from collaboration.models import Transfer
from collaboration.rules.transfers import BATCH, OF_ONES_OWN, OF_OTHERS, Kind, due_at
from collaboration.services.transfers import choosing
from collaboration.services.transfers.settling import (
    FRIEND,
    finish,
    followed,
    give_owners,
    lock_contacts,
    recount,
    settle,
)
from common import clock
from common.errors import NotFound
from common.sql import execute, row, rows, subquery
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy
from jobs.runner import JobContext
from quota import services as quota
from quota.rules import Action

_WAITING = """enterprise_id = %(enterprise)s AND transfer_id = %(transfer)s AND state = 'waiting' AND due_at IS NULL"""


def run(context: JobContext) -> dict[str, Any]:
    """The handler; goes on with whatever of the order was not started yet. Result: how many came to which state."""
    transfer_id = UUID(context.params["transfer"])
    if not context.actor.may(OF_OTHERS):
        context.actor.require(OF_ONES_OWN)
    started = 1
    while started:
        with context.step():
            transfer = Transfer.objects.select_related("member", "by").filter(pk=transfer_id).first()
            if transfer is None:
                raise NotFound()
            if context.total is None:
                context.total = _left(transfer)
            started = _start_groups(context.actor, transfer) or _start_contacts(context.actor, transfer)
            if started:
                finish(recount([transfer.pk]))
                transfer.refresh_from_db()
            context.done += started
            context.cursor = {"started": context.done}
            context.result = {**transfer.contacts, **({"groups": transfer.groups} if transfer.groups else {})}
    return context.result or {}


def _start_contacts(actor: Actor, transfer: Transfer) -> int:
    """Start the next batch; returns how many it has."""
    taker, items = _next(transfer)
    if taker is None:
        return 0
    numbers, now = policy(), clock.now()
    kind = Kind(transfer.kind)
    if kind is Kind.RESIGNED:
        quota.check(actor, Action.INHERIT_RESIGNED)
    outside = followed(actor.enterprise)
    contacts = lock_contacts(items)
    seen = Contact.objects.visible_to(actor).filter(pk__in=contacts)
    visible, params = subquery(seen.values("id", "owner_id"), "visible")
    params |= (
        access.asking(actor)
        | choosing.limits(actor, kind.value)
        | {
            "enterprise": current_enterprise_id(),
            "transfer": transfer.pk,
            "items": items,
            "taker": taker,
            "now": now,
            "due": due_at(Kind.ON_JOB if outside else kind, now, numbers),
            "limit": numbers.taker_limit,
        }
    )
    params["room"] = _room(taker, numbers.taker_limit)
    execute(
        f"""
        WITH asked AS MATERIALIZED (
            SELECT item.id, contact.id IS NULL AS unseen, {FRIEND} AS friend,
                   contact.owner_id IS NOT DISTINCT FROM item.member_id AS owned, {choosing.BLOCKED} AS blocked,
                   EXISTS (SELECT FROM contacts_follow AS known WHERE known.enterprise_id = %(enterprise)s
                       AND known.contact_id = item.contact_id AND known.member_id = item.taker_id
                       AND known.state = 'active') AS known
            FROM collaboration_transferitem AS item LEFT JOIN ({visible}) AS contact ON contact.id = item.contact_id
            WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s)
        ), judged AS (
            SELECT *, friend AND NOT known AS needs, CASE
                WHEN unseen THEN 'not_found' WHEN NOT (owned OR friend AND NOT %(staff)s) THEN 'not_theirs'
                WHEN %(room)s IS NULL THEN 'taker_gone' WHEN blocked IS NOT NULL THEN 'too_often' ELSE '' END AS reason
            FROM asked
        ), placed AS MATERIALIZED (
            SELECT *, needs AND reason = '' AND %(room)s < count(*) FILTER (WHERE needs AND reason = '')
                OVER (ORDER BY id) AS no_room
            FROM judged
        )
        UPDATE collaboration_transferitem AS item
        SET state = CASE WHEN reason_found <> '' THEN 'failed' WHEN no_room THEN 'taker_full' ELSE 'waiting' END,
            reason = CASE WHEN no_room THEN 'taker_full' ELSE reason_found END,
            blocked_until = CASE WHEN reason_found = 'too_often' THEN blocked END,
            due_at = CASE WHEN friend THEN %(due)s ELSE %(now)s END,
            settled_at = CASE WHEN reason_found <> '' OR no_room THEN %(now)s::timestamptz END
        FROM (SELECT id, reason AS reason_found, no_room, blocked, friend FROM placed) AS placed
        WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s) AND item.id = placed.id
        """,  # noqa: S608 - judged once, whatever the planner thinks of an enterprise that it has no statistics of
        params,
    )
    if kind is Kind.RESIGNED:
        give_owners(actor, params)  # the successor sees everything at once, whenever the platform gets there
    now_due = rows(
        """
        SELECT id FROM collaboration_transferitem WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s)
          AND state = 'waiting' AND due_at <= %(now)s AND (NOT %(outside)s OR due_at < %(due)s)
        """,
        {**params, "outside": outside},
    )
    if now_due:
        settle(actor, items=[item for (item,) in now_due])
    execute(
        """
        WITH numbered AS (
            UPDATE collaboration_transfer SET batches = batches + 1
            WHERE enterprise_id = %(enterprise)s AND id = %(transfer)s RETURNING batches
        )
        UPDATE collaboration_transferitem SET batch = numbered.batches FROM numbered
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s)
        """,
        params,
    )
    return len(items)


def _next(transfer: Transfer) -> tuple[UUID | None, list[UUID]]:
    """The next taker and up to 100 items for them, locked; what another run of the same order holds is left to it."""
    params: dict[str, Any] = {"enterprise": current_enterprise_id(), "transfer": transfer.pk, "most": BATCH}
    found = rows(
        f"""
        SELECT taker_id, id FROM collaboration_transferitem
        WHERE {_WAITING} AND contact_id IS NOT NULL AND taker_id = (
            SELECT taker_id FROM collaboration_transferitem
            WHERE {_WAITING} AND contact_id IS NOT NULL ORDER BY taker_id LIMIT 1)
        ORDER BY contact_id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
        """,  # noqa: S608
        params,
    )
    return (found[0][0], [item for _taker, item in found]) if found else (None, [])


def _room(taker: UUID, limit: int) -> int | None:
    """How many customers more the taker may have, counted under their lock; None when they are not active any more.

    Two orders for the same taker wait here for each other, so together they give them no more than the limit.
    """
    execute(
        "SELECT FROM enterprises_member WHERE enterprise_id = %(enterprise)s AND id = %(taker)s FOR NO KEY UPDATE",
        {"enterprise": current_enterprise_id(), "taker": taker},
    )
    if not Member.objects.filter(pk=taker, status=Member.Status.ACTIVE).exists():
        return None
    found = row(
        """
        SELECT (SELECT count(*) FROM contacts_follow
                WHERE enterprise_id = %(enterprise)s AND member_id = %(taker)s AND state = 'active')
             + (SELECT count(*) FROM collaboration_transferitem
                WHERE enterprise_id = %(enterprise)s AND taker_id = %(taker)s AND state = 'waiting'
                  AND due_at IS NOT NULL)
        """,
        {"enterprise": current_enterprise_id(), "taker": taker},
    )
    assert found is not None
    return max(0, limit - found[0])


def _start_groups(actor: Actor, transfer: Transfer) -> int:
    """Group chats change their owner at once; returns how many were looked at."""
    params = {"enterprise": current_enterprise_id(), "transfer": transfer.pk, "now": clock.now(), "most": BATCH}
    found = rows(
        f"""
        SELECT id FROM collaboration_transferitem WHERE {_WAITING} AND group_id IS NOT NULL
        ORDER BY group_id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
        """,  # noqa: S608
        params,
    )
    if not found:
        return 0
    quota.check(actor, Action.MANAGE_GROUPS)
    params["items"] = [item for (item,) in found]
    given = execute(
        """
        UPDATE contacts_groupchat AS chat SET owner_id = item.taker_id, version = chat.version + 1
        FROM collaboration_transferitem AS item
        JOIN enterprises_member AS taker ON taker.enterprise_id = item.enterprise_id AND taker.id = item.taker_id
         AND taker.status = 'active'
        WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s)
          AND chat.enterprise_id = %(enterprise)s AND chat.id = item.group_id AND chat.owner_id = item.member_id
          AND chat.dismissed_at IS NULL
        """,
        params,
    )
    execute(
        """
        UPDATE collaboration_transferitem AS item
        SET due_at = %(now)s, settled_at = %(now)s,
            state = CASE WHEN chat.owner_id = item.taker_id THEN 'done' ELSE 'failed' END,
            reason = CASE WHEN chat.owner_id = item.taker_id THEN ''
                WHEN chat.owner_id = item.member_id AND chat.dismissed_at IS NULL THEN 'taker_gone'
                ELSE 'not_theirs' END
        FROM contacts_groupchat AS chat
        WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s)
          AND chat.enterprise_id = %(enterprise)s AND chat.id = item.group_id
        """,
        params,
    )
    if given:
        audit.record(actor, "transfer.groups_given", transfer, after={"groups": given})
    return len(found)


def _left(transfer: Transfer) -> int:
    found = row(
        f"SELECT count(*) FROM collaboration_transferitem WHERE {_WAITING}",  # noqa: S608
        {"enterprise": current_enterprise_id(), "transfer": transfer.pk},
    )
    assert found is not None
    return found[0]
