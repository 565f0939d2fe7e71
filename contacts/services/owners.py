"""Changing whose contacts are: the one place where an owner takes over from another (C3, O1, Q12).

One contact, a batch or a whole hand-over: all of them come here, so what belongs to a change of owner (the timeline,
the places of teams, what the contact is called) happens for all of them alike.

A contact's remark is its owner's word for it: where the owner is a friend who has a remark, it is that one, and
whoever edits the one edits the other (C11). An owner who has none leaves the contact called what it was.
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
from contacts.services.search_entries import index
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

    `pairs` is SQL for (contact id, owner id, remark); the caller has locked the contacts and says who may. Contacts
    that belong to the named owner already are left alone. `remark`: what the contact is called by an owner who has no
    word for it; NULL: what it was. `key` makes the entry of a contact happen once, `data` is added to it. The places
    of served contacts go along, from team to team (Q12); with `must_fit` a team that is full raises BudgetExceeded,
    else it is over its budget then: a hand-over must not leave anybody without an owner.
    """
    moved = rows(
        f"""
        WITH given AS (
            SELECT contact.id, contact.owner_id AS before, pair.owner_id AS after, contact.remark AS was,
                   coalesce(nullif(own.remark, ''), pair.remark, contact.remark) AS remark
            FROM ({pairs}) AS pair (contact_id, owner_id, remark)
            JOIN contacts_contact AS contact
              ON contact.enterprise_id = %(enterprise)s AND contact.id = pair.contact_id
            LEFT JOIN contacts_follow AS own
              ON own.enterprise_id = %(enterprise)s AND own.contact_id = pair.contact_id
             AND own.member_id = pair.owner_id
            WHERE contact.owner_id IS DISTINCT FROM pair.owner_id
        ), moved AS (
            UPDATE contacts_contact AS contact
            SET owner_id = given.after, remark = given.remark, version = contact.version + 1
            FROM given WHERE contact.enterprise_id = %(enterprise)s AND contact.id = given.id
            RETURNING contact.id, contact.status, given.before, given.after, given.was,
                      given.remark <> given.was AS renamed
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
                   || CASE WHEN moved.renamed THEN jsonb_build_object('remark', moved.was) ELSE '{{}}' END
            FROM moved
            LEFT JOIN enterprises_member AS former
                   ON former.enterprise_id = %(enterprise)s AND former.id = moved.before
            LEFT JOIN enterprises_member AS owner
                   ON owner.enterprise_id = %(enterprise)s AND owner.id = moved.after
        )
        SELECT before, after, count(*), count(*) FILTER (WHERE status = 'active'), array_agg(id) FILTER (WHERE renamed)
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
    found = [Moved(*one) for *one, _renamed in moved]
    if renamed := [pk for *_one, ids in moved for pk in ids or ()]:
        index(renamed)
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


def remark_by(owner: str) -> str:
    """SQL over `contact`: what it is called once this member owns it; kept, so that `restored` can tell."""
    return f"""coalesce((SELECT nullif(own.remark, '') FROM contacts_follow AS own
        WHERE own.enterprise_id = contact.enterprise_id AND own.contact_id = contact.id
          AND own.member_id = {owner}), contact.remark)"""  # noqa: S608 - names of ours


def restored(before: str) -> str:
    """SQL over `contact`: the remark before a change of owner that is taken back; NULL when it was edited since.

    `before`: SQL for an object with `remark`, what the contact was called, and `called`, `remark_by` of the owner.
    """
    return f"CASE WHEN contact.remark = {before} ->> 'called' THEN {before} ->> 'remark' END"


def speak(contacts: Sequence[UUID]) -> set[UUID]:
    """Call these contacts what their owners, as friends, call them; returns which were called otherwise.

    For those whose owner came to them, or to a word for them, by another way than `give`. The caller has locked them.
    """
    renamed = rows(
        """
        UPDATE contacts_contact AS contact SET remark = own.remark, version = contact.version + 1
        FROM contacts_follow AS own
        WHERE contact.enterprise_id = %(enterprise)s AND contact.id = ANY (%(contacts)s)
          AND own.enterprise_id = %(enterprise)s AND own.contact_id = contact.id
          AND own.member_id = contact.owner_id AND own.remark NOT IN ('', contact.remark)
        RETURNING contact.id
        """,
        {"enterprise": current_enterprise_id(), "contacts": list(contacts)},
    )
    ids = [pk for (pk,) in renamed]
    if ids:
        index(ids)
    return set(ids)
