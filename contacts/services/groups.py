"""Customer groups: making them, and the outside people in them, who are served like friends (Q1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, Stale
from common.ids import short_code, uuid7
from contacts.models import Contact, GroupChat, GroupMember, Interaction
from contacts.rules import Kind, Status
from contacts.services import search_entries
from contacts.services.relations import lose_if_nobody_is_left
from contacts.services.steps import named_member, not_archived, past, place, set_status
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from quota import services as quota
from quota.rules import Action

MAX_PEOPLE = 200

# Of an id that is no contact's: rooms above may know whose it is, and refuse it by saying which kind of chat suits.
others: list[Callable[[Actor, UUID], None]] = []


@dataclass(frozen=True)
class Person:
    """Somebody who joins a group. The name is needed for people not known yet."""

    external_userid: str
    name: str = ""
    kind: str = Contact.Kind.WECHAT


def create_group(actor: Actor, *, name: str, owner: Member | None = None, chat_id: str = "") -> GroupChat:
    """Make a group chat (Q8: not while over the scale). `owner`: oneself; others need contacts.assign."""
    actor.require("groups.manage")
    quota.check(actor, Action.MANAGE_GROUPS)
    owner = named_member(actor, owner, "owner")
    if owner is None:
        raise Invalid({"owner": [_("Name the owner.")]})
    group = GroupChat(chat_id=chat_id.strip() or f"wr{short_code(20)}", name=_named(name), owner=owner)
    GroupChat.objects.bulk_create([group], ignore_conflicts=True)
    if not GroupChat.objects.filter(pk=group.pk).exists():
        raise Conflict(_("There is a group with this id already."), code="chat_id_taken")
    audit.record(actor, "group.created", group, after={"name": group.name, "owner": owner.name})
    return group


def edit_group(
    actor: Actor,
    *,
    group: GroupChat,
    name: str | None = None,
    owner: Member | None = None,
    version: int | None = None,
) -> GroupChat:
    """Rename a group or give it to another owner (Q8: not while over the scale). Raises Stale, Conflict."""
    actor.require("groups.manage")
    quota.check(actor, Action.MANAGE_GROUPS)
    group = _locked(group)
    if version is not None and version != group.version:
        raise Stale(_("Somebody else changed this meanwhile. Read it again, then repeat your change."))
    changes: dict[str, object] = {} if name is None else {"name": _named(name)}
    if owner is not None and owner.pk != group.owner_id:
        changes["owner"] = named_member(actor, owner, "owner")
    before, after = audit.changes(group, changes)
    if after:
        group.version += 1
        group.save(update_fields=[*after, "version"])
        audit.record(actor, "group.edited", group, before=before, after=after)
    return group


def invite(actor: Actor, *, group: GroupChat, people: Sequence[Person]) -> int:
    """Invite outside people: those not served yet need places, all or none (Q1, Q8, Q10).

    People nobody knew become contacts of the group's owner. Returns how many joined now; raises QuotaExceeded,
    Conflict contact_archived.
    """
    actor.require("groups.manage")
    return _join(actor, group, people, at=clock.now(), fact=False)


def report_joined(actor: Actor, *, group: GroupChat, people: Sequence[Person], at: datetime | None = None) -> int:
    """WeCom reports that people joined: a fact, recorded whatever the scale says (Q11). Archived ones stay so."""
    return _join(actor, group, people, at=past(at), fact=True)


def leave(actor: Actor, *, group: GroupChat, contacts: Sequence[Contact], at: datetime | None = None) -> int:
    """People leave, or are removed. Who has no group and no follow left is lost (C2). Returns how many left."""
    actor.require("groups.manage")
    at = past(at)
    group = _locked(group)
    ids = [contact.pk for contact in contacts]
    leaving = list(
        Contact.objects.select_for_update(no_key=True)
        .filter(pk__in=GroupMember.objects.filter(group=group, contact_id__in=ids, left_at=None).values("contact_id"))
        .order_by("external_userid")
    )
    _end(actor, group, leaving, at)
    if leaving:
        audit.record(actor, "group.left", group, before=_people(leaving))
    return len(leaving)


def dismiss_group(actor: Actor, *, group: GroupChat) -> GroupChat:
    """Dissolve a group: everybody leaves it (Q8: not while over the scale)."""
    actor.require("groups.manage")
    quota.check(actor, Action.MANAGE_GROUPS)
    group = _locked(group)
    group.dismissed_at = clock.now()
    group.version += 1
    group.save(update_fields=["dismissed_at", "version"])
    inside = GroupMember.objects.filter(group=group, left_at=None).values("contact_id")
    leaving = list(Contact.objects.select_for_update(no_key=True).filter(pk__in=inside).order_by("external_userid"))
    _end(actor, group, leaving, group.dismissed_at)
    audit.record(actor, "group.dismissed", group, before={"people": len(leaving)})
    return group


def _join(actor: Actor, group: GroupChat, people: Sequence[Person], *, at: datetime, fact: bool) -> int:
    group = _locked(group)
    wanted = {person.external_userid: person for person in people}
    if not 1 <= len(wanted) <= MAX_PEOPLE:
        raise Invalid({"people": [_("Name 1 to %(most)s people.") % {"most": MAX_PEOPLE}]})
    made = _newcomers(wanted, group, at)
    found = Contact.objects.select_for_update(no_key=True).filter(external_userid__in=wanted)
    contacts = list(found.order_by("external_userid"))
    if missing := set(wanted) - {contact.external_userid for contact in contacts}:
        raise Invalid({"people": [_("Give “%(id)s”, who is new, a name.") % {"id": min(missing)}]})
    # Whoever was merged into another contact is that one (C1).
    if others := {contact.merged_into_id for contact in contacts if contact.merged_into_id is not None}:
        known = Contact.objects.select_for_update(no_key=True).filter(pk__in=others).order_by("external_userid")
        persons = {contact.pk: contact for contact in contacts if contact.merged_into_id is None}
        contacts = list({**persons, **{contact.pk: contact for contact in known}}.values())
    needing = []
    for contact in contacts:
        if not fact:
            not_archived(actor, contact)
        if contact.pk in made:
            needing.append(contact)
        elif contact.status == Status.LOST:
            set_status(contact, Status.ACTIVE, lost_at=None)
            needing.append(contact)
    if not fact:
        quota.check(actor, Action.INVITE_TO_GROUP, places=max(1, len(needing)))
    joined = _enter(group, contacts, at)
    _note(group, joined, Kind.JOINED_GROUP, at)
    if joined:
        audit.record(actor, "group.joined", group, after=_people(joined))
    places = [place(contact) for contact in needing]
    if fact:
        quota.record_facts(actor, places=places, reason=quota.Reason.REPORTED)
    else:
        quota.admit(actor, places=places, reason=quota.Reason.JOINED_GROUP)
    return len(joined)


def _newcomers(wanted: dict[str, Person], group: GroupChat, at: datetime) -> set[object]:
    """Insert the people with a name who are not known; which ids are theirs shows who was really new."""
    rows = [
        Contact(
            external_userid=person.external_userid,
            name=person.name.strip()[:128],
            kind=Contact.Kind(person.kind),
            owner_id=group.owner_id,
            added_at=at,
            last_contact_at=at,
        )
        for person in sorted(wanted.values(), key=lambda one: one.external_userid)
        if person.name.strip()
    ]
    Contact.objects.bulk_create(rows, ignore_conflicts=True)
    search_entries.index([row.pk for row in rows])
    return {row.pk for row in rows}


def _enter(group: GroupChat, contacts: list[Contact], at: datetime) -> list[Contact]:
    """Who of them is in the group only now."""
    inside = set(GroupMember.objects.filter(group=group, left_at=None).values_list("contact_id", flat=True))
    joined = [contact for contact in contacts if contact.pk not in inside]
    GroupMember.objects.filter(group=group, contact__in=joined).update(left_at=None, joined_at=at)
    GroupMember.objects.bulk_create(
        [GroupMember(group=group, contact=contact, joined_at=at) for contact in joined], ignore_conflicts=True
    )
    return joined


def _end(actor: Actor, group: GroupChat, leaving: list[Contact], at: datetime) -> None:
    GroupMember.objects.filter(group=group, contact__in=leaving, left_at=None).update(left_at=at)
    _note(group, leaving, Kind.LEFT_GROUP, at)
    for contact in leaving:
        lose_if_nobody_is_left(actor, contact=contact, at=at)


def _people(contacts: list[Contact]) -> dict[str, object]:
    """For the audit trail, which keeps no name of somebody who is erased one day: how many, and which contacts."""
    return {"people": len(contacts), "contacts": [str(contact.pk) for contact in contacts]}


def _note(group: GroupChat, contacts: list[Contact], kind: Kind, at: datetime) -> None:
    Interaction.objects.bulk_create(
        Interaction(
            contact=contact,
            kind=kind,
            side=kind.side,
            at=at,
            key=str(uuid7()),
            data={"group": str(group.pk), "name": group.name},
        )
        for contact in contacts
    )


def _locked(group: GroupChat) -> GroupChat:
    group = GroupChat.objects.select_for_update(no_key=True).get(pk=group.pk)
    if group.dismissed_at is not None:
        raise Conflict(_("This group was dissolved."), code="group_dismissed")
    return group


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 128:
        raise Invalid({"name": [_("Give the group a name of at most 128 characters.")]})
    return name.strip()
