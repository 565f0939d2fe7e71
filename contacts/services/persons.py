"""Data protection: everything about one person as a file, and nothing about them any more.

What belongs to a contact is what deleting takes along (`bulk.removal.BELONGINGS`, to which rooms above add theirs), so
both are complete by the same list. What must stay of an erased person is the ledger, whose rows add up to the number
served, and the audit trail, which says that something was done; both without a name and without what was written.
"""

import base64
import unicodedata
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

import orjson
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, NotFound
from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact
from contacts.rules import Right, Status, seen
from contacts.services import attachments
from contacts.services.bulk.removal import BELONGINGS, EXPORT_OF_ONE, FILES, delete_one, take_names_off
from contacts.services.steps import place
from enterprises import audit
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext
from quota import services as quota

ERASE_JOB = "contacts.erase_person"
CHUNK = 1000

# What is made of the person's data, and says nothing more of them than that does.
DERIVED = frozenset({"contacts_searchentry"})
# What other tables say of the contact, whom no key leads to.
TRACES = {
    "quota_ledgerentry": "contact_id = ANY (%(contacts)s)",
    "enterprises_auditentry": "subject_id = ANY (%(contacts)s) AND subject_type = 'contact'",
}


def start_export(actor: Actor, *, contact: Contact) -> JobRun:
    """Queue the export of everything that is kept about a person: a JSON file, the job's report."""
    _may_have(actor)
    access.require(actor, contact, Right.SEE)
    return jobs.enqueue(actor, name=EXPORT_OF_ONE, params={"contact": str(contact.pk)})


def write_export(context: JobContext) -> dict[str, Any]:
    """The job: one snapshot, table by table, row by row; of the contact and of those that were merged into it."""
    _may_have(context.actor)
    with context.report(f"{context.params['contact']}.json") as stream, context.step():
        contact = _contact(context)
        params = {"enterprise": current_enterprise_id(), "contacts": [one.pk for one in _same_person(contact)]}
        kept = {"contacts_contact": "id = ANY (%(contacts)s)"}
        kept |= {table: "contact_id = ANY (%(contacts)s)" for table in (*BELONGINGS, FILES) if table not in DERIVED}
        counts = {}
        stream.write(b"{")
        for number, (table, condition) in enumerate({**kept, **TRACES}.items()):
            stream.write(b"," if number else b"")
            stream.write(orjson.dumps(table) + b":[")
            found = _rows(table, condition, params)
            counts[table] = _copy(stream, map(_with_content, found) if table == FILES else found)
            stream.write(b"]")
            context.progress(sum(counts.values()))
        stream.write(b"}")
        context.done = context.total = sum(counts.values())
        audit.record(context.actor, "contact.person_exported", contact, after={"rows": context.done})
    return {"rows": context.done}


def may_fetch(actor: Actor, run: JobRun) -> None:
    """Whoever fetches the file sees the person now, and may have all that is in it."""
    _may_have(actor)
    if not Contact.objects.visible_to(actor).filter(pk=UUID(run.params["contact"])).exists():
        raise NotFound()


def _may_have(actor: Actor) -> None:
    """The file holds everything, phone numbers in full."""
    actor.require("contacts.export")
    actor.require("contacts.phones")


def start_erasure(actor: Actor, *, contact: Contact, confirm: str) -> JobRun:
    """Queue the erasure of a person. It cannot be undone, so `confirm` must be what `asked_for` says."""
    access.require(actor, contact, Right.DELETE)
    if _typed(confirm) != _typed(asked_for(contact)):
        raise Invalid({"confirm": [_("Type the name of the contact exactly as it is written.")]})
    return jobs.enqueue(actor, name=ERASE_JOB, params={"contact": str(contact.pk)})


def asked_for(contact: Contact) -> str:
    """What is to be typed in to erase a person: the name; of one that cannot be seen, the external user id."""
    return contact.name if _typed(contact.name) else contact.external_userid


def _typed(text: str) -> str:
    """What can be typed of a text: without what nobody sees, any white space as a blank."""
    return " ".join(unicodedata.normalize("NFC", seen(text)).split())


def erase(context: JobContext) -> dict[str, Any]:
    """The job: deletes the person with all that belongs to them, gives the place back, takes the name off traces."""
    with context.step():
        contact = Contact.objects.select_for_update(no_key=False).filter(pk=_contact(context).pk).first()
        if contact is None:
            raise NotFound()
        access.require(context.actor, contact, Right.DELETE)
        served = contact.status == Status.ACTIVE
        known = _same_person(contact)
        deleted = delete_one(contact.pk)
        if served:
            quota.release(context.actor, places=[place(contact)], reason=quota.Reason.DELETED)
        take_names_off("unnest(%(gone)s::uuid[])", {"enterprise": current_enterprise_id(), "gone": deleted})
        _forget_mentions(known)
        audit.record(
            context.actor, "contact.erased", subject_type="contact", subject_id=contact.pk, after={"served": served}
        )
        context.done = context.total = 1
    return {"erased": 1, "freed": int(served)}


def _forget_mentions(people: list[Contact]) -> None:
    """What was kept of these people before they were contacts, or beside it: WeCom's list as somebody uploaded it,
    lines of files that were refused, and answers kept for requests that are sent twice."""
    params = {
        "enterprise": current_enterprise_id(),
        "people": [person.external_userid for person in people],
        "words": [word for person in people for word in (person.external_userid, *person.phones)],
        "ids": [str(person.pk) for person in people],
    }
    for statement in (
        "DELETE FROM contacts_platformentry WHERE {here} AND external_userid = ANY (%(people)s)",
        "DELETE FROM contacts_platformdifference WHERE {here} AND external_userid = ANY (%(people)s)",
        "DELETE FROM contacts_importrefusal WHERE {here} AND cells && %(words)s::text[]",
        """
        UPDATE enterprises_idempotencyrecord AS kept SET body = '{{}}'
        FROM unnest(%(ids)s::text[] || %(people)s::text[]) AS said (word)
        WHERE {here} AND position(convert_to(said.word, 'UTF8') IN kept.body) > 0
        """,
    ):
        execute(statement.format(here="enterprise_id = %(enterprise)s"), params)


def _contact(context: JobContext) -> Contact:
    """The contact, if it (still) exists for whoever asked."""
    contact = Contact.objects.visible_to(context.actor).filter(pk=UUID(context.params["contact"])).first()
    if contact is None:
        raise NotFound()
    return contact


def _same_person(contact: Contact) -> list[Contact]:
    """The contact, and those that were merged into it: one person."""
    return list(Contact.objects.filter(Q(pk=contact.pk) | Q(merged_into=contact)).order_by("id"))


def _with_content(text: str) -> str:
    """The row of a file, with what is in it as base64; null when it is gone."""
    row = orjson.loads(text)
    try:
        with default_storage.open(attachments.place_of(UUID(row["id"]), row["extension"])) as file:
            row["content"] = base64.b64encode(file.read()).decode()
    except FileNotFoundError:
        row["content"] = None
    return orjson.dumps(row).decode()


def _rows(table: str, condition: str, params: dict[str, Any]) -> Iterator[str]:
    """The rows of a table as JSON, a chunk at a time in the order of their ids."""
    after = UUID(int=0)
    while True:
        found = rows(
            f"""
            SELECT id, (to_jsonb(kept) - 'enterprise_id')::text FROM {table} AS kept
            WHERE enterprise_id = %(enterprise)s AND {condition} AND id > %(after)s ORDER BY id LIMIT %(chunk)s
            """,  # noqa: S608 - names of ours
            {**params, "after": after, "chunk": CHUNK},
        )
        yield from (text for _id, text in found)
        if len(found) < CHUNK:
            return
        after = found[-1][0]


def _copy(stream: IO[bytes], found: Iterator[str]) -> int:
    count = 0
    for count, text in enumerate(found, 1):
        stream.write(b"," if count > 1 else b"")
        stream.write(text.encode())
    return count
