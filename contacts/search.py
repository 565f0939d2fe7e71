"""Finding contacts (C11).

Under row-level security PostgreSQL does not use an inverted index, because `@@` is not leakproof (DESIGN.md 4). So the
index is read by one function of the database's owner, `contacts_found`, which takes the enterprise from the same
setting as the wall and returns ids. Who may see what is asked outside of it, as everywhere. Another,
`contacts_expected`, tells from the statistics how many words will find.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from common import paging
from common.sql import dicts, row, rows, subquery
from common.tenancy import current_enterprise_id
from common.terms import INSIDE, Question, distance, question
from contacts.models import Contact
from contacts.rules import Status
from enterprises.actors import Actor
from enterprises.models import Member

# So many hits are looked up by their ids. With more, a page is full sooner by walking down the list, looking at each.
FEW = 2_000
SURELY = 5 * FEW  # with so many expected none are collected first
LOOKED_AT = 8_000  # when so many are expected of what is sought, `contacts_found` need not try: it looks at no more
NEAR = 4_000  # of several words it is not known, but expected: the list is walked down so far, then they are collected
SAMPLE = 2_000
POOL = 100  # so many of them are ranked
# As the model has them.
_SHOWN = ("id", "external_userid", "name", "remark", "kind", "company", "status", "owner_id", "last_contact_at")

_HITS = """SELECT id FROM contacts_found({sought}, %s::tsquery, {most}) AS hit (id)
    UNION ALL SELECT id FROM contacts_contact WHERE enterprise_id = %s AND external_userid = %s"""
_FOUND = _HITS.format(sought="%s::tsquery", most="NULL")
# The ids come, and go back, as one text. The first column says that many are expected; then none are collected.
_FEW = f"""SELECT expected.many, found.number, found.ids::text
    FROM (SELECT contacts_expected(%s::tsquery) OFFSET 0) AS looks (number)
    CROSS JOIN LATERAL (
        SELECT %s AND looks.number > %s AND contacts_expected(%s::tsquery) > %s,
               CASE WHEN looks.number <= {LOOKED_AT} THEN %s::tsquery END OFFSET 0
    ) AS expected (many, sought)
    CROSS JOIN LATERAL (
        SELECT count(*), coalesce(array_agg(id), '{{}}') FROM ({
    _HITS.format(sought="expected.sought", most="CASE WHEN expected.many THEN 0 ELSE %s END")
}) AS each
    ) AS found (number, ids)"""  # noqa: S608 - a text of ours
_CARRIES = """COALESCE((SELECT entry.terms @@ %s::tsquery FROM contacts_searchentry AS entry
    WHERE entry.enterprise_id = contacts_contact.enterprise_id AND entry.contact_id = contacts_contact.id), false)"""
# Those who are called so, those whose name begins so, the others; of each the last in contact first.
_POOL = f"""SELECT found.*, (SELECT name FROM enterprises_member AS owner
        WHERE owner.enterprise_id = %(enterprise)s AND owner.id = found.owner_id) AS owner_name
    FROM ({{found}}) AS found
    ORDER BY %(text)s NOT IN (name, remark), NOT (starts_with(name, %(text)s) OR starts_with(remark, %(text)s)),
        last_contact_at DESC, id DESC LIMIT {POOL}"""  # noqa: S608 - texts of ours
_REMARKS = """SELECT contact_id, remark FROM contacts_follow
    WHERE enterprise_id = %s AND contact_id = ANY (%s) AND remark <> '' ORDER BY added_at, id"""

Remarks = defaultdict[UUID, list[str]]


class Hits(NamedTuple):
    """What a question finds. `ids`: all of them, when they were few. Else they are many, `surely` or as expected."""

    ids: str | None
    surely: bool


def found(contacts: QuerySet, text: str, actor: Actor) -> QuerySet:
    """Those of `contacts` that `text` finds, as a set: for bulk work, exports, everything that takes them all.

    Found are contacts whose name, remarks (its own and those of its friends) or company (as written, in pinyin, in
    initials) or phone number have all words of the text, and the one whose external user id it is. Phone numbers find
    nobody for those who may not see them.
    """
    asked = _asked(text, actor)
    return contacts if asked is None else contacts.filter(_in_set(asked, text))


def ways(contacts: QuerySet, text: str, actor: Actor, page: paging.Keyset) -> Iterator[QuerySet]:
    """The same contacts, for lists: to be read in order of an index from the top, a page at a time.

    Of several words that are expected to find very many a page is tried before all are collected.
    """
    asked = _asked(text, actor)
    if asked is None:
        yield contacts
        return
    hits = _few(asked, text)
    if not hits.surely:
        yield page.within(contacts.filter(_hit(asked, text)), NEAR)
        hits = _few(asked, text, collect=True)
    yield contacts.filter(_either(hits, asked, text))


def count(contacts: QuerySet, text: str, actor: Actor, *, estimated: QuerySet) -> paging.Count:
    """How many of `contacts` are found: counted if they are few, else as many as there are in a sample.

    `estimated`: the same contacts, asked in a way that the planner estimates well.
    """
    asked = _asked(text, actor)
    if asked is None:
        return paging.count(contacts, estimated=estimated)
    ids = _few(asked, text, collect=True).ids
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

    Names and remarks before other hits, whole ones before parts, its own before those of friends, those in service
    before others, and of equals those one was in contact with last. When there are very many, it is the last ones in
    contact.
    """
    asked = _asked(text, actor)
    if asked is None:
        return []
    seen = Contact.objects.visible_to(actor)
    last = seen.filter(_hit(asked, text)).select_related("owner")
    hits = _few(asked, text)
    if not hits.surely:
        dense = paging.Keyset(seen, ordering="-last_contact_at", size=size, ways=lambda page: _near(page, last))
        if near := dense.read().rows:
            return _explained(near, text)
        hits = _few(asked, text, collect=True)
    if hits.ids is None:
        return _explained(list(last.order_by("-last_contact_at", "-id")[:size]), text)
    best, friends = _best(seen.filter(_among(hits.ids)), text.strip(), size)
    return _explained(best, text, friends)


def _best(contacts: QuerySet, text: str, size: int) -> tuple[list[Contact], Remarks]:
    """Those whom `text` fits best, and what friends call those whose own names it is not, if that matters.

    A hundred are many to make objects of: they are plain rows until it is known who is shown.
    """
    found, params = subquery(contacts.values(*_SHOWN), "found")
    params |= {"enterprise": current_enterprise_id(), "text": text}
    known = {one["id"]: one for one in dicts(_POOL.format(found=found), params)}
    far = cache(lambda *names: distance(text, names))  # namesakes are many
    ranks = {pk: (far(one["name"], one["remark"]), False, one["status"] != Status.ACTIVE) for pk, one in known.items()}
    best = sorted(ranks, key=ranks.__getitem__)[:size]
    if len(best) == size and ranks[best[-1]][0] == 0:
        friends = _remarks([])  # what friends say comes behind
    else:
        friends = _remarks([pk for pk, (distant, *_rest) in ranks.items() if distant])
        for pk, said in friends.items():
            ranks[pk] = min(ranks[pk], (far(*said), True, ranks[pk][2]))
        best = sorted(ranks, key=ranks.__getitem__)[:size]
    return [_contact(**known[pk]) for pk in best], friends


def _contact(owner_name: str | None, **shown: Any) -> Contact:
    contact = Contact.from_db(DEFAULT_DB_ALIAS, shown.keys(), shown.values())
    if owner_name is not None:
        contact.owner = Member.from_db(DEFAULT_DB_ALIAS, ("id", "name"), (contact.owner_id, owner_name))
    return contact


def called(found: Iterable[Any], text: str, friends: Remarks | None = None) -> dict[UUID, str]:
    """The remarks of friends by which `text` finds those of `found` of whom nothing of their own tells why.

    `found`: contacts, or rows with `id`, `name`, `remark` and `company`. `friends`: what they are called, if it is
    known; else it takes a query.
    """
    odd = [one.id for one in found if distance(text, (one.name, one.remark, one.company)) > INSIDE]
    said = _remarks(odd) if friends is None else friends
    telling = ((pk, next((one for one in said[pk] if distance(text, (one,)) <= INSIDE), "")) for pk in odd)
    return {pk: remark for pk, remark in telling if remark}


def _explained(contacts: list[Contact], text: str, friends: Remarks | None = None) -> list[Suggestion]:
    """Each with the remark of a friend that tells why it is found, if nothing of its own does."""
    remarks = called(contacts, text, friends)
    return [Suggestion(contact, remarks.get(contact.pk, "")) for contact in contacts]


def _remarks(contacts: list[UUID]) -> Remarks:
    """What their friends call these contacts."""
    found: Remarks = defaultdict(list)
    if contacts:
        for contact, remark in rows(_REMARKS, (current_enterprise_id(), contacts)):
            found[contact].append(remark)
    return found


def _near(page: paging.Keyset, contacts: QuerySet) -> tuple[QuerySet, QuerySet]:
    """Those among the next of the list when they are more than a page, else nobody."""
    return page.within(contacts, NEAR), contacts.none()


def _asked(text: str, actor: Actor) -> Question | None:
    """The question; None when the text asks nothing. What has no letters and digits finds nobody."""
    if not text.strip():
        return None
    return question(text, current_enterprise_id(), phones=actor.may("contacts.phones"))


def _few(asked: Question, text: str, *, collect: bool = False) -> Hits:
    """What is found, of all who see it or not. Where very many are expected nothing is collected.

    Of several words that must all be found the statistics know nothing: it is a guess, unless told to `collect` them.
    """
    several = "&" in asked.wanted
    guess = not (several and collect)
    sought, wanted = asked
    answer = row(_FEW, (sought, guess, SURELY, wanted, SURELY, sought, wanted, FEW + 1, *_person(text)))
    assert answer is not None
    expected, number, ids = answer
    return Hits(None if expected or number > FEW else ids, surely=not (expected and several))


def _person(text: str) -> tuple[Any, ...]:
    return current_enterprise_id(), text.strip()


def _among(ids: str) -> Q:
    """Is it one of these? As one parameter, however many."""
    return Q(RawSQL("contacts_contact.id = ANY (%s::uuid[])", (ids,), output_field=BooleanField()))


def _in_set(asked: Question, text: str) -> Q:
    """Is it one of all that are found?"""
    return Q(id__in=RawSQL(_FOUND, (*asked, *_person(text))))  # noqa: S611 - a text of ours


def _either(hits: Hits, asked: Question, text: str) -> Q:
    return _hit(asked, text) if hits.ids is None else _among(hits.ids)


def _hit(asked: Question, text: str) -> Q:
    """Is this one found? Asked of each row."""
    return Q(_carry(asked)) | Q(external_userid=text.strip())


def _carry(asked: Question) -> RawSQL:
    return RawSQL(_CARRIES, (asked.wanted,), output_field=BooleanField())  # noqa: S611 - the text is a parameter
