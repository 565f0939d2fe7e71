"""What contacts are found by: written wherever their texts change, and looked after every night (C11)."""

from collections.abc import Iterable, Sequence
from hashlib import md5
from uuid import UUID

from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from common.terms import mark, terms
from contacts.models import Contact
from jobs.runner import JobContext

STEP = 5_000
FIRST = "00000000-0000-0000-0000-000000000000"

# Whoever sees a contact sees the remarks of its friends, of former ones too; most are the contact's own.
REMARKS = """(SELECT array_agg(DISTINCT follow.remark COLLATE "C") AS remarks FROM contacts_follow AS follow
    WHERE follow.enterprise_id = contact.enterprise_id AND follow.contact_id = contact.id
      AND follow.remark NOT IN ('', contact.remark)) AS friends"""
# Of the texts that an entry is made of, and of the rules of terms: raise the number when those change.
VERSION = "2"
FINGERPRINT = f"""md5(concat_ws(chr(31), '{VERSION}', contact.name, contact.remark, contact.company,
    array_to_string(contact.phones, ' '), array_to_string(friends.remarks, chr(30))))::uuid"""
_STALE = f"""(SELECT entry.fingerprint FROM contacts_searchentry AS entry
    WHERE entry.enterprise_id = contact.enterprise_id AND entry.contact_id = contact.id)
    IS DISTINCT FROM {FINGERPRINT}"""  # noqa: S608 - names of ours


def index(contact_ids: Sequence[UUID]) -> int:
    """Bring the entries of these contacts up to date, as far as their texts have changed; returns how many had."""
    changed = rows(
        f"""
        SELECT contact.id, contact.name, contact.remark, contact.company, contact.phones, friends.remarks
        FROM contacts_contact AS contact CROSS JOIN LATERAL {REMARKS}
        WHERE contact.enterprise_id = %(enterprise)s AND contact.id = ANY (%(ids)s) AND {_STALE}
        """,  # noqa: S608 - names of ours
        {"enterprise": current_enterprise_id(), "ids": list(contact_ids)},
    )
    _write(changed)
    return len(changed)


def index_all(context: JobContext) -> dict[str, int]:
    """The same for all contacts of the enterprise, a step at a time."""
    after, renewed = UUID(context.cursor.get("after", FIRST)), context.cursor.get("renewed", 0)
    while True:
        with context.step():
            ids = list(Contact.objects.filter(pk__gt=after).order_by("id").values_list("pk", flat=True)[:STEP])
            renewed += index(ids)
            context.done += len(ids)
            after = ids[-1] if ids else after
            context.cursor = {"after": str(after), "renewed": renewed}
        if len(ids) < STEP:
            return {"contacts": context.done, "renewed": renewed}


def index_one(contact: Contact) -> None:
    """The same for one contact that is new, so that nobody has a remark of it yet."""
    _write([(contact.pk, contact.name, contact.remark, contact.company, contact.phones, None)])


def _write(contacts: Iterable[tuple[UUID, str, str, str, Sequence[str], Sequence[str] | None]]) -> None:
    own = mark(current_enterprise_id())
    entries = [
        (
            pk,
            "\x1f".join(own + term for term in terms((name, remark, company, *(remarks or ())), phones)),
            fingerprint(name, remark, company, phones, remarks or ()),
        )
        for pk, name, remark, company, phones, remarks in contacts
    ]
    if not entries:
        return
    ids, texts, fingerprints = map(list, zip(*entries, strict=True))
    execute(
        """
        INSERT INTO contacts_searchentry (id, enterprise_id, contact_id, terms, fingerprint)
        SELECT uuid7(), %(enterprise)s, given.id, array_to_tsvector(string_to_array(given.terms, chr(31))),
               given.fingerprint
        FROM unnest(%(ids)s::uuid[], %(terms)s::text[], %(fingerprints)s::uuid[]) AS given (id, terms, fingerprint)
        ON CONFLICT (enterprise_id, contact_id) DO UPDATE
        SET terms = excluded.terms, fingerprint = excluded.fingerprint
        """,
        {"enterprise": current_enterprise_id(), "ids": ids, "terms": texts, "fingerprints": fingerprints},
        planned=True,
    )


def fingerprint(name: str, remark: str, company: str, phones: Sequence[str], remarks: Sequence[str] = ()) -> UUID:
    """What the database computes as well, to see whether an entry is of the contact's present texts.

    `remarks`: those of friends that are not the contact's own, in the order of the database.
    """
    texts = [VERSION, name, remark, company, " ".join(phones)]
    if remarks:
        texts.append("\x1e".join(remarks))
    return UUID(md5("\x1f".join(texts).encode(), usedforsecurity=False).hexdigest())
