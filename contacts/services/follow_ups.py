"""Follow-ups: write, edit, do, delete; and the reminders (C14)."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, Stale
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts import access, agenda
from contacts.models import Contact, FollowUp, FollowUpFile, Interaction
from contacts.queries import nameable
from contacts.rules import FollowUpKind, Kind, Right
from contacts.services import attachments
from contacts.services.steps import note, out_of_range, past, touch
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from jobs.notifications import declare, notify

MOST_TEXT = 5000
SHOWN = 500  # characters of a text on the timeline
BATCH = 500

declare(
    "contacts.follow_up",
    _("Follow-up with %(contact)s is due: %(text)s"),
    lambda data: f"contacts/{data['id']}/follow-ups/",
    label=_("A follow-up is due"),
    mail=True,
)


def write(
    actor: Actor,
    *,
    contact: Contact,
    text: str,
    kind: str = FollowUpKind.NOTE,
    at: datetime | None = None,
    next_at: datetime | None = None,
    assignee: Member | None = None,
    closes: FollowUp | None = None,
) -> FollowUp:
    """Write what was done with a contact, and when to come back to it.

    `assignee` is who is reminded: the writer when left out; another member needs contacts.assign. `closes` is the
    planned follow-up that this one carries out.
    """
    access.require(actor, contact, Right.FOLLOW_UP)
    at = past(at)
    details = _checked({"text": text, "kind": kind, "next_at": next_at})
    made = FollowUp(contact=contact, member=actor.member, at=at, created_at=clock.now(), **details)
    made.assignee = _assignee(actor, contact, assignee) if next_at else None
    made.save(force_insert=True)
    note(contact, Kind.FOLLOW_UP, at=at, member=actor.member, key=_key(made), data=_shown(made))
    touch(contact.pk, at)
    if closes is not None:
        if closes.contact_id != contact.pk:
            raise Invalid({"closes": [_("This follow-up belongs to another contact.")]})
        _close(closes)
    audit.record(actor, "follow_up.written", contact, after={"kind": made.kind, "next_at": made.next_at})
    return made


def edit(actor: Actor, *, follow_up: FollowUp, version: int | None = None, **changes: Any) -> FollowUp:
    """Change kind, text, next_at or assignee. Others' follow-ups need contacts.assign. Raises Stale."""
    follow_up = _locked(actor, follow_up)
    if version is not None and version != follow_up.version:
        raise Stale(
            _("Somebody else changed this meanwhile. Read it again, then repeat your change."),
            version=follow_up.version,
        )
    wanted = _checked({name: value for name, value in changes.items() if name in ("kind", "text", "next_at")})
    if changes.get("assignee") is not None:
        wanted["assignee"] = _assignee(actor, follow_up.contact, changes["assignee"])
    before, after = audit.changes(follow_up, wanted)
    if not after:
        return follow_up
    if "next_at" in after:
        after |= {"reminded_at": None, "done_at": None}
        follow_up.reminded_at = follow_up.done_at = None
        if follow_up.next_at and follow_up.assignee is None:
            follow_up.assignee = follow_up.member or follow_up.contact.owner
    follow_up.version += 1
    follow_up.save()
    Interaction.objects.filter(contact=follow_up.contact_id, key=_key(follow_up)).update(data=_shown(follow_up))
    audit.record(actor, "follow_up.edited", follow_up.contact, before=_named(before), after=_named(after))
    return follow_up


def do(actor: Actor, *, follow_up: FollowUp) -> FollowUp:
    """What was planned is done, without more to say about it. Raises Conflict not_planned."""
    follow_up = _fresh(follow_up)
    access.require(actor, follow_up.contact, Right.FOLLOW_UP)
    _close(follow_up)
    audit.record(actor, "follow_up.done", follow_up.contact, after={"next_at": follow_up.next_at})
    return follow_up


def delete(actor: Actor, *, follow_up: FollowUp) -> None:
    """Delete a follow-up with its files and its entry on the timeline. Others' need contacts.assign."""
    follow_up = _locked(actor, follow_up)
    files = FollowUpFile.objects.filter(follow_up=follow_up)
    attachments.erase_later([attachments.place(file) for file in files])
    files.delete()
    Interaction.objects.filter(contact=follow_up.contact_id, key=_key(follow_up)).delete()
    FollowUp.objects.filter(pk=follow_up.pk).delete()
    audit.record(actor, "follow_up.deleted", follow_up.contact, before={"kind": follow_up.kind, "at": follow_up.at})


# --- Reminders --------------------------------------------------------------------------------------------


def remind(actor: Actor, *, now: datetime) -> int:
    """Tell whose follow-ups are due now, each once (X6); returns how many were marked. At most BATCH in one call.

    Whoever is no active member any more, or does not see the contact, is not told: then its owner is.
    """
    due = rows(
        """
        UPDATE contacts_followup AS plan SET reminded_at = %(now)s
        WHERE enterprise_id = %(enterprise)s AND id IN (
            SELECT id FROM contacts_followup
            WHERE enterprise_id = %(enterprise)s AND done_at IS NULL AND reminded_at IS NULL AND next_at <= %(now)s
            ORDER BY next_at, id LIMIT %(most)s
            FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id, contact_id, assignee_id, next_at, text
        """,
        {"enterprise": current_enterprise_id(), "now": now, "most": BATCH},
    )
    contacts = Contact.objects.select_related("owner").in_bulk({contact for _pk, contact, *_rest in due})
    told = _who_sees(actor, {(assignee, contact) for _pk, contact, assignee, *_rest in due if assignee})
    for pk, contact_id, assignee, next_at, text in sorted(due, key=lambda one: (one[3], one[0])):
        contact = contacts[contact_id]
        member = told.get((assignee, contact_id)) or contact.owner
        if member is None or not member.is_active:
            continue
        data = {"contact": str(contact), "text": text[:100], "id": str(contact_id)}
        notify([member], kind="contacts.follow_up", key=f"follow-up:{pk}:{next_at:%Y%m%d%H%M}", data=data)
    return len(due)


def _who_sees(actor: Actor, pairs: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Member]:
    """Which of the pairs (member, contact) are of active members who see the contact (O5): a query per member."""
    asked: dict[UUID, set[UUID]] = defaultdict(set)
    for member_id, contact_id in pairs:
        asked[member_id].add(contact_id)
    members = Member.objects.filter(pk__in=asked, status=Member.Status.ACTIVE).select_related("role")
    told: dict[tuple[UUID, UUID], Member] = {}
    for member in members:
        seen = (
            Contact.objects.visible_to(Actor.of(actor.enterprise, member, "job"))
            .filter(pk__in=asked[member.pk])
            .values_list("pk", flat=True)
        )
        told |= {(member.pk, pk): member for pk in seen}
    return told


# --- Parts ------------------------------------------------------------------------------------------------


def _locked(actor: Actor, follow_up: FollowUp) -> FollowUp:
    follow_up = _fresh(follow_up)
    agenda.require_change(actor, follow_up)
    return follow_up


def _fresh(follow_up: FollowUp) -> FollowUp:
    """As it stands now, locked. Conflict when somebody deleted it meanwhile."""
    found = FollowUp.objects.select_for_update(no_key=True, of=("self",)).select_related("contact")
    fresh = found.filter(pk=follow_up.pk).first()
    if fresh is None:
        raise Conflict(_("Somebody deleted this follow-up meanwhile."), code="gone")
    return fresh


def _close(follow_up: FollowUp) -> None:
    """What is planned is done now; once."""
    planned = FollowUp.objects.filter(pk=follow_up.pk, done_at=None, next_at__isnull=False)
    if not planned.update(done_at=clock.now(), version=follow_up.version + 1):
        raise Conflict(_("Nothing is planned here any more."), code="not_planned")
    follow_up.refresh_from_db()


def _assignee(actor: Actor, contact: Contact, member: Member | None) -> Member | None:
    """Who is reminded: oneself (for the system the owner), or with contacts.assign somebody in range."""
    if member is None:
        return actor.member or contact.owner
    if member.pk == actor.member_id:
        return member
    actor.require("contacts.assign")
    if not member.is_active:
        raise Invalid({"assignee": [_("This member is not active.")]})
    if not nameable(actor).filter(pk=member.pk).exists():
        raise out_of_range()
    return member


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    errors: dict[str, list[Any]] = {}
    if "text" in details:
        details["text"] = details["text"].strip()
        if not 1 <= len(details["text"]) <= MOST_TEXT:
            errors["text"] = [_("Write 1 to %(limit)s characters.") % {"limit": MOST_TEXT}]
    if details.get("kind", FollowUpKind.NOTE) not in set(FollowUpKind):
        errors["kind"] = [_("There is no such kind.")]
    if errors:
        raise Invalid(errors)
    return details


def _key(follow_up: FollowUp) -> str:
    """Of its entry on the timeline."""
    return f"follow-up:{follow_up.pk}"


def _shown(follow_up: FollowUp) -> dict[str, Any]:
    return {"text": follow_up.text[:SHOWN], "kind": str(follow_up.kind), "follow_up": str(follow_up.pk)}


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """For the audit trail; of texts only that they changed: they are about people, and are deleted with them."""
    return {name: len(value) if name == "text" else value for name, value in values.items()}
