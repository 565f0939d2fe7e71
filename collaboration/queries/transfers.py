"""Reads about hand-overs: lists and items, as far as somebody sees them (O5)."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collaboration.models import InheritanceRule, Transfer, TransferItem
from collaboration.rules.transfers import Kind, State
from common.errors import Invalid
from common.ids import parse_uuid
from contacts.models import Contact, GroupChat
from enterprises.actors import Actor
from enterprises.authority import managed_departments

FILTERS = ("kind", "finished", "member")
ITEM_FILTERS = ("state", "taker")


def transfers(actor: Actor, params: dict[str, str] | None = None) -> QuerySet[Transfer]:
    """The hand-overs that the actor sees, with the member and who ordered it."""
    params = params or {}
    found = Transfer.objects.visible_to(actor).select_related("member", "by")
    if kind := params.get("kind"):
        found = found.filter(kind=_one_of(Kind, "kind", kind))
    if finished := params.get("finished"):
        found = found.filter(finished_at__isnull=finished not in ("1", "true"))
    if member := params.get("member"):
        found = found.filter(member_id=parse_uuid(member)) if parse_uuid(member) else found.none()
    return found


def items(actor: Actor, transfer: Transfer, params: dict[str, str] | None = None) -> QuerySet[TransferItem]:
    """The contacts and groups of a hand-over that the actor sees, each with its taker."""
    params = params or {}
    contacts = Contact.objects.visible_to(actor).filter(pk=OuterRef("contact_id"))
    groups = GroupChat.objects.visible_to(actor).filter(pk=OuterRef("group_id"))
    found = TransferItem.objects.filter(Q(Exists(contacts)) | Q(Exists(groups)), transfer=transfer)
    if state := params.get("state"):
        found = found.filter(state=_one_of(State, "state", state))
    if taker := params.get("taker"):
        found = found.filter(taker_id=parse_uuid(taker)) if parse_uuid(taker) else found.none()
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
