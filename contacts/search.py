"""Finding contacts (C11).

Under row-level security PostgreSQL does not use an inverted index, because `@@` is not leakproof (DESIGN.md 4). So the
index is read by one function of the database's owner, `contacts_found`, which takes the enterprise from the same
setting as the wall and returns ids. Who may see what is asked outside of it, as everywhere. Another,
`contacts_expected`, tells from the statistics how many words will find.
"""

from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Case, OuterRef, Q, QuerySet, When
from django.db.models.expressions import RawSQL

from common import paging
from common.sql import rows
from common.tenancy import current_enterprise_id
from common.terms import INSIDE, distance, question
from contacts.models import Contact, Follow
from contacts.rules import Status
from enterprises.actors import Actor

# So many hits are looked up by their ids. With more, a page is full sooner by walking down the list, looking at each.
FEW = 2_000
SURELY = 5 * FEW  # so many expected of one word are not collected to see whether they are few
SAMPLE = 2_000
POOL = 200  # so many of them are ranked

_FOUND = """SELECT contacts_found(%s::tsquery, %s)
    UNION SELECT id FROM contacts_contact WHERE enterprise_id = %s AND external_userid = %s"""
# The first column says that they are many; then none are collected.
_FEW = """SELECT expected.many, found.id
    FROM (SELECT %s AND contacts_expected(%s::tsquery) > %s AS many) AS expected
    LEFT JOIN LATERAL (
        SELECT contacts_found(%s::tsquery, CASE WHEN expected.many THEN 0 ELSE %s END)
        UNION SELECT id FROM contacts_contact WHERE enterprise_id = %s AND external_userid = %s
    ) AS found (id) ON true"""
_CARRIES = """COALESCE((SELECT entry.terms @@ %s::tsquery FROM contacts_searchentry AS entry
    WHERE entry.enterprise_id = contacts_contact.enterprise_id AND entry.contact_id = contacts_contact.id), false)"""


def found(contacts: QuerySet, text: str, actor: Actor) -> QuerySet:
    """Those of `contacts` that `text` finds, as a set: for bulk work, exports, everything that takes them all.

    Found are contacts whose name, remarks (its own and those of its friends) or company (as written, in pinyin, in
    initials) or phone number have all words of the text, and the one whose external user id it is. Phone numbers find
    nobody for those who may not see them.
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
    return contacts.filter(_hit(asked, text) if ids is None else _among(ids))


def count(contacts: QuerySet, text: str, actor: Actor, *, estimated: QuerySet) -> paging.Count:
    """How many of `contacts` are found: counted if they are few, else as many as there are in a sample.

    `estimated`: the same contacts, asked in a way that the planner estimates well.
    """
    asked = _asked(text, actor)
    if asked is None:
        return paging.count(contacts, estimated=estimated)
    ids = _few(asked, text)
    if ids is not None:
        return paging.count(contacts.filter(_among(ids)))
    all_of_them = paging.count(contacts, estimated=estimated)
    if all_of_them.exact:
        return paging.count(contacts.filter(_hit(asked, text)))
    sample = contacts.order_by("-added_at", "-id")[:SAMPLE].annotate(hit=_carry(asked)).values_list("hit", flat=True)
    return paging.Count(max(FEW, round(all_of_them.value * sum(sample) / SAMPLE)), exact=False)


class Suggestion(NamedTuple):
    """`called`: the remark of a friend by which the contact is found, when nothing of its own tells why it is there."""

    contact: Contact
    called: str


def suggestions(actor: Actor, text: str, *, size: int = 8) -> list[Suggestion]:
    """The contacts that somebody who has typed so much most likely means, with their owners: the best first.

    Names and remarks before other hits, whole ones before parts, those in service before others, and of equals those
    one was in contact with last. When there are very many, it is the last ones in contact.
    """
    asked = _asked(text, actor)
    if asked is None:
        return []
    remarks = Follow.objects.filter(contact_id=OuterRef("pk")).exclude(remark="").order_by("added_at", "id")
    seen = Contact.objects.visible_to(actor).select_related("owner")
    seen = seen.annotate(remarks=ArraySubquery(remarks.values("remark")))
    ids = _few(asked, text)
    if ids is None:
        last = seen.filter(_hit(asked, text)).order_by("-last_contact_at", "-id")[:size]
        return [_suggestion(contact, text) for contact in last]
    text = text.strip()
    begins = [Q(name=text) | Q(remark=text), Q(name__startswith=text) | Q(remark__startswith=text)]
    seen = seen.filter(_among(ids)).annotate(
        likely=Case(*(When(fits, then=step) for step, fits in enumerate(begins)), default=len(begins))
    )
    pool = list(seen.order_by("likely", "-last_contact_at", "-id")[:POOL])

    def rank(contact: Any) -> tuple[int, bool]:
        return distance(text, (contact.name, contact.remark, *contact.remarks)), contact.status != Status.ACTIVE

    return [_suggestion(contact, text) for contact in sorted(pool, key=rank)[:size]]


def _suggestion(contact: Any, text: str) -> Suggestion:
    if distance(text, (contact.name, contact.remark, contact.company)) <= INSIDE:
        return Suggestion(contact, "")
    return Suggestion(contact, next((one for one in contact.remarks if distance(text, (one,)) <= INSIDE), ""))


def _asked(text: str, actor: Actor) -> str | None:
    """The question as a tsquery; None when the text asks nothing. What has no letters and digits finds nobody."""
    if not text.strip():
        return None
    return question(text, current_enterprise_id(), phones=actor.may("contacts.phones"))


def _few(asked: str, text: str) -> list[UUID] | None:
    """The ids that are found, of all who see them or not; None when they are many."""
    # Of several words that must all be found the statistics know nothing: they are looked up.
    answer = rows(_FEW, ("&" not in asked, asked, SURELY, *_params(asked, text, FEW + 1)))
    ids = [pk for many, pk in answer if pk is not None]
    return None if answer[0][0] or len(ids) > FEW else ids


def _params(asked: str, text: str, most: int | None) -> tuple[Any, ...]:
    return asked, most, current_enterprise_id(), text.strip()


def _among(ids: list[UUID]) -> Q:
    """Is it one of these? As one parameter, however many."""
    return Q(RawSQL("contacts_contact.id = ANY (%s)", (ids,), output_field=BooleanField()))


def _hit(asked: str, text: str) -> Q:
    """Is this one found? Asked of each row."""
    return Q(_carry(asked)) | Q(external_userid=text.strip())


def _carry(asked: str) -> RawSQL:
    return RawSQL(_CARRIES, (asked,), output_field=BooleanField())  # noqa: S611 - the text is a parameter
