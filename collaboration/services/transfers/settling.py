"""What makes a hand-over take effect, and when (O6, O7).

Without a connection to WeCom it goes by its own clock: who has not declined by then is handed over. Where a connector
follows WeCom's own results it names itself in `FOLLOWED`; items then wait for `report_results`. Either way the effect
is `_settle`, each item once: it is claimed under its lock, in state waiting.

Locks: items, takers, contacts by id, then the orders.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from collaboration.models import Transfer
from collaboration.queries.transfers import concerning
from collaboration.rules.transfers import OF_OTHERS, Reason, State
from collaboration.services.transfers import notices
from common import clock
from common.errors import Invalid
from common.ids import uuid7
from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.rules import Kind as Event
from contacts.services import owners, tag_room
from contacts.services.steps import lock_all
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Enterprise

# The seam to WeCom: a connector appends "do the platform's results decide about this enterprise's hand-overs?".
FOLLOWED: list[Callable[[Enterprise], bool]] = []

CHUNK = 1000


@dataclass(frozen=True)
class Result:
    """What came of the hand-over of one contact: `state` done, refused, taker_full or failed."""

    item: UUID
    state: State
    reason: Reason | None = None


_RESULTS = {
    State.REFUSED: Reason.DECLINED,
    State.TAKER_FULL: Reason.TAKER_FULL,
    State.FAILED: Reason.PLATFORM,
}


def followed(enterprise: Enterprise) -> bool:
    """Does WeCom decide, or our own clock?"""
    return any(follows(enterprise) for follows in FOLLOWED)


def report_results(actor: Actor, *, transfer: Transfer, results: Sequence[Result]) -> int:
    """Record what came of contacts that were waiting: a contact declined, WeCom handed one over.

    Facts about items that wait no longer are passed over, so a report may come twice; returns how many were new.
    Raises Invalid for items that are not of this order.
    """
    actor.require(OF_OTHERS)
    wanted = {result.item: result for result in results}
    concerned = concerning(actor, [transfer]).filter(pk__in=wanted).order_by("id")
    known = list(concerned.select_for_update(no_key=True, of=("self",)).values_list("pk", "state"))
    if len(known) != len(wanted):
        raise Invalid({"results": [_("There is no such contact in this hand-over.")]})
    waiting = [item for item, state in known if state == State.WAITING]
    ended: dict[tuple[State, Reason], list[UUID]] = {}
    for item in waiting:
        result = wanted[item]
        if result.state in _RESULTS:
            ended.setdefault((result.state, result.reason or _RESULTS[result.state]), []).append(item)
    for (state, reason), items in ended.items():
        _end(items, state, reason)
    done = [item for item in waiting if wanted[item].state is State.DONE]
    if done:
        settle(actor, items=done)
    if waiting:
        audit.record(actor, "transfer.reported", transfer, after={"items": len(waiting)})
        finish(recount([transfer.pk]))
    return len(waiting)


def settle_due(actor: Actor, *, most: int = CHUNK) -> int:
    """Let the next hand-overs whose time has come take effect (O7); returns how many were looked at.

    Those that another run is settling at the moment are left to it (X6).
    """
    if followed(actor.enterprise):
        return 0
    due = rows(
        """
        SELECT id FROM collaboration_transferitem
        WHERE enterprise_id = %(enterprise)s AND state = 'waiting' AND due_at <= %(now)s
        ORDER BY due_at, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
        """,
        {"enterprise": current_enterprise_id(), "now": clock.now(), "most": most},
    )
    if due:
        finish(recount(settle(actor, items=[item for (item,) in due])))
    return len(due)


def settle(actor: Actor, *, items: Sequence[UUID]) -> list[UUID]:
    """Hand these contacts over now; the caller holds the items' locks, and recounts the orders that are returned.

    Taker and relation are looked at again: a day has passed since it was planned.
    """
    params = {"enterprise": current_enterprise_id(), "items": list(items), "now": clock.now()}
    contacts = lock_contacts(items)
    execute(
        f"""
        UPDATE collaboration_transferitem AS item
        SET state = 'failed', settled_at = %(now)s, reason = judged.reason
        FROM (SELECT item.id, CASE
                  WHEN contact.merged_into_id IS NOT NULL THEN 'not_found'
                  WHEN NOT EXISTS (SELECT FROM enterprises_member AS taker WHERE taker.enterprise_id = %(enterprise)s
                      AND taker.id = item.taker_id AND taker.status = 'active') THEN 'taker_gone'
                  WHEN NOT ({FRIEND}) AND transfer.kind = 'on_job' AND contact.owner_id IS DISTINCT FROM item.member_id
                  THEN 'not_theirs' ELSE '' END AS reason
              FROM {_ITEMS}) AS judged
        WHERE item.enterprise_id = %(enterprise)s AND item.id = judged.id AND judged.reason <> ''
        """,  # noqa: S608
        params,
    )
    _move_friends(actor, params)
    give_owners(actor, params)
    owners.speak(contacts)
    touched = rows(
        """
        UPDATE collaboration_transferitem SET state = 'done', reason = '', settled_at = %(now)s
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s) AND state = 'waiting'
        RETURNING transfer_id
        """,
        params,
    )
    settled: dict[UUID, int] = {}
    for (transfer,) in touched:
        settled[transfer] = settled.get(transfer, 0) + 1
    for transfer in Transfer.objects.select_related("member").filter(pk__in=settled).order_by("id"):
        audit.record(actor, "transfer.settled", transfer, after={"items": settled[transfer.pk]})
    every = rows(
        "SELECT DISTINCT transfer_id FROM collaboration_transferitem"
        " WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s)",
        params,
    )
    return [transfer for (transfer,) in every]


# --- Effects, set-based ---------------------------------------------------------------------------------------

_ITEMS = """collaboration_transferitem AS item
    JOIN collaboration_transfer AS transfer
      ON transfer.enterprise_id = item.enterprise_id AND transfer.id = item.transfer_id
    JOIN contacts_contact AS contact
      ON contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
    WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s) AND item.state = 'waiting'"""

# Is the member who hands over still a friend of the contact?
FRIEND = """EXISTS (SELECT FROM contacts_follow AS follow WHERE follow.enterprise_id = item.enterprise_id
    AND follow.contact_id = item.contact_id AND follow.member_id = item.member_id AND follow.state = 'active')"""

# Those friendships; `heir` is the taker's, once it is made.
_FRIENDSHIPS = """collaboration_transferitem AS item
    JOIN contacts_follow AS former
      ON former.enterprise_id = item.enterprise_id AND former.contact_id = item.contact_id
     AND former.member_id = item.member_id AND former.state = 'active'
    LEFT JOIN contacts_follow AS heir
      ON heir.enterprise_id = item.enterprise_id AND heir.contact_id = item.contact_id
     AND heir.member_id = item.taker_id
    WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s) AND item.state = 'waiting'"""


def lock_contacts(items: Sequence[UUID]) -> list[UUID]:
    """Lock the contacts of these items, in the order of their ids; returns the ids."""
    params = {"enterprise": current_enterprise_id(), "items": list(items)}
    contacts = rows(
        """
        SELECT contact_id FROM collaboration_transferitem
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s) AND contact_id IS NOT NULL
        """,
        params,
    )
    ids = [contact for (contact,) in contacts]
    lock_all(ids)
    return ids


def give_owners(actor: Actor, params: dict[str, Any]) -> None:
    """The takers become the owners of what the member owned; collaborators stay."""
    owners.give(
        actor,
        pairs=f"SELECT item.contact_id, item.taker_id, NULL::text FROM {_ITEMS} AND contact.owner_id = item.member_id",  # noqa: S608
        params=params,
        key=f"transfer:{uuid7()}",  # an item may be tried again
        at=params["now"],
    )


def _move_friends(actor: Actor, params: dict[str, Any]) -> None:
    """The friendship goes over, with remark and tags, the oldest as far as WeCom takes them; the member's own ends.

    A taker who owns the contact already calls it what it is called, if it is called anything (C11).
    """
    name = "(SELECT name FROM enterprises_member WHERE enterprise_id = item.enterprise_id AND id = {})"
    execute(
        f"""
        INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
        SELECT uuid7(), %(enterprise)s, item.contact_id, item.taker_id, 'active', %(now)s,
               coalesce((SELECT nullif(contact.remark, '') FROM contacts_contact AS contact
                         WHERE contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
                           AND contact.owner_id = item.taker_id), former.remark), 'transfer'
        FROM {_FRIENDSHIPS} ORDER BY item.contact_id
        ON CONFLICT (enterprise_id, contact_id, member_id) DO UPDATE
        SET remark = CASE WHEN contacts_follow.remark = '' THEN excluded.remark ELSE contacts_follow.remark END,
            added_at = CASE WHEN contacts_follow.state = 'active' THEN contacts_follow.added_at ELSE %(now)s END,
            state = 'active', ended_at = NULL, both_at = NULL
        """,  # noqa: S608
        params,
    )
    execute(
        f"""
        UPDATE contacts_followtag AS worn SET follow_id = going.heir
        FROM (SELECT worn.id, pair.heir, row_number() OVER (PARTITION BY pair.heir ORDER BY worn.id) AS number
              FROM (SELECT former.id AS former, heir.id AS heir FROM {_FRIENDSHIPS}) AS pair
              JOIN contacts_followtag AS worn
                ON worn.enterprise_id = %(enterprise)s AND worn.follow_id = pair.former
              WHERE NOT EXISTS (
                  SELECT FROM contacts_followtag AS known WHERE known.enterprise_id = %(enterprise)s
                     AND known.follow_id = pair.heir AND known.tag_id = worn.tag_id)) AS going
        WHERE worn.enterprise_id = %(enterprise)s AND worn.id = going.id
          AND going.number <= {tag_room.beside("going.heir")}
        """,  # noqa: S608
        params,
    )
    execute(
        f"""
        DELETE FROM contacts_followtag AS worn USING (SELECT former.id AS former FROM {_FRIENDSHIPS}) AS pair
        WHERE worn.enterprise_id = %(enterprise)s AND worn.follow_id = pair.former
        """,  # noqa: S608
        params,
    )
    execute(
        f"""
        INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
        SELECT uuid7(), %(enterprise)s, item.contact_id, %(note_kind)s, %(note_side)s, %(now)s, %(note_by)s,
               'transfer:' || item.id || ':' || item.attempt,
               jsonb_build_object('from', {name.format("item.member_id")}, 'to', {name.format("item.taker_id")})
        FROM {_FRIENDSHIPS}
        """,  # noqa: S608
        {
            **params,
            "note_kind": Event.HANDED_OVER.value,
            "note_side": Event.HANDED_OVER.side.value,
            "note_by": actor.member_id,
        },
    )
    execute(
        """
        UPDATE contacts_follow AS former SET state = 'deleted_by_member', ended_at = %(now)s
        FROM collaboration_transferitem AS item
        WHERE item.enterprise_id = %(enterprise)s AND item.id = ANY (%(items)s) AND item.state = 'waiting'
          AND former.enterprise_id = %(enterprise)s AND former.contact_id = item.contact_id
          AND former.member_id = item.member_id AND former.state = 'active'
        """,
        params,
    )


def _end(items: Sequence[UUID], state: State, reason: Reason) -> None:
    execute(
        """
        UPDATE collaboration_transferitem SET state = %(state)s, reason = %(reason)s, settled_at = %(now)s
        WHERE enterprise_id = %(enterprise)s AND id = ANY (%(items)s)
        """,
        {
            "enterprise": current_enterprise_id(),
            "items": list(items),
            "state": state.value,
            "reason": reason.value,
            "now": clock.now(),
        },
    )


# --- The orders -----------------------------------------------------------------------------------------------


def recount(transfers: Sequence[UUID]) -> list[Transfer]:
    """Write how many items of these orders are in which state; returns those that have ended by this.

    The orders are locked first, so of two who end items at once the second counts those of the first.
    """
    params = {"enterprise": current_enterprise_id(), "transfers": list(transfers), "now": clock.now()}
    execute(
        """
        SELECT FROM collaboration_transfer WHERE enterprise_id = %(enterprise)s AND id = ANY (%(transfers)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )
    ended = rows(
        """
        WITH counted AS (
            SELECT transfer_id, contact_id IS NULL AS of_groups, state, count(*) AS number
            FROM collaboration_transferitem
            WHERE enterprise_id = %(enterprise)s AND transfer_id = ANY (%(transfers)s) GROUP BY 1, 2, 3
        ), summed AS (
            SELECT transfer_id,
                   coalesce(jsonb_object_agg(state, number) FILTER (WHERE NOT of_groups), '{}') AS contacts,
                   coalesce(jsonb_object_agg(state, number) FILTER (WHERE of_groups), '{}') AS groups,
                   bool_or(state = 'waiting') AS waiting
            FROM counted GROUP BY transfer_id
        )
        UPDATE collaboration_transfer AS transfer
        SET contacts = summed.contacts, groups = summed.groups,
            finished_at = CASE WHEN summed.waiting THEN NULL ELSE coalesce(former.finished_at, %(now)s) END
        FROM summed JOIN collaboration_transfer AS former
          ON former.enterprise_id = %(enterprise)s AND former.id = summed.transfer_id
        WHERE transfer.enterprise_id = %(enterprise)s AND transfer.id = summed.transfer_id
        RETURNING transfer.id, former.finished_at IS NULL AND transfer.finished_at IS NOT NULL
        """,
        params,
    )
    just = [transfer for transfer, now in ended if now]
    return list(Transfer.objects.select_related("member", "by").filter(pk__in=just).order_by("id"))


def finish(ended: Sequence[Transfer]) -> None:
    """Tell those who ordered them."""
    notices.finished(ended)
