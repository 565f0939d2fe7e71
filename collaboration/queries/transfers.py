"""Reads about hand-overs: lists and items, as far as somebody sees them (O5)."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collaboration.models import InheritanceRule, Transfer, TransferItem
from collaboration.rules.transfers import OF_OTHERS, Kind, State
from common.asked import an_id, yes_or_no
from common.errors import Invalid
from contacts.models import Contact, GroupChat
from enterprises.actors import Actor
from enterprises.authority import managed_departments, members_in_range
from enterprises.models import Role

FILTERS = ("kind", "finished", "member")
ITEM_FILTERS = ("state", "taker")


def transfers(actor: Actor, params: dict[str, str] | None = None) -> QuerySet[Transfer]:
    """The hand-overs that the actor sees, with the member and who ordered it."""
    params = params or {}
    found = Transfer.objects.visible_to(actor).select_related("member", "by")
    if kind := params.get("kind"):
        found = found.filter(kind=_one_of(Kind, "kind", kind))
    if finished := params.get("finished"):
        found = found.filter(finished_at__isnull=not yes_or_no("finished", finished))
    if member := params.get("member"):
        found = found.filter(member_id=an_id("member", member))
    return found


def answers_for(actor: Actor, transfer: Transfer) -> bool:
    """May the actor try it again and call it off? What somebody else ordered of several members, a graded admin only
    looks at, as far as it concerns their people."""
    if actor.member is None or actor.member.role.scope != Role.Scope.DEPARTMENTS:
        return actor.may(OF_OTHERS) or transfer.by_id == actor.member_id
    return transfer.member_id is not None or transfer.by_id == actor.member_id


def concerning(actor: Actor, found: Sequence[Transfer]) -> QuerySet[TransferItem]:
    """The items of these hand-overs that concern the actor: all of them, or those of their people."""
    items = TransferItem.objects.filter(transfer__in=found)
    if actor.member is None or all(answers_for(actor, one) for one in found):
        return items
    return items.filter(member_id__in=members_in_range(actor.member).values("id"))


def as_seen(actor: Actor, found: Sequence[Transfer]) -> Sequence[Transfer]:
    """The hand-overs with the numbers of what concerns the actor (O5); one query for all of them, or none."""
    others = [one for one in found if not answers_for(actor, one)]
    if others:
        counted = concerning(actor, others).order_by().values_list("transfer_id", "state")
        numbers: dict[UUID, tuple[dict[str, int], dict[str, int]]] = {one.pk: ({}, {}) for one in others}
        for transfer, state, contacts, groups in counted.annotate(contacts=Count("contact"), groups=Count("group")):
            for kind, number in zip(numbers[transfer], (contacts, groups), strict=True):
                if number:
                    kind[state] = number
        for one in others:
            one.contacts, one.groups = numbers[one.pk]
    return found


def items(actor: Actor, transfer: Transfer, params: dict[str, str] | None = None) -> QuerySet[TransferItem]:
    """The contacts and groups of a hand-over that the actor sees, each with its taker."""
    params = params or {}
    contacts = Contact.objects.visible_to(actor).filter(pk=OuterRef("contact_id"))
    groups = GroupChat.objects.visible_to(actor).filter(pk=OuterRef("group_id"))
    found = concerning(actor, [transfer]).filter(Q(Exists(contacts)) | Q(Exists(groups)))
    if state := params.get("state"):
        found = found.filter(state=_one_of(State, "state", state))
    if taker := params.get("taker"):
        found = found.filter(taker_id=an_id("taker", taker))
    return found.select_related("contact", "group", "member", "taker")


def rules(actor: Actor) -> QuerySet[InheritanceRule]:
    """The saved plans that concern the actor: all; a graded admin's those of their departments."""
    managed = managed_departments(actor)
    found = InheritanceRule.objects.select_related("department").order_by("department__name", "id")
    return found if managed is None else found.filter(department_id__in=managed)


def _one_of(choices: type[Kind] | type[State], field: str, value: str) -> str:
    if value not in list(choices):
        raise Invalid({field: [_("There is no such value.")]})
    return value
