"""Transfer: another member becomes the owner (C3, O1). Takes no place of the enterprise, but one of the
new owner's team, which may be full (Q12). Follows and tags stay; what it is called is the new owner's word (C11).
"""

from uuid import UUID

from common.sql import rows
from contacts.services import owners
from contacts.services.bulk.batch import CONTACTS, Batch
from quota import services as quota

CANNOT_TRANSFER = "CASE WHEN contact.owner_id IS NOT DISTINCT FROM %(owner)s::uuid THEN 'same_owner' ELSE '' END"

BEFORE = f"""jsonb_build_object('owner', contact.owner_id, 'remark', contact.remark,
    'called', {owners.remark_by("%(owner)s::uuid")})"""
_BEFORE = "(item.before ->> 'owner')::uuid"
# Every change of owner stands on the timeline: somebody may have given the contact on, and got it back.
_CHANGED_SINCE = """EXISTS (
    SELECT FROM contacts_interaction AS noted JOIN contacts_interaction AS later
      ON later.enterprise_id = noted.enterprise_id AND later.contact_id = noted.contact_id
     AND later.kind = 'owner_changed' AND (later.at, later.id) > (noted.at, noted.id)
    WHERE noted.enterprise_id = contact.enterprise_id AND noted.contact_id = contact.id
      AND noted.key = 'job:' || %(undoes)s::text)"""
CANNOT_UNDO_TRANSFER = f"""CASE
    WHEN contact.owner_id IS DISTINCT FROM %(owner)s::uuid OR {_CHANGED_SINCE} THEN 'changed_since'
    WHEN {_BEFORE} IS NOT NULL AND NOT EXISTS (
        SELECT FROM enterprises_member AS previous WHERE previous.enterprise_id = item.enterprise_id
            AND previous.id = {_BEFORE} AND previous.status = 'active') THEN 'owner_gone'
    ELSE '' END"""


def transfer(batch: Batch) -> None:
    """Make the named member the owner; each item keeps whose the contact was, and what it was called."""
    _give(batch, "%(owner)s::uuid", "NULL::text")


def undo_transfer(batch: Batch) -> None:
    """Make the previous owners owners again, of contacts that are called what they were."""
    _give(batch, _BEFORE, owners.restored("item.before"))


def _give(batch: Batch, owner: str, remark: str) -> None:
    batch.refuse(quota.moves_that_do_not_fit(lambda: _moves(batch, owner)))
    moved = owners.give(
        batch.actor,
        pairs=f"SELECT contact.id, {owner}, {remark} FROM {CONTACTS}",
        params=batch.params,
        key=f"job:{batch.job}",
        at=batch.now,
        data={"job": str(batch.job)},
    )
    if moved:
        after = {"undoes": str(batch.undoes)} if batch.undoes else {"owner": batch.options["owner"]}
        batch.record("contacts.owner_changed", sum(one.contacts for one in moved), "", **after)


def _moves(batch: Batch, owner: str) -> list[tuple[UUID | None, UUID | None]]:
    """From whom to whom each contact goes, in the order of their ids; who is not served takes no place."""
    return rows(
        f"""
        SELECT CASE WHEN contact.status = 'active' THEN contact.owner_id END,
               CASE WHEN contact.status = 'active' THEN {owner} END
        FROM {CONTACTS} ORDER BY item.contact_id
        """,
        batch.params,
    )
