"""Deleting for good (C8): only what takes no place; the ledger and the audit trail outlive it."""

from contacts.services.bulk.batch import DONE, Batch

CANNOT_DELETE = "CASE WHEN contact.status = 'active' THEN 'not_archived' ELSE '' END"

# What belongs to a contact and goes with it, in the order of deletion; rooms above append theirs.
BELONGINGS = [
    "contacts_searchentry",
    "contacts_followtag",
    "contacts_follow",
    "contacts_groupmember",
    "contacts_interaction",
    "contacts_purchase",
]


def delete(batch: Batch) -> None:
    """Delete the contacts and everything that belongs to them."""
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
