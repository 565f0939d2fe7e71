"""Deleting for good (C8): only what takes no place; the ledger and the audit trail outlive it."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.services import attachments
from contacts.services.bulk.batch import DONE, Batch
from jobs import files

CANNOT_DELETE = "CASE WHEN contact.status = 'active' THEN 'not_archived' ELSE '' END"

# The job that writes everything about one person into a file (contacts.services.persons).
EXPORT_OF_ONE = "contacts.export_person"

# What belongs to a contact and goes with it, in the order of deletion; rooms above append theirs.
BELONGINGS = [
    "contacts_grant",
    "contacts_followup",
    "contacts_cleanupitem",
    "contacts_mergeitem",
    "contacts_contactmerge",
    "contacts_searchentry",
    "contacts_followtag",
    "contacts_follow",
    "contacts_groupmember",
    "contacts_interaction",
    "contacts_purchase",
]


# Files of follow-ups: their rows go first, and what they hold once that is committed.
FILES = "contacts_followupfile"


def delete_one(contact_id: UUID) -> list[UUID]:
    """The same as `delete`, for one contact, with those that were merged into it; the ids of all of them."""
    params = {"enterprise": current_enterprise_id(), "contact": contact_id}
    merged = "SELECT id FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND merged_into_id = %(contact)s"
    deleted = [contact_id]
    for (gone,) in rows(merged, params):
        deleted += delete_one(gone)
    files = f"DELETE FROM {FILES} WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s"
    attachments.erase_later([attachments.place_of(*one) for one in rows(f"{files} RETURNING id, extension", params)])
    for table in BELONGINGS:
        execute(f"DELETE FROM {table} WHERE enterprise_id = %(enterprise)s AND contact_id = %(contact)s", params)
    execute("DELETE FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id = %(contact)s", params)
    return deleted


def delete(batch: Batch) -> None:
    """Delete the contacts and everything that belongs to them."""
    _delete_merged(batch)
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
        take_names_off(f"(SELECT item.contact_id FROM contacts_bulkitem AS item WHERE {DONE})", batch.params)
        batch.record("contacts.deleted", count, "")


def take_names_off(contacts: str, params: dict[str, Any]) -> None:
    """What outlives contacts keeps no name of them: the ledger, whose rows add up (Q14), and the audit trail (X3).

    `contacts` is SQL for a table of their ids. What members and webhooks were told of them goes, mails with it.
    """
    about = "{told} ->> 'id' IN (SELECT gone.id::text FROM {contacts} AS gone (id))"
    for statement in (
        """
        UPDATE quota_ledgerentry AS entry SET contact_label = '' FROM {contacts} AS gone (id)
        WHERE entry.enterprise_id = %(enterprise)s AND entry.contact_id = gone.id
        """,
        """
        UPDATE enterprises_auditentry AS entry SET subject_label = '', before = '{{}}', after = '{{}}'
        FROM {contacts} AS gone (id)
        WHERE entry.enterprise_id = %(enterprise)s AND entry.subject_id = gone.id AND entry.subject_type = 'contact'
        """,
        f"""
        DELETE FROM jobs_delivery AS sent WHERE sent.enterprise_id = %(enterprise)s AND (
            {about.replace("{told}", "sent.payload -> 'data'")} OR sent.notification_id IN (
                SELECT told.id FROM jobs_notification AS told
                WHERE told.enterprise_id = %(enterprise)s AND {about.replace("{told}", "told.data")}))
        """,
        f"""
        DELETE FROM jobs_notification AS told
        WHERE told.enterprise_id = %(enterprise)s AND {about.replace("{told}", "told.data")}
        """,
    ):
        execute(statement.format(contacts=contacts), params)
    _remove_exports(contacts, params)


def _remove_exports(contacts: str, params: dict[str, Any]) -> None:
    """What was written of one person as a file goes with them, once that is committed."""
    made = rows(
        f"""
        UPDATE jobs_jobrun AS run SET report = '' FROM {contacts} AS gone (id)
        WHERE run.enterprise_id = %(enterprise)s AND run.name = %(export)s AND run.report <> ''
          AND run.params ->> 'contact' = gone.id::text
        RETURNING run.id
        """,
        {**params, "export": EXPORT_OF_ONE},
    )
    for (run,) in made:
        transaction.on_commit(partial(files.remove, current_enterprise_id(), run), robust=True)


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


def _delete_merged(batch: Batch) -> None:
    """Who was merged into a contact goes with it: few, so one by one."""
    merged = rows(
        f"""
        SELECT gone.id FROM contacts_bulkitem AS item JOIN contacts_contact AS gone
          ON gone.enterprise_id = item.enterprise_id AND gone.merged_into_id = item.contact_id
        WHERE {DONE}
        """,
        batch.params,
    )
    ids = [deleted for (gone,) in merged for deleted in delete_one(gone)]
    if ids:
        take_names_off("unnest(%(gone)s::uuid[])", {"enterprise": current_enterprise_id(), "gone": ids})
