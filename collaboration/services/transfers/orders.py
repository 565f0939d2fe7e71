"""Ordering a hand-over, trying the failed ones again, calling it off (O6, O7, O8)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from collaboration.models import Transfer, TransferItem
from collaboration.queries.transfers import answers_for
from collaboration.rules.transfers import OF_ONES_OWN, OF_OTHERS, Kind, Reason, State
from collaboration.services.transfers import notices
from collaboration.services.transfers.choosing import Choice, insert
from collaboration.services.transfers.plans import Plan
from collaboration.services.transfers.previews import Preview
from collaboration.services.transfers.previews import preview as count
from collaboration.services.transfers.settling import recount
from common import clock
from common.errors import Conflict, Forbidden, Invalid, NotFound
from common.sql import execute
from common.tenancy import current_enterprise_id
from contacts.queries import nameable
from contacts.services.bulk.selection import Selection
from contacts.services.steps import out_of_range
from enterprises import audit
from enterprises.actors import Actor
from enterprises.authority import members_in_range
from enterprises.models import Member, Role
from jobs import services as jobs
from quota import services as quota
from quota.rules import Action

JOB = "collaboration.transfer"
MOST_MESSAGE = 200
AGAIN = (State.FAILED, State.REFUSED, State.TAKER_FULL)


@transaction.atomic
def order(
    actor: Actor,
    *,
    member: Member | None = None,
    plan: Plan | Mapping[str, Any],
    message: str = "",
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
) -> Transfer:
    """Hand what `member` has over to others by a plan (plans.Plan as JSON) and return the order; a job carries it out.

    Somebody who left: all at once, and it takes no place; but not while the enterprise is over its scale (Q8). An
    active member's contacts may decline for a day, and move twice in 90 days at most. `ids` or `filter`: only these
    contacts. Without a `member` they may be several members'; owners hand over in this way what they own (O1).
    Raises Forbidden, Invalid, and Conflict when nothing can be handed over.
    """
    choice = _asked(actor, member, plan, message, ids, filter)
    if choice.kind is Kind.RESIGNED:
        quota.check(actor, Action.INHERIT_RESIGNED)
    elif choice.plan.groups and choice.groups().exists():
        quota.check(actor, Action.MANAGE_GROUPS)
    transfer = Transfer.objects.create(
        kind=choice.kind.value,
        member=choice.member,
        by=actor.member,
        plan=choice.plan.as_json(),
        message=message.strip() if choice.kind is Kind.ON_JOB else "",
        created_at=clock.now(),
    )
    insert(choice, transfer.pk)
    if choice.member is None:
        _of_one_member(transfer)
    recount([transfer.pk])
    transfer.refresh_from_db()
    if not transfer.number(State.WAITING) and not transfer.groups.get(State.WAITING):
        raise Conflict(_("There is nothing that could be handed over."), code="nothing_to_hand_over")
    audit.record(
        actor,
        "transfer.ordered",
        transfer,
        after={"kind": transfer.kind, "contacts": transfer.number(), "groups": sum(transfer.groups.values())},
    )
    notices.coming(transfer)
    _carry_out(actor, transfer)
    return transfer


def preview(
    actor: Actor,
    *,
    member: Member | None = None,
    plan: Plan | Mapping[str, Any],
    message: str = "",
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
) -> Preview:
    """What `order` with the same arguments would do now, in numbers."""
    return count(_asked(actor, member, plan, message, ids, filter))


def try_again(
    actor: Actor, *, transfer: Transfer, taker: Member | None = None, items: Sequence[UUID] | None = None
) -> Transfer:
    """Hand over once more what failed, was declined or found its taker full; to another `taker` if one is named.

    `items`: only these. Raises Conflict when there is nothing to try again.
    """
    _answers_for(actor, transfer)
    if transfer.kind == Kind.RESIGNED:
        quota.check(actor, Action.INHERIT_RESIGNED)
    if taker is not None:
        if taker.pk == transfer.member_id or not taker.is_active:
            raise Invalid({"taker": [_("Name another active member.")]})
        if not nameable(actor).filter(pk=taker.pk).exists():
            raise out_of_range()
    again = execute(
        """
        UPDATE collaboration_transferitem AS item
        SET state = 'waiting', reason = '', taker_id = coalesce(%(taker)s::uuid, item.taker_id), due_at = NULL,
            batch = NULL, settled_at = NULL, blocked_until = NULL, attempt = item.attempt + 1
        WHERE item.enterprise_id = %(enterprise)s AND item.transfer_id = %(transfer)s AND item.state = ANY (%(again)s)
          AND item.member_id IS DISTINCT FROM %(taker)s::uuid
          AND (%(items)s::uuid[] IS NULL OR item.id = ANY (%(items)s::uuid[]))
          AND NOT EXISTS (SELECT FROM collaboration_transferitem AS other
              WHERE other.enterprise_id = item.enterprise_id AND other.member_id = item.member_id
                AND other.state = 'waiting'
                AND (other.contact_id = item.contact_id OR other.group_id = item.group_id))
        """,
        {
            "enterprise": current_enterprise_id(),
            "transfer": transfer.pk,
            "taker": taker.pk if taker else None,
            "again": [state.value for state in AGAIN],
            "items": list(items) if items is not None else None,
        },
    )
    if not again:
        raise Conflict(_("There is nothing to try again."), code="nothing_to_hand_over")
    recount([transfer.pk])
    transfer.refresh_from_db()
    after = {"items": again, **({"taker": taker.name} if taker else {})}
    audit.record(actor, "transfer.retried", transfer, after=after)
    _carry_out(actor, transfer)
    return transfer


def cancel(actor: Actor, *, transfer: Transfer) -> Transfer:
    """Call off what is still waiting; what was handed over stays so. Raises Conflict when nothing waits."""
    _answers_for(actor, transfer)
    stopped = TransferItem.objects.filter(transfer=transfer, state=State.WAITING).update(
        state=State.FAILED, reason=Reason.CANCELLED, settled_at=clock.now()
    )
    if not stopped:
        raise Conflict(_("Nothing is waiting any more."), code="nothing_waiting")
    recount([transfer.pk])
    transfer.refresh_from_db()
    audit.record(actor, "transfer.cancelled", transfer, after={"items": stopped})
    return transfer


def _carry_out(actor: Actor, transfer: Transfer) -> None:
    jobs.enqueue(actor, name=JOB, params={"transfer": str(transfer.pk)})


def _asked(
    actor: Actor,
    member: Member | None,
    plan: Plan | Mapping[str, Any],
    message: str,
    ids: Sequence[Any] | None,
    filter: Mapping[str, Any] | None,
) -> Choice:
    if member is None:
        actor.require(OF_ONES_OWN)
        if ids is None and filter is None:
            raise Invalid({"member": [_("Say whose contacts, or which: by ids or by a filter.")]})
    else:
        actor.require(OF_OTHERS)
        member = Member.objects.select_related("department").get(pk=member.pk)  # as they are now
        _manages(actor, member)
    if len(message.strip()) > MOST_MESSAGE:
        raise Invalid({"message": [_("At most 200 characters.")]})
    selection = None if ids is None and filter is None else Selection.of(actor, ids=ids, filter=filter)
    left = member is not None and member.status == Member.Status.RESIGNED
    checked = plan if isinstance(plan, Plan) else Plan.of(actor, plan)
    giver = member.pk if member is not None else actor.member_id if _related_only(actor) else None
    if any(giver in part.takers for part in checked.parts):
        raise Invalid({"takers": [_("Nobody takes over from themselves.")]})
    takers = checked.takers(actor, but=giver)
    return Choice(actor, member, Kind.RESIGNED if left else Kind.ON_JOB, checked, selection, takers)


def _related_only(actor: Actor) -> bool:
    """Does the actor hand over nothing but what they own?"""
    return actor.member is not None and actor.member.role.scope == Role.Scope.RELATED


def _of_one_member(transfer: Transfer) -> None:
    """Contacts that were chosen from the list and are all of one member make an order about this member."""
    givers = transfer.items.order_by("member_id").values_list("member_id", flat=True).distinct()[:2]
    if len(givers) == 1:
        Transfer.objects.filter(pk=transfer.pk).update(member=givers[0])


def _answers_for(actor: Actor, transfer: Transfer) -> None:
    """Admins do so for the hand-overs of whom they manage, others for what they ordered themselves."""
    if not actor.may(OF_OTHERS):
        actor.require(OF_ONES_OWN)
        if transfer.by_id != actor.member_id:
            raise NotFound()
    if not answers_for(actor, transfer):
        raise Forbidden(_("Somebody else ordered this for several members."), code="not_yours")


def _manages(actor: Actor, member: Member) -> None:
    """A graded admin hands over what members in their departments have (O4); others see everything."""
    own = actor.member
    if own is None or own.role.scope == Role.Scope.ALL:
        return
    if own.role.scope != Role.Scope.DEPARTMENTS or not members_in_range(own).filter(pk=member.pk).exists():
        raise out_of_range()
