"""Merging two contacts that are one person, and taking it back (C1, Q1, Q14).

Nothing is deleted. Everything that belongs to the one goes over to the other; what both had already (the same event,
the same group, a relation to the same member) stays behind. The one that is gone points to the other: it is hidden,
takes no place, and whoever arrives under its external user id is the other one. Each row that went over is written
down, so that taking it back moves exactly those.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, NotFound
from common.ids import uuid7
from common.sql import execute, row
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact, ContactMerge, Follow
from contacts.rules import Kind, Right, Status
from contacts.services import merge_rows, objections, owners, tag_room
from contacts.services.grading import regrade
from contacts.services.merge_rows import BELONGINGS
from contacts.services.search_entries import index
from contacts.services.steps import note, place
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from quota import services as quota

SUGGESTED = 50
MOST_PHONES = 10


# The fields of the one that stays which the other one may fill or widen.
_TIMES = ("added_at", "last_customer_at", "last_contact_at", "archived_at", "lost_at", "waiting_since")
_FILLED = ("remark", "company", "description", "unionid")
_KEPT = (*_FILLED, "phones", "owner_id", "status", "inactive", *_TIMES)
_GONE = ("status", "archived_at", "lost_at", "waiting_since")


@dataclass(frozen=True)
class Preview:
    """What merging `gone` into `contact` would do: rows that go over and stay behind by table, fields that change,
    and places given back. `keeps`: an objection for the one that goes keeps the other from a clean-up, too."""

    contact: Contact
    gone: Contact
    moves: dict[str, int]
    stays: dict[str, int]
    changes: dict[str, tuple[Any, Any]]
    frees: int
    keeps: bool


def suggestions(actor: Actor) -> list[list[Contact]]:
    """Contacts that the actor sees and that have the same union id: one person as WeCom knows it."""
    seen = Contact.objects.visible_to(actor).exclude(unionid="")
    shared = seen.order_by().values("unionid").annotate(number=Count("id")).filter(number__gt=1)
    unions = list(shared.order_by("unionid").values_list("unionid", flat=True)[:SUGGESTED])
    found: dict[str, list[Contact]] = {union: [] for union in unions}
    for contact in seen.filter(unionid__in=unions).select_related("owner").order_by("added_at", "id"):
        found[contact.unionid].append(contact)
    return list(found.values())


def preview(actor: Actor, *, contact: Contact, gone: Contact) -> Preview:
    """What merging would do, without doing it. Raises Invalid for a contact and itself, Conflict too_many_tags."""
    _require(actor, contact, gone)
    moves: dict[str, int] = {}
    stays: dict[str, int] = {}
    chosen = merge_rows.choose(actor, contact, gone)
    for belonging in BELONGINGS:
        counted = row(
            f"""
            SELECT count(*) FILTER (WHERE {merge_rows.goes(belonging, chosen)}),
                   count(*) FILTER (WHERE NOT {merge_rows.goes(belonging, chosen)})
            FROM {belonging.table} AS belonging
            WHERE belonging.enterprise_id = %(enterprise)s AND belonging.contact_id = %(gone)s
            """,  # noqa: S608 - names of ours
            {**merge_rows.pair(contact, gone), "going": list(chosen.going.get(belonging.table, ()))},
        )
        assert counted is not None
        moves[belonging.table], stays[belonging.table] = counted
    wanted = _united(contact, gone)
    changes = {name: (getattr(contact, name), value) for name, value in wanted.items()}
    frees = int(_served(contact) and _served(gone))
    keeps = bool(chosen.going[objections.TABLE] or chosen.better.get(objections.TABLE))
    return Preview(contact, gone, moves, stays, changes, frees, keeps)


def merge(actor: Actor, *, contact: Contact, gone: Contact) -> ContactMerge:
    """Merge `gone` into `contact`. When both were served, one place is given back; a place is never taken.

    Raises Conflict already_merged when somebody did so meanwhile, too_many_tags when a relation to both would wear
    more than WeCom takes.
    """
    if contact.pk == gone.pk:
        raise Invalid({"gone": [_("Choose another contact.")]})
    contact, gone = _both_locked(contact, gone)
    _require(actor, contact, gone)
    now = clock.now()
    made = ContactMerge(
        id=uuid7(),
        contact=contact,
        gone_id=gone.pk,
        gone_label=str(gone),
        member=actor.member,
        merged_at=now,
        undo_until=now + timedelta(days=policy().undo_days),
    )
    wanted = _united(contact, gone)
    made.before = {"contact": _plain(contact, wanted), "gone": _plain(gone, _GONE)}
    made.save(force_insert=True)
    objections.hold(contact, gone)
    chosen = merge_rows.choose(actor, contact, gone)
    merge_rows.improve(made, chosen)
    merge_rows.carry_over(made, chosen, contact, gone)
    served, owner = _served(contact) + _served(gone), contact.owner_id
    stays_served = _served(contact)
    for name, value in wanted.items():
        setattr(contact, name, value)
    contact.version += 1
    contact.save(update_fields=[*wanted, "version"])
    gone.status, gone.lost_at, gone.archived_at, gone.waiting_since = Status.LOST, now, None, None
    gone.merged_into, gone.version = contact, gone.version + 1
    gone.save(update_fields=["status", "lost_at", "archived_at", "waiting_since", "merged_into", "version"])
    regrade([contact.pk], now)
    contact.refresh_from_db()
    index([contact.pk, gone.pk])
    made.after |= {"contact": _plain(contact, wanted)}
    made.save(update_fields=["before", "after"])
    note(contact, Kind.MERGED, at=now, member=actor.member, data={"name": str(gone)})
    audit.record(actor, "contact.merged", contact, after={"gone": gone.external_userid, "merge": str(made.pk)})
    if stays_served:
        _move_place(owner, contact.owner_id)
    if served == 2:
        quota.release(actor, places=[place(gone)], reason=quota.Reason.MERGED)
    elif made.before["gone"]["status"] == Status.ACTIVE:
        # The place goes over with the person: nothing is freed, nothing taken.
        quota.release(actor, places=[place(gone)], reason=quota.Reason.MERGED)
        quota.record_facts(actor, places=[place(contact)], reason=quota.Reason.MERGED)
    return made


def undo(actor: Actor, *, merge: ContactMerge) -> Contact:
    """Take a merge back: what went over returns, fields that nobody changed since are as they were.

    Needs a place again when one was given back. Raises Conflict undo_expired, already_undone, merged_on, QuotaExceeded.
    """
    contact = Contact.objects.filter(pk=merge.contact_id).first()
    gone = Contact.objects.filter(pk=merge.gone_id).first()
    if contact is None or gone is None:
        raise NotFound()
    contact, gone = _both_locked(contact, gone, merged=True)
    access.require(actor, contact, Right.MERGE)
    merge = ContactMerge.objects.select_for_update(no_key=True, of=("self",)).get(pk=merge.pk)
    now = clock.now()
    if merge.undone_at is not None or gone.merged_into_id != contact.pk:
        raise Conflict(_("This merge was taken back already."), code="already_undone")
    if now >= merge.undo_until:
        raise Conflict(_("The time to undo this merge is over."), code="undo_expired", undo_until=merge.undo_until)
    merge_rows.bring_back(merge, contact, gone)
    merge_rows.take_back(merge)
    was, left = merge.before["contact"], merge.after["contact"]
    is_now = _plain(contact, was)
    status, owner = contact.status, contact.owner_id
    stands = "status" in was and is_now["status"] == left.get("status")
    for name, value in was.items():
        # The times of a state say when it began: they come back with it, or not at all.
        if stands if name in _GONE else is_now[name] == left.get(name):
            setattr(contact, name, _value(name, value))
    contact.version += 1
    contact.save(update_fields=[*was, "version"])
    for name, value in merge.before["gone"].items():
        setattr(gone, name, _value(name, value))
    gone.merged_into, gone.version = None, gone.version + 1
    gone.save(update_fields=[*_GONE, "merged_into", "version"])
    regrade([contact.pk, gone.pk], now)
    index([contact.pk, gone.pk])
    spoken = owners.speak([contact.pk, gone.pk])
    for one in (contact, gone):
        if one.pk in spoken:
            one.refresh_from_db(fields=["remark", "version"])
    ContactMerge.objects.filter(pk=merge.pk).update(undone_at=now)
    for one in (contact, gone):
        note(one, Kind.UNMERGED, at=now, member=actor.member, data={"name": merge.gone_label})
    audit.record(actor, "contact.unmerged", contact, after={"gone": gone.external_userid, "merge": str(merge.pk)})
    if status == Status.ACTIVE:
        _move_place(owner, contact.owner_id)
    gave_up = status == Status.ACTIVE and contact.status != Status.ACTIVE
    if gave_up:
        quota.release(actor, places=[place(contact)], reason=quota.Reason.UNDONE)
    if _served(gone) and gave_up:
        quota.record_facts(actor, places=[place(gone)], reason=quota.Reason.UNDONE)
    elif _served(gone):
        quota.admit(actor, places=[place(gone)], reason=quota.Reason.UNDONE)
    return gone


def of(contact: Contact) -> QuerySet[ContactMerge]:
    """The merges into this contact, the latest first."""
    return ContactMerge.objects.filter(contact=contact).select_related("member").order_by("-merged_at", "-id")


def can_undo(merge: ContactMerge) -> bool:
    """Would `undo` be accepted now (but for rights and places)?"""
    return merge.undone_at is None and clock.now() < merge.undo_until


def forget(now: datetime, *, most: int) -> int:
    """Delete the lists of what went over of merges that cannot be undone any more; returns how many rows."""
    return execute(
        """
        DELETE FROM contacts_mergeitem AS gone WHERE gone.enterprise_id = %(enterprise)s AND gone.id IN (
            SELECT item.id FROM contacts_contactmerge AS merge
            JOIN contacts_mergeitem AS item ON item.enterprise_id = merge.enterprise_id AND item.merge_id = merge.id
            WHERE merge.enterprise_id = %(enterprise)s AND merge.undo_until <= %(now)s LIMIT %(most)s)
        """,
        {"enterprise": current_enterprise_id(), "now": now, "most": most},
    )


# --- Parts ------------------------------------------------------------------------------------------------


def _require(actor: Actor, contact: Contact, gone: Contact) -> None:
    if contact.pk == gone.pk:
        raise Invalid({"gone": [_("Choose another contact.")]})
    for one in (contact, gone):
        access.require(actor, one, Right.MERGE)
    if not merge_rows.tags_fit(contact, gone):
        raise tag_room.too_many()


def _both_locked(contact: Contact, gone: Contact, *, merged: bool = False) -> tuple[Contact, Contact]:
    """Both rows as they are now, locked in the order of their ids: two merges of one pair cannot pass each other.

    Against new relations as well: these take over when the contact was added, which a merge may change.
    """
    locked = Contact.objects.select_for_update(no_key=False, of=("self",)).order_by("id")
    found = {one.pk: one for one in locked.filter(pk__in=[contact.pk, gone.pk])}
    if len(found) < 2:
        raise NotFound()
    contact, gone = found[contact.pk], found[gone.pk]
    if contact.merged_into_id is not None or (gone.merged_into_id is not None and not merged):
        raise Conflict(
            _("One of the two was merged with another contact meanwhile."),
            code="merged_on" if merged else "already_merged",
        )
    return contact, gone


def _served(contact: Contact) -> bool:
    return contact.status == Status.ACTIVE


def _united(contact: Contact, gone: Contact) -> dict[str, Any]:
    """What changes in the row of the one that stays: empty ones filled, times widened, the better status."""
    wanted: dict[str, Any] = {name: getattr(contact, name) or getattr(gone, name) for name in _FILLED}
    phones = list(dict.fromkeys([*contact.phones, *gone.phones]))[:MOST_PHONES]
    wanted |= {"phones": phones, "owner_id": contact.owner_id or gone.owner_id}
    wanted["added_at"] = min(contact.added_at, gone.added_at)
    wanted["last_contact_at"] = max(contact.last_contact_at, gone.last_contact_at)
    times = [at for at in (contact.last_customer_at, gone.last_customer_at) if at is not None]
    wanted["last_customer_at"] = max(times, default=None)
    wanted["remark"] = _word(contact, gone, wanted["owner_id"]) or wanted["remark"]
    wanted["inactive"] = contact.inactive and gone.inactive
    ranks = (Status.ACTIVE, Status.ARCHIVED, Status.LOST)
    if ranks.index(Status(gone.status)) < ranks.index(Status(contact.status)):
        wanted |= {name: getattr(gone, name) for name in ("status", "archived_at", "lost_at", "waiting_since")}
    return {name: value for name, value in wanted.items() if value != getattr(contact, name)}


def _word(contact: Contact, gone: Contact, owner: UUID | None) -> str:
    """What the owner calls the one that goes, when that is all that they say: it is what the contact is called then."""
    said = dict(Follow.objects.filter(contact__in=[contact, gone], member_id=owner).values_list("contact", "remark"))
    return "" if contact.pk in said else said.get(gone.pk, "")


def _move_place(before: UUID | None, after: UUID | None) -> None:
    """A served contact has another owner: its place goes along, from team to team; it is a fact by now (Q12)."""
    if before != after:
        quota.move(lambda: {before: -1, after: 1})


def _plain(contact: Contact, names: Any) -> dict[str, Any]:
    """Fields as JSON; `_value` reads them back."""
    found = {}
    for name in names:
        value = getattr(contact, name)
        found[name] = (
            value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        )
    return found


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES:
        return parse_datetime(value)
    return UUID(value) if name == "owner_id" else value
