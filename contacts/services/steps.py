"""What changes of contacts are made of. For the services of this room; each runs in its caller's transaction.

Locks are taken in this order: groups, contacts (by external user id), the account of the scale.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Forbidden, Invalid, NotFound
from common.ids import uuid7
from common.sql import execute, insert
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact, Follow, Interaction
from contacts.queries import nameable
from contacts.rules import Kind, Right, Status
from contacts.services.search_entries import index, index_one
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member, Role
from quota import services as quota


def find_or_make(person: Contact) -> tuple[Contact, bool]:
    """The contact with this external user id, locked, and whether it was made just now (C1).

    Two at once: the unique key lets one insert; the other waits for it and finds the row.
    """
    if insert(person, unless_there=True):
        index_one(person)
        return person, True
    known = Contact.objects.select_for_update(no_key=True)
    found = known.get(external_userid=person.external_userid)
    # Whoever was merged into another contact is that one (C1).
    return (found if found.merged_into_id is None else known.get(pk=found.merged_into_id)), False


def locked(contact: Contact) -> Contact:
    """The contact's row as it is now, locked until the end of the transaction.

    NotFound when it was deleted, or merged into another one, a moment ago: nothing may come to stand where nobody
    sees it.
    """
    found = Contact.objects.select_for_update(no_key=True).filter(pk=contact.pk).first()
    if found is None or found.merged_into_id is not None:
        raise NotFound()
    return found


def lock_all(contacts: Sequence[UUID]) -> None:
    """Lock the rows of these contacts, in the order of their ids, until the end of the transaction."""
    execute(
        """
        SELECT FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id = ANY (%(contacts)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"enterprise": current_enterprise_id(), "contacts": list(contacts)},
    )


def hold(actor: Actor, contact: Contact, right: Right) -> Contact:
    """The contact, locked, when the actor may do this with it now. Raises Forbidden, or NotFound (O1, O2, O5).

    Owners and grants change under the same lock: who lost them a moment ago is refused, not overtaken.
    """
    actor.require(right.code)
    contact = locked(contact)
    access.require(actor, contact, right)
    return contact


def not_archived(actor: Actor, contact: Contact) -> None:
    """Raise Conflict for an archived contact: restoring is a decision of its own (C5).

    The contact is named only to those who may see it (O5).
    """
    if contact.status != Status.ARCHIVED:
        return
    seen = Contact.objects.visible_to(actor).filter(pk=contact.pk).exists()
    extra: dict[str, Any] = {"contact": contact.pk} if seen else {}
    raise Conflict(
        _("This contact is archived. Restore it to go on with it."),
        code="contact_archived",
        **extra,
    )


def befriend(contact: Contact, member: Member, *, at: datetime, remark: str = "", source: str = "") -> bool:
    """The member is a friend of the contact from now on; was there anything to do?

    Adding again renews a relation that had ended, and keeps its tags. The first member to add a contact that
    has no owner becomes its owner (C3). What its owner calls it the contact is called.
    """
    follow, anew, renamed = _friendship(contact, member, at=at, remark=remark, source=source)
    if contact.owner_id == member.pk and follow.remark not in ("", contact.remark):
        contact.remark, contact.version, renamed = follow.remark, contact.version + 1, True
        contact.save(update_fields=["remark", "version"])
    if renamed:
        index([contact.pk])
    return anew


def _friendship(
    contact: Contact, member: Member, *, at: datetime, remark: str, source: str
) -> tuple[Follow, bool, bool]:
    """The follow; whether it began now, and whether its remark is news to who searches."""
    if contact.owner_id is None:
        contact.owner = member
        Contact.objects.filter(pk=contact.pk).update(owner=member)
    made = Follow(contact=contact, member=member, added_at=at, remark=remark, source=source)
    if insert(made, unless_there=True):
        return made, True, remark not in ("", contact.remark)
    follow = Follow.objects.get(contact=contact, member=member)
    if follow.state == Follow.State.ACTIVE:
        return follow, False, False
    follow.state, follow.added_at, follow.ended_at, follow.both_at = Follow.State.ACTIVE, at, None, None
    renamed = remark not in ("", follow.remark)
    follow.remark, follow.source = remark or follow.remark, source or follow.source
    follow.save(update_fields=["state", "added_at", "ended_at", "both_at", "remark", "source"])
    return follow, True, renamed


def arrive(
    actor: Actor,
    *,
    contact: Contact,
    is_new: bool,
    follower: Member | None,
    at: datetime,
    remark: str,
    source: str,
    fact: bool = False,
) -> bool:
    """A follow begins; new and returning people take a place, or have taken one already (`fact`)."""
    origin = {"source": source} if source else {}
    owner_before, remark_before = contact.owner_id, contact.remark
    followed = follower is not None and befriend(contact, follower, at=at, remark=remark, source=source)
    if contact.remark != remark_before:
        before, after = {"remark": remark_before}, {"remark": contact.remark}
        audit.record(actor, "contact.edited", contact, before=before, after=after)
    if is_new or contact.status == Status.LOST:
        if not is_new:
            set_status(contact, Status.ACTIVE, lost_at=None)
            touch(contact.pk, at)
        note(contact, Kind.ADDED if is_new else Kind.RETURNED, at=at, member=follower, data=origin)
        audit.record(
            actor,
            "contact.added" if is_new else "contact.returned",
            contact,
            after={"external_userid": contact.external_userid, **origin},
        )
        reason = quota.Reason.ADDED if is_new else quota.Reason.RETURNED
        places = [place(contact, source)]
        if fact:
            quota.record_facts(actor, places=places, reason=quota.Reason.REPORTED if is_new else reason)
        else:
            quota.admit(actor, places=places, reason=reason)
        return followed
    if followed:
        assert follower is not None
        touch(contact.pk, at)
        note(contact, Kind.ADDED, at=at, member=follower, data=origin)
        audit.record(actor, "contact.followed", contact, after={"member": str(follower), **origin})
    if contact.status == Status.ACTIVE and contact.owner_id != owner_before:
        quota.move(lambda: {contact.owner_id: 1}, must_fit=not fact)
    return followed


def set_status(contact: Contact, status: Status, **times: datetime | None) -> None:
    """Write the new status; the caller says what it does to the scale."""
    contact.status = status
    contact.version += 1
    for name, value in times.items():
        setattr(contact, name, value)
    contact.save(update_fields=["status", "version", *times])


def note(
    contact: Contact,
    kind: Kind,
    *,
    at: datetime,
    member: Member | None = None,
    key: str = "",
    data: dict[str, Any] | None = None,
) -> Interaction:
    """Put an entry on the contact's timeline (C2, C6)."""
    entry = Interaction(
        contact=contact,
        kind=kind,
        side=kind.side,
        at=at,
        member=member,
        key=key or str(uuid7()),
        data=data or {},
    )
    insert(entry)
    return entry


def touch(contact_id: UUID, at: datetime, **changes: Any) -> None:
    """There was contact at `at`: carried on the contact, so that no job has to scan events (C6).

    As an update that needs no lock before it; NotFound, as of `locked`, when the contact was merged meanwhile.
    """
    stands = Contact.objects.filter(pk=contact_id, merged_into=None)
    if not stands.update(last_contact_at=Greatest("last_contact_at", at), **changes):
        raise NotFound()


def place(contact: Contact, source: str = "") -> quota.Place:
    """The contact as the ledger names it, with whose it is; `source`: where it comes from, when it comes now."""
    return quota.Place(contact.pk, str(contact), contact.owner_id, source)


def past(at: datetime | None, field: str = "at") -> datetime:
    """`at`, or now. Raises Invalid for what has not happened yet (clocks may differ by a few minutes)."""
    now = clock.now()
    if at is None:
        return now
    if (at - now).total_seconds() > 300:
        raise Invalid({field: [_("This lies in the future.")]})
    return at


def named_member(actor: Actor, member: Member | None, field: str) -> Member | None:
    """The member that somebody acts for: themselves; others only with contacts.assign, and in their range.

    Raises Forbidden, or Invalid for a member who is not active.
    """
    if member is None or member.pk == actor.member_id:
        return member or actor.member
    actor.require("contacts.assign")
    if not member.is_active:
        raise Invalid({field: [_("This member is not active.")]})
    if not nameable(actor).filter(pk=member.pk).exists():
        raise out_of_range()
    return member


def stays_visible(actor: Actor, contact: Contact) -> None:
    """Raise Forbidden when a graded admin's change would take the contact out of their own sight."""
    member = actor.member
    if member is None or member.role.scope != Role.Scope.DEPARTMENTS:
        return
    if not Contact.objects.visible_to(actor).filter(pk=contact.pk).exists():
        raise out_of_range()


def out_of_range() -> Forbidden:
    """What a graded admin is told who reaches beyond the departments given to them (O4)."""
    return Forbidden(_("Name a member of the departments given to you."), code="out_of_range")
