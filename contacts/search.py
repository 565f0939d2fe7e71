"""Search (C11): the entries that contacts are found by, and finding them.

Under row-level security PostgreSQL does not use an inverted index, because `@@` is not leakproof (DESIGN.md 4). So the
index is read by one function of the database's owner, `contacts_found`, which takes the enterprise from the same
setting as the wall and returns ids. Who may see what is asked outside of it, as everywhere.
"""

from collections.abc import Iterable, Sequence
from hashlib import md5
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from common import paging
from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from common.terms import mark, question, terms
from contacts.models import Contact
from enterprises.actors import Actor

# So many hits are looked up by their ids. With more, a page is full sooner by walking down the list, looking at each.
FEW = 2_000
SAMPLE = 2_000

# --- What contacts are found by ---------------------------------------------------------------------------

# Of the texts that an entry is made of, and of the rules of terms: raise the number when those change.
VERSION = "1"
_FINGERPRINT = f"""md5(concat_ws(chr(31), '{VERSION}', contact.name, contact.remark, contact.company,
    array_to_string(contact.phones, ' ')))::uuid"""
_STALE = f"""(SELECT entry.fingerprint FROM contacts_searchentry AS entry
    WHERE entry.enterprise_id = contact.enterprise_id AND entry.contact_id = contact.id)
    IS DISTINCT FROM {_FINGERPRINT}"""


def index(contact_ids: Sequence[UUID]) -> int:
    """Bring the entries of these contacts up to date, as far as their texts have changed; returns how many had."""
    changed = rows(
        f"""
        SELECT contact.id, contact.name, contact.remark, contact.company, contact.phones
        FROM contacts_contact AS contact
        WHERE contact.enterprise_id = %(enterprise)s AND contact.id = ANY (%(ids)s) AND {_STALE}
        """,  # noqa: S608 - names of ours
        {"enterprise": current_enterprise_id(), "ids": list(contact_ids)},
    )
    _write(changed)
    return len(changed)


def index_one(contact: Contact) -> None:
    """The same for one contact whose texts are known to be new."""
    _write([(contact.pk, contact.name, contact.remark, contact.company, contact.phones)])


def _write(contacts: Iterable[tuple[UUID, str, str, str, Sequence[str]]]) -> None:
    own = mark(current_enterprise_id())
    entries = [
        (
            pk,
            "\x1f".join(own + term for term in terms((name, remark, company), phones)),
            fingerprint(name, remark, company, phones),
        )
        for pk, name, remark, company, phones in contacts
    ]
    if not entries:
        return
    ids, texts, fingerprints = zip(*entries, strict=True)
    execute(
        """
        INSERT INTO contacts_searchentry (id, enterprise_id, contact_id, terms, fingerprint)
        SELECT uuid7(), %(enterprise)s, given.id, array_to_tsvector(string_to_array(given.terms, chr(31))), given.fingerprint
        FROM unnest(%(ids)s::uuid[], %(terms)s::text[], %(fingerprints)s::uuid[]) AS given (id, terms, fingerprint)
        ON CONFLICT (enterprise_id, contact_id) DO UPDATE
        SET terms = excluded.terms, fingerprint = excluded.fingerprint
        """,
        {"enterprise": current_enterprise_id(), "ids": ids, "terms": texts, "fingerprints": fingerprints},
    )


def fingerprint(name: str, remark: str, company: str, phones: Sequence[str]) -> UUID:
    """What the database computes as well, to see whether an entry is of the contact's present texts."""
    texts = "\x1f".join((VERSION, name, remark, company, " ".join(phones)))
    return UUID(md5(texts.encode(), usedforsecurity=False).hexdigest())


# --- Finding them -----------------------------------------------------------------------------------------

_FOUND = """SELECT contacts_found(%s::tsquery, %s)
    UNION SELECT id FROM contacts_contact WHERE enterprise_id = %s AND external_userid = %s"""
_CARRIES = """COALESCE((SELECT entry.terms @@ %s::tsquery FROM contacts_searchentry AS entry
    WHERE entry.enterprise_id = contacts_contact.enterprise_id AND entry.contact_id = contacts_contact.id), false)"""


def found(contacts: QuerySet, text: str, actor: Actor) -> QuerySet:
    """Those of `contacts` that `text` finds, as a set: for bulk work, exports, everything that takes them all.

    Found are contacts whose name, remark or company (as written, in pinyin, in initials) or phone number have all words
    of the text, and the one whose external user id it is. Phone numbers find nobody for those who may not see them.
    """
    asked = _asked(text, actor)
    if asked is None:
        return contacts
    return contacts.filter(id__in=RawSQL(_FOUND, _params(asked, text, None)))  # noqa: S611 - a text of ours


def listed(contacts: QuerySet, text: str, actor: Actor) -> QuerySet:
    """The same contacts, for lists: to be read in order of an index from the top, a page at a time."""
    asked = _asked(text, actor)
    if asked is None:
        return contacts
    ids = _few(asked, text)
    return contacts.filter(Q(_carry(asked)) | Q(external_userid=text.strip()) if ids is None else Q(id__in=ids))


def count(contacts: QuerySet, text: str, actor: Actor) -> paging.Count:
    """How many of `contacts` are found: counted if they are few, else as many as there are in a sample."""
    asked = _asked(text, actor)
    if asked is None:
        return paging.count(contacts)
    ids = _few(asked, text)
    if ids is not None:
        return paging.count(contacts.filter(id__in=ids))
    all_of_them = paging.count(contacts)
    if all_of_them.exact:
        return paging.count(contacts.filter(_carry(asked)))
    sample = contacts.order_by("-added_at", "-id")[:SAMPLE].annotate(hit=_carry(asked)).values_list("hit", flat=True)
    return paging.Count(max(FEW, round(all_of_them.value * sum(sample) / SAMPLE)), exact=False)


def _asked(text: str, actor: Actor) -> str | None:
    """The question as a tsquery; None when the text asks nothing. What has no letters and digits finds nobody."""
    if not text.strip():
        return None
    return question(text, current_enterprise_id(), phones=actor.may("contacts.phones"))


def _few(asked: str, text: str) -> list[UUID] | None:
    """The ids that are found, of all who see them or not; None when they are many."""
    ids = [pk for (pk,) in rows(_FOUND, _params(asked, text, FEW + 1))]
    return ids if len(ids) <= FEW else None


def _params(asked: str, text: str, most: int | None) -> tuple[Any, ...]:
    return asked, most, current_enterprise_id(), text.strip()


def _carry(asked: str) -> RawSQL:
    return RawSQL(_CARRIES, (asked,), output_field=BooleanField())  # noqa: S611 - the text is a parameter
