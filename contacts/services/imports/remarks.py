"""Whose word the remark of an imported row is: the contact's own, which is its owner's, or another friend's (C11)."""

from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.services.steps import lock_all

# SQL: is it the contact's own? It is a friend's when the row names another member than the owner.
OWN = "coalesce(staged.owner_id = contact.owner_id, staged.owner_id IS NULL)"
RENAMES = f"""(staged.remark <> '' AND NOT {OWN} AND EXISTS (
    SELECT FROM contacts_follow AS follow
    WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = staged.contact_id
      AND follow.member_id = staged.owner_id AND follow.remark <> staged.remark))"""
_SAYS = "staged.refusal IS NULL AND NOT staged.fresh AND staged.remark <> ''"
_NEWS = f"{_SAYS} AND (NOT {OWN} OR contact.remark <> staged.remark)"
_KNOWN = f"""contact.enterprise_id = %(enterprise)s AND contact.id = staged.contact_id
    AND contact.id = ANY (ARRAY(SELECT contact_id FROM staged WHERE {_SAYS}))"""  # noqa: S608 - conditions of ours


def rename() -> None:
    """A row's remark replaces that of the member whom it names, and the owner's where it names nobody.

    Before the contacts' own are written. Contacts are locked before their friends, as by all who write both.
    """
    params = {"enterprise": current_enterprise_id()}
    found = rows(
        f"SELECT contact.id FROM staged JOIN contacts_contact AS contact ON {_KNOWN} WHERE {_NEWS}",  # noqa: S608
        params,
    )
    lock_all([contact for (contact,) in found])
    execute(
        f"""
        WITH made AS (
            UPDATE contacts_follow AS follow SET remark = staged.remark
            FROM staged, contacts_contact AS contact
            WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = staged.contact_id
              AND follow.contact_id = ANY (ARRAY(SELECT contact_id FROM staged WHERE {_SAYS}))
              AND follow.member_id = coalesce(staged.owner_id, contact.owner_id) AND follow.remark <> staged.remark
              AND {_KNOWN} AND {_NEWS}
            RETURNING follow.contact_id)
        UPDATE staged SET changed = true FROM made WHERE staged.contact_id = made.contact_id
        """,  # noqa: S608 - conditions of ours
        params,
    )
