"""Deleting for good (C8): only what takes no place; the ledger and the audit trail outlive it."""

from uuid import UUID

from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.services import attachments
from contacts.services.bulk.batch import DONE, Batch

CANNOT_DELETE = "CASE WHEN contact.status = 'active' THEN 'not_archived' ELSE '' END"

# What belongs to a contact and goes with it, in the order of deletion; rooms above append theirs.
BELONGINGS = [
    "contacts_followup",
    "contacts_cleanupitem",
    "contacts_searchentry",
    "contacts_followtag",
    "contacts_follow",
    "contacts_groupmember",
    "contacts_interaction",
    "contacts_purchase",
]


# Files of follow-ups: their rows go first, and what they hold once that is committed.
FILES = "contacts_followupfile"


def delete_one(contact_id: UUID) -> None:
    """The same as `delete`, for one contact."""
    params = {"enterprise": current_enterprise_id(), "contact": contact_id}
    files = f"DELETE FROM {FILES} WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s"
    attachments.erase_later([attachments.place_of(*one) for one in rows(f"{files} RETURNING id, extension", params)])
    for table in BELONGINGS:
        execute(f"DELETE FROM {table} WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s", params)
    execute("DELETE FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id = %(contact)s", params)


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
        _take_names_off(batch)
        batch.record("contacts.deleted", count, "")


def _take_names_off(batch: Batch) -> None:
    """What outlives a contact keeps no name of it: the ledger, whose rows add up (Q14), and the audit trail (X3)."""
    batch.execute(
        f"""
        UPDATE quota_ledgerentry AS entry SET contact_label = '' FROM contacts_bulkitem AS item
        WHERE {DONE} AND entry.enterprise_id = item.enterprise_id AND entry.contact_id = item.contact_id
        """
    )
    batch.execute(
        f"""
        UPDATE enterprises_auditentry AS entry SET subject_label = '', before = '{{}}', after = '{{}}'
        FROM contacts_bulkitem AS item
        WHERE {DONE} AND entry.enterprise_id = item.enterprise_id AND entry.subject_id = item.contact_id
          AND entry.subject_type = 'contact'
        """
    )
    batch.execute(
        f"""
        DELETE FROM jobs_notification AS told USING contacts_bulkitem AS item
        WHERE {DONE} AND told.enterprise_id = item.enterprise_id AND told.data ->> 'id' = item.contact_id::text
        """
    )


def _delete_files(batch: Batch) -> None:
    gone = rows(
        f"""
        DELETE FROM {FILES} AS file USING contacts_bulkitem AS item
        WHERE {DONE} AND file.enterprise_id = item.enterprise_id AND file.contact_id = item.contact_id
        RETURNING file.id, file.extension
        """,
        batch.params,
    )
    attachments.erase_later([attachments.place_of(*one) for one in gone])
