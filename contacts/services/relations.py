"""Who of ours stands in which relation to a contact: owner, and the end of follows."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from contacts import access
from contacts.models import Contact, Follow, GroupMember
from contacts.queries import nameable
from contacts.rules import Kind, Right, Status
from contacts.services import loss_notices, owners
from contacts.services.steps import (
    arrive,
    hold,
    locked,
    named_member,
    not_archived,
    note,
    out_of_range,
    past,
    place,
    set_status,
)
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from quota import services as quota

BY = {"contact": Follow.State.DELETED_BY_CONTACT, "member": Follow.State.DELETED_BY_MEMBER}


def change_owner(actor: Actor, *, contact: Contact, owner: Member) -> Contact:
    """Make another member responsible. Takes no place of the enterprise, but one of the new owner's team (Q12).

    The owner need not be a friend of the contact. Raises Invalid for a member who is not active, Forbidden for one
    outside of a graded admin's range (O4), BudgetExceeded when the team is full.
    """
    actor.require("contacts.assign")
    if not owner.is_active:
        raise Invalid({"owner": [_("This member is not active.")]})
    if not nameable(actor).filter(pk=owner.pk).exists():
        raise out_of_range()
    contact = hold(actor, contact, Right.ASSIGN)
    if contact.owner_id == owner.pk:
        return contact
    before = contact.owner
    owners.give(
        actor,
        pairs="SELECT %(contact)s::uuid, %(owner)s::uuid, NULL::text",
        params={"contact": contact.pk, "owner": owner.pk},
        key=str(uuid7()),
        at=clock.now(),
        must_fit=True,
    )
    remark = contact.remark
    contact.refresh_from_db(fields=["owner", "remark", "version"])
    former, now = {"owner": before.name if before else None}, {"owner": owner.name}
    if contact.remark != remark:
        former["remark"], now["remark"] = remark, contact.remark
    audit.record(actor, "contact.owner_changed", contact, before=former, after=now)
    return contact


def add_follow(
    actor: Actor, *, contact: Contact, member: Member | None = None, remark: str = "", source: str = ""
) -> bool:
    """A member becomes a friend of a known contact (C1). Returns False when they were one already.

    A lost contact comes back, if there is a place. `member`: oneself; others need contacts.assign.
    """
    actor.require("contacts.add")
    member = named_member(actor, member, "member")
    if member is None:
        raise Invalid({"member": [_("Name the member.")]})
    contact = locked(contact)
    not_archived(actor, contact)
    return arrive(actor, contact=contact, is_new=False, follower=member, at=clock.now(), remark=remark, source=source)


def end_follow(actor: Actor, *, contact: Contact, member: Member, by: str, at: datetime | None = None) -> Contact:
    """The relation ended, `by` the "contact" (流失) or the "member". The last one takes the contact with it (C2, C4).

    Members end their own relations; those of others are the owner's and admins' with contacts.assign. Raises
    Conflict not_following.
    """
    actor.require("contacts.edit")
    if member.pk != actor.member_id:
        actor.require("contacts.assign")
    if by not in BY:
        raise Invalid({"by": [_("Say who ended it: contact or member.")]})
    at = past(at)
    contact = locked(contact)
    if member.pk != actor.member_id:
        access.require(actor, contact, Right.ASSIGN)
    follow = Follow.objects.select_related("member").filter(contact=contact, member=member).first()
    if follow is None or not _end(follow, by, at):
        raise Conflict(_("This member is not a friend of the contact."), code="not_following")
    note(contact, Kind.UNFOLLOWED, at=at, member=member, data={"by": by})
    audit.record(actor, "contact.unfollowed", contact, before={"member": member.name}, after={"by": by})
    lose_if_nobody_is_left(actor, contact=contact, at=at)
    return contact


def _end(follow: Follow, by: str, at: datetime) -> bool:
    """One side ends the relation, or the other side does so as well; False when there is nothing to end.

    The owner is told when a contact ends what a member had kept (C4).
    """
    if follow.state == Follow.State.ACTIVE:
        follow.state, follow.ended_at = BY[by], at
        follow.save(update_fields=["state", "ended_at"])
        if by == "contact":
            loss_notices.contact_deleted_member(follow, follow.contact)
        return True
    if follow.both_at is not None or follow.state == BY[by]:
        return False
    follow.state, follow.both_at = Follow.State.DELETED_BY_MEMBER, at
    follow.save(update_fields=["state", "both_at"])
    return True


def lose_if_nobody_is_left(actor: Actor, *, contact: Contact, at: datetime) -> bool:
    """A contact without a follow and without a group is lost and gives its place back (C2, Q2)."""
    if contact.status == Status.LOST or (
        Follow.objects.filter(contact=contact, state=Follow.State.ACTIVE).exists()
        or GroupMember.objects.filter(contact=contact, left_at=None).exists()
    ):
        return False
    before = contact.status
    set_status(contact, Status.LOST, lost_at=at, waiting_since=None)
    note(contact, Kind.LOST, at=at)
    audit.record(actor, "contact.lost", contact, before={"status": before}, after={"status": Status.LOST.value})
    if before == Status.ACTIVE:
        quota.release(actor, places=[place(contact)], reason=quota.Reason.LOST)
    return True
