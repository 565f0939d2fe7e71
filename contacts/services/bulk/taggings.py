"""Tags on and off: a tag belongs to a follow (C13), so the same rules as for one contact, set-based.

Tags go to the actor's own follow, else to the owner's, else to the oldest. Staff who are friends of the contact take
tags off their own follow only; everybody else off every follow.
"""

from contacts.services import tag_room
from contacts.services.bulk.batch import DONE, Batch

_FOLLOWS = """contacts_follow AS follow WHERE follow.enterprise_id = contact.enterprise_id
    AND follow.contact_id = contact.id AND follow.state = 'active'"""
_TARGET = f"""(SELECT follow.id FROM {_FOLLOWS}
    ORDER BY follow.member_id IS DISTINCT FROM %(actor)s::uuid, follow.member_id IS DISTINCT FROM contact.owner_id,
             follow.added_at, follow.id
    LIMIT 1)"""
_TAGS = "unnest(%(tags)s::uuid[]) AS wanted (id)"

# How many of the tags the target wears already, and has it room for the others?
CANNOT_TAG = f"""(SELECT CASE
    WHEN target.id IS NULL THEN 'no_follow'
    WHEN worn.same = cardinality(%(tags)s::uuid[]) THEN 'already_tagged'
    WHEN cardinality(%(tags)s::uuid[]) > {tag_room.beside("target.id", "%(tags)s::uuid[]")} THEN 'too_many_tags'
    ELSE '' END
    FROM (SELECT {_TARGET} AS id OFFSET 0) AS target CROSS JOIN LATERAL (
        SELECT count(*) AS same FROM contacts_followtag AS worn WHERE worn.enterprise_id = contact.enterprise_id
           AND worn.follow_id = target.id AND worn.tag_id = ANY (%(tags)s::uuid[])) AS worn)"""

_WORN = f"""worn.enterprise_id = contact.enterprise_id AND worn.contact_id = contact.id
    AND worn.tag_id = ANY (%(tags)s::uuid[])
    AND (NOT %(staff)s OR worn.follow_id = coalesce(
        (SELECT follow.id FROM {_FOLLOWS} AND follow.member_id = %(actor)s::uuid), worn.follow_id))"""

CANNOT_UNTAG = f"CASE WHEN EXISTS (SELECT FROM contacts_followtag AS worn WHERE {_WORN}) THEN '' ELSE 'not_tagged' END"


# What a pair names is looked up by its key, as a value, never joined: the planner takes the pairs of an item for a
# hundred, and would read whole tables for each (undoing 20 000 tags took 43 s instead of 3).
#
# Ids are given out before the taggings are made, and found taggings are written down before they are taken off, so
# that an item knows what was done to it without being joined to anything. An id whose tagging was there already is
# never used.
MADE = f"""jsonb_build_object('taggings', (
    SELECT jsonb_agg(jsonb_build_array(uuid7(), wanted.id)) FROM {_TAGS} WHERE item.contact_id IS NOT NULL))"""
TAKEN = f"""jsonb_build_object('removed', (
    SELECT jsonb_agg(jsonb_build_array(worn.follow_id, worn.tag_id, worn.rule_id, former.state))
    FROM contacts_followtag AS worn JOIN contacts_follow AS former
      ON former.enterprise_id = worn.enterprise_id AND former.id = worn.follow_id
    WHERE {_WORN}))"""


def tag(batch: Batch) -> None:
    """Put the tags on."""
    made = batch.execute(
        f"""
        INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id)
        SELECT (pair ->> 0)::uuid, item.enterprise_id, {_TARGET}, contact.id, (pair ->> 1)::uuid
        FROM contacts_bulkitem AS item
        JOIN contacts_contact AS contact ON contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
        CROSS JOIN LATERAL jsonb_array_elements(item.before -> 'taggings') AS pair
        WHERE {DONE}
        ON CONFLICT DO NOTHING
        """
    )
    if made:
        batch.record("contacts.tagged", batch.count_done(), "", tags=batch.options["tags"])


def untag(batch: Batch) -> None:
    """Take the tags off."""
    gone = batch.execute(
        f"""
        DELETE FROM contacts_followtag WHERE enterprise_id = %(enterprise)s AND id = ANY (ARRAY(
            SELECT (SELECT worn.id FROM contacts_followtag AS worn WHERE worn.enterprise_id = item.enterprise_id
                    AND worn.follow_id = (pair ->> 0)::uuid AND worn.tag_id = (pair ->> 1)::uuid)
            FROM contacts_bulkitem AS item
            CROSS JOIN LATERAL jsonb_array_elements(item.before -> 'removed') AS pair WHERE {DONE}))
        """
    )
    if gone:
        batch.record("contacts.untagged", batch.count_done(), "", tags=batch.options["tags"])


# --- Taking it back -------------------------------------------------------------------------------------------

CANNOT_UNDO_TAG = """CASE WHEN EXISTS (
    SELECT FROM jsonb_array_elements(item.before -> 'taggings') AS pair
    WHERE (SELECT true FROM contacts_followtag AS worn
           WHERE worn.enterprise_id = item.enterprise_id AND worn.id = (pair ->> 0)::uuid)
    ) THEN '' ELSE 'changed_since' END"""

# A relation that had ended when its tag was taken off is as it was, too.
_FOLLOWS_STILL = """(SELECT true FROM contacts_follow AS follow WHERE follow.enterprise_id = item.enterprise_id
    AND follow.id = (pair ->> 0)::uuid AND follow.contact_id = item.contact_id AND follow.state = pair ->> 3)"""
_TAG_STANDS = """(SELECT true FROM contacts_tag AS tag
    WHERE tag.enterprise_id = item.enterprise_id AND tag.id = (pair ->> 1)::uuid)"""

# What can be put back of an item, by relation: not what is worn again, and not more than the relation has room for.
CANNOT_UNDO_UNTAG = f"""(
    SELECT CASE WHEN count(*) = 0 THEN 'changed_since'
                WHEN bool_or(back.wanted > {tag_room.beside("back.follow")}) THEN 'too_many_tags' ELSE '' END
    FROM (SELECT (pair ->> 0)::uuid AS follow, count(*) AS wanted
          FROM jsonb_array_elements(item.before -> 'removed') AS pair
          WHERE {_FOLLOWS_STILL} AND {_TAG_STANDS}
            AND (SELECT true FROM contacts_followtag AS worn
                 WHERE worn.enterprise_id = item.enterprise_id AND worn.follow_id = (pair ->> 0)::uuid
                   AND worn.tag_id = (pair ->> 1)::uuid) IS NULL
          GROUP BY 1) AS back)"""


def undo_tag(batch: Batch) -> None:
    """Take off what the undone job put on; taggings that others made are left."""
    gone = batch.execute(
        f"""
        DELETE FROM contacts_followtag WHERE enterprise_id = %(enterprise)s AND id = ANY (ARRAY(
            SELECT (pair ->> 0)::uuid FROM contacts_bulkitem AS item
            CROSS JOIN LATERAL jsonb_array_elements(item.before -> 'taggings') AS pair WHERE {DONE}))
        """
    )
    if gone:
        batch.record("contacts.untagged", batch.count_done(), "", undoes=str(batch.undoes))


def undo_untag(batch: Batch) -> None:
    """Put back what the undone job took off, where the relation and the tag still exist: in the name of the rule that
    had put it on, which may take it off again."""
    made = batch.execute(
        f"""
        INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id, rule_id)
        SELECT uuid7(), item.enterprise_id, (pair ->> 0)::uuid, item.contact_id, (pair ->> 1)::uuid,
               (SELECT rule.id FROM contacts_tagrule AS rule
                WHERE rule.enterprise_id = item.enterprise_id AND rule.id = (pair ->> 2)::uuid FOR KEY SHARE)
        FROM contacts_bulkitem AS item CROSS JOIN LATERAL jsonb_array_elements(item.before -> 'removed') AS pair
        WHERE {DONE} AND {_FOLLOWS_STILL} AND {_TAG_STANDS}
        ON CONFLICT DO NOTHING
        """
    )
    if made:
        batch.record("contacts.tagged", batch.count_done(), "", undoes=str(batch.undoes))
