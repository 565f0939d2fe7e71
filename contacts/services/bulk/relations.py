"""Transfer: another member becomes the owner (C3, O1). Takes no place; follows and tags stay."""

from contacts.rules import Kind
from contacts.services.bulk.batch import DONE, Batch

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
    _give(batch, "%(owner)s::uuid", previous=_BEFORE)


def undo_transfer(batch: Batch) -> None:
    """Make the previous owners owners again."""
    _give(batch, _BEFORE, previous="%(owner)s::uuid")


def _give(batch: Batch, owner: str, *, previous: str) -> None:
    count = batch.execute(
        f"""
        UPDATE contacts_contact AS contact SET owner_id = {owner}, version = contact.version + 1
        FROM contacts_bulkitem AS item
        WHERE {DONE} AND contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
        """
    )
    if not count:
        return
    name = "(SELECT name FROM enterprises_member WHERE enterprise_id = item.enterprise_id AND id = {})"
    names = f"jsonb_build_object('from', {name.format(previous)}, 'to', {name.format(owner)})"
    batch.note(Kind.OWNER_CHANGED, names)
    after = {"undoes": str(batch.undoes)} if batch.undoes else {"owner": batch.options["owner"]}
    batch.record("contacts.owner_changed", count, "", **after)
