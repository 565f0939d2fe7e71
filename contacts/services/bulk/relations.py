"""Transfer: another member becomes the owner (C3, O1). Takes no place; follows and tags stay."""

from contacts.services import owners
from contacts.services.bulk.batch import CONTACTS, Batch

CANNOT_TRANSFER = "CASE WHEN contact.owner_id IS NOT DISTINCT FROM %(owner)s::uuid THEN 'same_owner' ELSE '' END"

_BEFORE = "(item.before ->> 'owner')::uuid"
CANNOT_UNDO_TRANSFER = f"""CASE
    WHEN contact.owner_id IS DISTINCT FROM %(owner)s::uuid THEN 'changed_since'
    WHEN {_BEFORE} IS NOT NULL AND NOT EXISTS (
        SELECT FROM enterprises_member AS previous WHERE previous.enterprise_id = item.enterprise_id
            AND previous.id = {_BEFORE} AND previous.status = 'active') THEN 'owner_gone'
    ELSE '' END"""


def transfer(batch: Batch) -> None:
    """Make the named member the owner; each item keeps whose the contact was."""
    _give(batch, "%(owner)s::uuid")


def undo_transfer(batch: Batch) -> None:
    """Make the previous owners owners again."""
    _give(batch, _BEFORE)


def _give(batch: Batch, owner: str) -> None:
    moved = owners.give(
        batch.actor,
        pairs=f"SELECT contact.id, {owner} FROM {CONTACTS}",
        params=batch.params,
        key=f"job:{batch.job}",
        at=batch.now,
        data={"job": str(batch.job)},
    )
    if moved:
        after = {"undoes": str(batch.undoes)} if batch.undoes else {"owner": batch.options["owner"]}
        batch.record("contacts.owner_changed", sum(one.contacts for one in moved), "", **after)
