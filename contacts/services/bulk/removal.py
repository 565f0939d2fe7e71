"""Deleting for good (C8): only what takes no place; the ledger and the audit trail outlive it."""

from common.sql import rows
from contacts.services import attachments
from contacts.services.bulk.batch import DONE, Batch

CANNOT_DELETE = "CASE WHEN contact.status = 'active' THEN 'not_archived' ELSE '' END"

# What belongs to a contact and goes with it, in the order of deletion; rooms above append theirs.
BELONGINGS = [
    "contacts_followup",
    "contacts_searchentry",
    "contacts_followtag",
    "contacts_follow",
    "contacts_groupmember",
    "contacts_interaction",
    "contacts_purchase",
]


def delete(batch: Batch) -> None:
    """Delete the contacts and everything that belongs to them."""
    _delete_files(batch)
    for table in BELONGINGS:
        batch.execute(
            f"""
            DELETE FROM {table} AS belonging USING contacts_bulkitem AS item
            WHERE {DONE} AND belonging.enterprise_id = item.enterprise_id AND belonging.contact_id = item.contact_id
            """
        )
    count = batch.execute(
        f"""
        DELETE FROM contacts_contact AS contact USING contacts_bulkitem AS item
        WHERE {DONE} AND contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
        """
    )
    if count:
        batch.record("contacts.deleted", count, "")


def _delete_files(batch: Batch) -> None:
    """The files of follow-ups: their rows now, what they hold once that is committed."""
    gone = rows(
        f"""
        DELETE FROM contacts_followupfile AS file USING contacts_bulkitem AS item
        WHERE {DONE} AND file.enterprise_id = item.enterprise_id AND file.contact_id = item.contact_id
        RETURNING file.id, file.extension
        """,
        batch.params,
    )
    attachments.erase_later([attachments.place_of(*one) for one in gone])
