"""Which rows go over when two contacts become one, and how they come back (contacts.services.merges)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from common.sql import execute, joins_may_loop, joins_never_loop, row, rows
from common.tenancy import current_enterprise_id
from contacts.models import Contact, ContactMerge
from contacts.services import tag_room
from enterprises.actors import Actor

COPIED = "copied"  # taggings made on a relation that both had


@dataclass(frozen=True)
class Belonging:
    """A table whose rows go over. `twin`: SQL that finds, as `twin`, a row of the other contact that is the same."""

    table: str
    twin: str = ""


@dataclass(frozen=True)
class Chosen:
    """What SQL does not say, by table: the rows that go over, no others of it; and rows of the one that stays that
    get better values (id → column → value)."""

    going: dict[str, Sequence[UUID]] = field(default_factory=dict)
    better: dict[str, dict[UUID, dict[str, Any]]] = field(default_factory=dict)


# Rooms above append theirs.
BELONGINGS = [
    Belonging("contacts_interaction", "twin.key = belonging.key"),
    Belonging("contacts_purchase"),
    Belonging("contacts_groupmember", "twin.group_id = belonging.group_id"),
    Belonging("contacts_follow", "twin.member_id = belonging.member_id"),
    Belonging("contacts_followup"),
    Belonging("contacts_followupfile"),
    Belonging("contacts_cleanupitem"),
]

# Asked with the actor, the contact that stays and the one that goes, behind their locks.
CHOOSERS: list[Callable[[Actor, Contact, Contact], Chosen]] = []


def pair(contact: Contact, gone: Contact) -> dict[str, Any]:
    """What statements about both need."""
    return {"enterprise": current_enterprise_id(), "contact": contact.pk, "gone": gone.pk}


def choose(actor: Actor, contact: Contact, gone: Contact) -> Chosen:
    """What all choosers say."""
    found = Chosen()
    for chooser in CHOOSERS:
        one = chooser(actor, contact, gone)
        found.going.update(one.going)
        found.better.update(one.better)
    return found


def goes(belonging: Belonging, chosen: Chosen) -> str:
    """SQL: does this row go over?"""
    if belonging.table in chosen.going:
        return "belonging.id = ANY (%(going)s::uuid[])"
    if not belonging.twin:
        return "true"
    return f"""NOT EXISTS (SELECT FROM {belonging.table} AS twin WHERE twin.enterprise_id = belonging.enterprise_id
        AND twin.contact_id = %(contact)s AND ({belonging.twin}))"""


def improve(made: ContactMerge, chosen: Chosen) -> None:
    """Rows of the one that stays get the better values; what was there and what came is kept for the undo."""
    for table, better in chosen.better.items():
        for pk, values in better.items():
            changed = row(
                f"""
                UPDATE {table} AS belonging SET {", ".join(f"{name} = %({name})s" for name in values)}
                FROM {table} AS former
                WHERE belonging.enterprise_id = %(enterprise)s AND belonging.id = %(id)s
                  AND former.enterprise_id = belonging.enterprise_id AND former.id = belonging.id
                RETURNING to_jsonb(former), to_jsonb(belonging)
                """,  # noqa: S608 - names of ours
                {**values, "enterprise": current_enterprise_id(), "id": pk},
            )
            assert changed is not None
            for kept, whole in zip((made.before, made.after), map(orjson.loads, changed), strict=True):
                kept.setdefault(table, {})[str(pk)] = {name: whole[name] for name in values}


def take_back(merge: ContactMerge) -> None:
    """Rows that got better values have their own again, unless somebody changed or deleted them since."""
    for belonging in BELONGINGS:
        for pk, values in merge.before.get(belonging.table, {}).items():
            names = ", ".join(values)
            execute(
                f"""
                UPDATE {belonging.table} AS belonging SET ({names}) = ROW (was.*)
                FROM (SELECT {names} FROM jsonb_populate_record(NULL::{belonging.table}, %(was)s)) AS was,
                     (SELECT {names} FROM jsonb_populate_record(NULL::{belonging.table}, %(came)s)) AS came
                WHERE belonging.enterprise_id = %(enterprise)s AND belonging.id = %(id)s
                  AND ROW ({", ".join(f"belonging.{name}" for name in values)}) IS NOT DISTINCT FROM ROW (came.*)
                """,  # noqa: S608 - names of ours
                {
                    "enterprise": current_enterprise_id(),
                    "id": pk,
                    "was": orjson.dumps(values).decode(),
                    "came": orjson.dumps(merge.after[belonging.table][pk]).decode(),
                },
            )


def tags_fit(contact: Contact, gone: Contact) -> bool:
    """Does each relation of the one that stays take the tags that the same member put on the other (C13)?"""
    return not rows(
        f"""
        SELECT {_SHARED} AND worn.tag_id NOT IN (
            SELECT tag_id FROM contacts_followtag AS known
            WHERE known.enterprise_id = %(enterprise)s AND known.follow_id = heir.id)
        GROUP BY heir.id HAVING count(*) > {tag_room.beside("heir.id")}
        """,  # noqa: S608 - SQL of ours
        pair(contact, gone),
    )


# Taggings of the one that goes, on relations that the other has as well: `worn` of `former`, for `heir`.
_SHARED = """FROM contacts_follow AS former
    JOIN contacts_follow AS heir ON heir.enterprise_id = former.enterprise_id
        AND heir.contact_id = %(contact)s AND heir.member_id = former.member_id
    JOIN contacts_followtag AS worn ON worn.enterprise_id = former.enterprise_id AND worn.follow_id = former.id
    WHERE former.enterprise_id = %(enterprise)s AND former.contact_id = %(gone)s"""


def carry_over(made: ContactMerge, chosen: Chosen, contact: Contact, gone: Contact) -> None:
    """Move the rows, and write down which."""
    params = {**pair(contact, gone), "merge": made.pk}
    # Taggings of a relation that both have are copied; they belong to a follow, which stays behind.
    execute(
        f"""
        WITH made AS (
            INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id, rule_id)
            SELECT uuid7(), %(enterprise)s, heir.id, %(contact)s, worn.tag_id, worn.rule_id {_SHARED}
            ON CONFLICT DO NOTHING
            RETURNING id)
        INSERT INTO contacts_mergeitem (id, enterprise_id, merge_id, contact_id, kind, row_id)
        SELECT uuid7(), %(enterprise)s, %(merge)s, %(contact)s, 'copied', id FROM made
        """,  # noqa: S608 - SQL of ours
        params,
    )
    joins_never_loop()
    for belonging in BELONGINGS:
        execute(
            f"""
            WITH moved AS (
                UPDATE {belonging.table} AS belonging SET contact_id = %(contact)s
                WHERE belonging.enterprise_id = %(enterprise)s AND belonging.contact_id = %(gone)s
                  AND {goes(belonging, chosen)}
                RETURNING belonging.id)
            INSERT INTO contacts_mergeitem (id, enterprise_id, merge_id, contact_id, kind, row_id)
            SELECT uuid7(), %(enterprise)s, %(merge)s, %(contact)s, %(kind)s, id FROM moved
            """,  # noqa: S608 - names of ours
            {**params, "going": list(chosen.going.get(belonging.table, ())), "kind": belonging.table},
        )
    joins_may_loop()
    # Taggings follow their relation; who was merged into the one that goes now is found at the other, too.
    execute(_TAGGINGS, params)
    earlier = rows(
        """
        UPDATE contacts_contact SET merged_into_id = %(contact)s
        WHERE enterprise_id = %(enterprise)s AND merged_into_id = %(gone)s RETURNING id
        """,
        params,
    )
    execute(
        """
        INSERT INTO contacts_mergeitem (id, enterprise_id, merge_id, contact_id, kind, row_id)
        SELECT uuid7(), %(enterprise)s, %(merge)s, %(contact)s, 'contacts_contact', id
        FROM unnest(%(earlier)s::uuid[]) AS given (id)
        """,
        {**params, "earlier": [pk for (pk,) in earlier]},
    )


_TAGGINGS = """
UPDATE contacts_followtag AS worn SET contact_id = follow.contact_id
FROM contacts_follow AS follow
WHERE worn.enterprise_id = %(enterprise)s AND follow.enterprise_id = worn.enterprise_id AND follow.id = worn.follow_id
  AND worn.contact_id IN (%(contact)s, %(gone)s) AND worn.contact_id <> follow.contact_id
"""


def bring_back(merge: ContactMerge, contact: Contact, gone: Contact) -> None:
    """Move back exactly those."""
    params = {**pair(contact, gone), "merge": merge.pk, "copied": COPIED}
    execute(
        """
        DELETE FROM contacts_followtag AS worn USING contacts_mergeitem AS item
        WHERE item.enterprise_id = %(enterprise)s AND item.merge_id = %(merge)s AND item.kind = %(copied)s
          AND worn.enterprise_id = item.enterprise_id AND worn.id = item.row_id
        """,
        params,
    )
    joins_never_loop()
    for belonging in BELONGINGS:
        execute(
            f"""
            UPDATE {belonging.table} AS belonging SET contact_id = %(gone)s FROM contacts_mergeitem AS item
            WHERE item.enterprise_id = %(enterprise)s AND item.merge_id = %(merge)s AND item.kind = %(kind)s
              AND belonging.enterprise_id = item.enterprise_id AND belonging.id = item.row_id
              AND belonging.contact_id = %(contact)s
            """,  # noqa: S608 - names of ours
            {**params, "kind": belonging.table},
        )
    joins_may_loop()
    execute(_TAGGINGS, params)
    execute(
        """
        UPDATE contacts_contact AS earlier SET merged_into_id = %(gone)s FROM contacts_mergeitem AS item
        WHERE item.enterprise_id = %(enterprise)s AND item.merge_id = %(merge)s AND item.kind = 'contacts_contact'
          AND earlier.enterprise_id = item.enterprise_id AND earlier.id = item.row_id
          AND earlier.merged_into_id = %(contact)s
        """,
        params,
    )
