"""Changing whose contacts are: the one place where an owner takes over from another (C3, O1, Q12).

One contact, a batch or a whole hand-over: all of them come here, so what belongs to a change of owner (the timeline,
the places of teams) happens for all of them alike.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.rules import Kind
from enterprises.actors import Actor
from quota import services as quota


@dataclass(frozen=True)
class Moved:
    """How many contacts, and how many of them are served, went from one owner (or none) to another."""

    before: UUID | None
    after: UUID | None
    contacts: int
    served: int


def give(
    actor: Actor,
    *,
    pairs: str,
    params: dict[str, Any],
    key: str,
    at: datetime,
    data: dict[str, str] | None = None,
    must_fit: bool = False,
) -> Sequence[Moved]:
    """Give contacts to new owners, and put it on their timelines; returns what went from whom to whom.

    `pairs` is SQL for (contact id, owner id); the caller has locked the contacts and says who may. Contacts that
    belong to the named owner already are left alone. `key` makes the entry of a contact happen once, `data` is added
    to it. The places of served contacts go along, from team to team (Q12); with `must_fit` a team that is full raises
    BudgetExceeded, else it is over its budget then: a hand-over must not leave anybody without an owner.
    """
    moved = rows(
        f"""
        WITH given AS (
            SELECT contact.id, contact.owner_id AS before, pair.owner_id AS after
            FROM ({pairs}) AS pair (contact_id, owner_id)
            JOIN contacts_contact AS contact
              ON contact.enterprise_id = %(enterprise)s AND contact.id = pair.contact_id
            WHERE contact.owner_id IS DISTINCT FROM pair.owner_id
        ), moved AS (
            UPDATE contacts_contact AS contact SET owner_id = given.after, version = contact.version + 1
            FROM given WHERE contact.enterprise_id = %(enterprise)s AND contact.id = given.id
            RETURNING contact.id, contact.status, given.before, given.after
        ), handed AS (
            -- What the former owner planned is planned by the new one (O6).
            UPDATE contacts_followup AS plan SET assignee_id = moved.after
            FROM moved
            WHERE plan.enterprise_id = %(enterprise)s AND plan.contact_id = moved.id AND plan.assignee_id = moved.before
              AND plan.done_at IS NULL AND plan.next_at IS NOT NULL AND moved.after IS NOT NULL
        ), noted AS (
            INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
            SELECT uuid7(), %(enterprise)s, moved.id, %(note_kind)s, %(note_side)s, %(note_at)s, %(note_by)s,
                   %(note_key)s, %(note_data)s::jsonb || jsonb_build_object('from', former.name, 'to', owner.name)
            FROM moved
            LEFT JOIN enterprises_member AS former
                   ON former.enterprise_id = %(enterprise)s AND former.id = moved.before
            LEFT JOIN enterprises_member AS owner
                   ON owner.enterprise_id = %(enterprise)s AND owner.id = moved.after
        )
        SELECT before, after, count(*), count(*) FILTER (WHERE status = 'active')
        FROM moved GROUP BY before, after ORDER BY before, after
        """,  # noqa: S608 - the callers' own text
        {
            **params,
            "enterprise": current_enterprise_id(),
            "note_kind": Kind.OWNER_CHANGED.value,
            "note_side": Kind.OWNER_CHANGED.side.value,
            "note_at": at,
            "note_by": actor.member_id,
            "note_key": key,
            "note_data": orjson.dumps(data or {}).decode(),
        },
    )
    found = [Moved(*one) for one in moved]
    if any(one.served for one in found):
        quota.move(lambda: _gains(found), must_fit=must_fit)
    return found


def _gains(moved: Sequence[Moved]) -> Counter[UUID | None]:
    """How many served contacts each owner gained or lost."""
    gains: Counter[UUID | None] = Counter()
    for one in moved:
        gains[one.before] -= one.served
        gains[one.after] += one.served
    return gains
