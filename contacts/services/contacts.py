"""Changes to single contacts: add, report, edit, archive, restore, grade."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, Stale
from contacts import access
from contacts.models import Contact, Follow
from contacts.rules import Grade, GradeSource, Kind, Right, Status, masked_phone
from contacts.services import search_entries
from contacts.services.grading import regrade
from contacts.services.steps import (
    arrive,
    find_or_make,
    hold,
    locked,
    named_member,
    not_archived,
    note,
    past,
    place,
    set_status,
    stays_visible,
)
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from quota import services as quota

EDITABLE = ("name", "remark", "company", "phones", "description", "kind")


def add_contact(
    actor: Actor,
    *,
    external_userid: str,
    name: str,
    kind: str = Contact.Kind.WECHAT,
    follower: Member | None = None,
    remark: str = "",
    company: str = "",
    phones: Sequence[str] = (),
    source: str = "",
    added_at: datetime | None = None,
) -> tuple[Contact, bool]:
    """A member adds somebody: a new contact that takes a place, or one more follow of a known one (C1, C3).

    `follower` is the member who adds; to name another one than oneself needs contacts.assign. A lost contact
    comes back, if there is a place. Returns the contact and whether it is new. Raises QuotaExceeded when a
    place is needed and there is none (Q10), Conflict contact_archived (restoring is a decision of its own, C5).
    """
    actor.require("contacts.add")
    follower = named_member(actor, follower, "follower")
    person = _person(external_userid, name, kind, remark, company, phones, follower, past(added_at, "added_at"))
    contact, is_new = find_or_make(person)
    not_archived(actor, contact)
    arrive(actor, contact=contact, is_new=is_new, follower=follower, at=person.added_at, remark=remark, source=source)
    stays_visible(actor, contact)
    return contact, is_new


def report_contact(
    actor: Actor,
    *,
    external_userid: str,
    name: str,
    kind: str = Contact.Kind.WECHAT,
    follower: Member | None = None,
    remark: str = "",
    company: str = "",
    phones: Sequence[str] = (),
    source: str = "",
    added_at: datetime | None = None,
) -> tuple[Contact, bool]:
    """WeCom reports that a member added somebody: a fact, recorded whatever the scale says (Q11).

    For the connector, never on a member's word. An archived contact gets the follow and stays archived.
    """
    at = past(added_at, "added_at")
    contact, is_new = find_or_make(_person(external_userid, name, kind, remark, company, phones, follower, at))
    arrive(actor, contact=contact, is_new=is_new, follower=follower, at=at, remark=remark, source=source, fact=True)
    return contact, is_new


def edit_contact(actor: Actor, *, contact: Contact, version: int | None = None, **changes: Any) -> Contact:
    """Change some of name, remark, company, phones, description, kind.

    All of it or nothing: a field that is not the actor's to change refuses the whole (O2). The remark is also what
    the owner, as a friend, calls the contact. `version` is the one that was edited: raises Stale when it is no longer
    the present one. Raises Forbidden, Invalid.
    """
    actor.require("contacts.edit")
    contact = locked(contact)
    access.require_fields(actor, contact, changes)
    if version is not None and version != contact.version:
        raise Stale(
            _("Somebody else changed this meanwhile. Read it again, then repeat your change."),
            version=contact.version,
        )
    before, after = audit.changes(contact, _checked(changes))
    if after:
        contact.version += 1
        contact.save(update_fields=[*after, "version"])
        if "remark" in after:  # it is the owner's word, whoever writes it
            Follow.objects.filter(contact=contact, member_id=contact.owner_id).update(remark=contact.remark)
        search_entries.index([contact.pk])
        audit.record(actor, "contact.edited", contact, before=_unsaid(before), after=_unsaid(after))
    return contact


def archive_contact(actor: Actor, *, contact: Contact) -> Contact:
    """Give the contact's place back at once and keep everything about it (C5)."""
    contact = hold(actor, contact, Right.ARCHIVE)
    if contact.status != Status.ACTIVE:
        raise Conflict(_("Only active contacts can be archived."), code="not_active")
    set_status(contact, Status.ARCHIVED, archived_at=clock.now())
    note(contact, Kind.ARCHIVED, at=clock.now(), member=actor.member)
    audit.record(actor, "contact.archived", contact, before={"status": "active"}, after={"status": "archived"})
    quota.release(actor, places=[place(contact)], reason=quota.Reason.ARCHIVED)
    return contact


def restore_contact(actor: Actor, *, contact: Contact) -> Contact:
    """Bring an archived contact back, if there is a place for it (C5, Q8, Q10)."""
    contact = hold(actor, contact, Right.ARCHIVE)
    if contact.status != Status.ARCHIVED:
        raise Conflict(_("Only archived contacts can be restored."), code="not_archived")
    set_status(contact, Status.ACTIVE, archived_at=None, waiting_since=None)
    note(contact, Kind.RESTORED, at=clock.now(), member=actor.member)
    audit.record(actor, "contact.restored", contact, before={"status": "archived"}, after={"status": "active"})
    quota.admit(actor, places=[place(contact)], reason=quota.Reason.RESTORED)
    return contact


def set_grade(actor: Actor, *, contact: Contact, grade: str | None) -> Contact:
    """Override the value grade, or with None let it follow from spending again (C9)."""
    contact = hold(actor, contact, Right.GRADE)
    before = {"grade": contact.grade, "grade_source": contact.grade_source}
    if grade is not None and grade not in set(Grade):
        raise Invalid({"grade": [_("There is no such grade.")]})
    source = GradeSource.AUTO if grade is None else GradeSource.MANUAL
    if source == contact.grade_source and grade in (None, contact.grade):
        return contact
    contact.grade, contact.grade_source = grade or contact.grade, source.value
    contact.version += 1
    contact.save(update_fields=["grade", "grade_source", "version"])
    if grade is None:
        regrade([contact.pk], clock.now())
        contact.refresh_from_db()
    after = {"grade": contact.grade, "grade_source": contact.grade_source}
    note(
        contact,
        Kind.GRADE_CHANGED,
        at=clock.now(),
        member=actor.member,
        data={"from": before["grade"], "to": after["grade"], "source": after["grade_source"]},
    )
    audit.record(actor, "contact.graded", contact, before=before, after=after)
    return contact


def _person(
    external_userid: str,
    name: str,
    kind: str,
    remark: str,
    company: str,
    phones: Sequence[str],
    follower: Member | None,
    at: datetime,
) -> Contact:
    """Somebody who may be new."""
    if not re.fullmatch(r"\S{1,64}", external_userid):
        raise Invalid({"external_userid": [_("An id has 1 to 64 characters and no spaces.")]})
    details = _checked({"name": name, "kind": kind, "remark": remark, "company": company, "phones": phones})
    return Contact(external_userid=external_userid, owner=follower, added_at=at, last_contact_at=at, **details)


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    """Details of a contact in the form they are kept in; raises Invalid with a message per field."""
    checked: dict[str, Any] = {}
    errors: dict[str, list[Any]] = {}
    for field, value in changes.items():
        if field not in EDITABLE:
            raise TypeError(f"{field} is not a detail that can be edited.")
        checked[field] = phones(value) if field == "phones" else str(value).strip()
        limit = 5000 if field == "description" else 128
        if field != "phones" and len(checked[field]) > limit:
            errors[field] = [_("At most %(limit)s characters.") % {"limit": limit}]
    if not checked.get("name", "x"):
        errors["name"] = [_("Give the contact a name.")]
    if checked.get("kind", Contact.Kind.WECHAT) not in Contact.Kind.values:
        errors["kind"] = [_("There is no such kind.")]
    if len(checked.get("phones", ())) > 10 or any(len(one) > 32 for one in checked.get("phones", ())):
        errors["phones"] = [_("At most ten phone numbers of 32 characters.")]
    elif any("*" in one for one in checked.get("phones", ())):
        errors["phones"] = [_("This number is masked. Leave it out, or write it in full.")]
    if errors:
        raise Invalid(errors)
    return checked


def show_phones(actor: Actor, *, contact: Contact) -> list[str]:
    """The phone numbers in full, for whoever may see them; who looked is in the audit trail."""
    actor.require("contacts.phones")
    audit.record(actor, "contact.phones_shown", contact, after={"numbers": len(contact.phones)})
    return contact.phones


def _unsaid(values: dict[str, Any]) -> dict[str, Any]:
    """For the audit trail, which people read who may not see phone numbers."""
    return {name: [masked_phone(one) for one in value] if name == "phones" else value for name, value in values.items()}


def phones(given: Sequence[str]) -> list[str]:
    """Phone numbers as they are kept and found: without spaces and dashes, each once."""
    return list(dict.fromkeys(filter(None, (re.sub(r"[\s()-]", "", str(one)) for one in given))))
