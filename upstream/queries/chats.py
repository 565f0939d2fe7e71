"""Group chats of a space, who is in them, and who can be put in (U10)."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.rest import reference
from upstream.models import ChatSeat, PartnerContact, Space, SpaceChat
from upstream.queries.lists import _boolean
from upstream.rules.chats import ChatKind

CHAT_FILTERS = ("dismissed",)


class OtherKind(Conflict):
    """This person belongs in the other kind of group chat. `kind` says which one suits."""

    code = "other_kind_of_chat"


def chats(actor: Actor, space: Space, query: Mapping[str, str] | None = None) -> QuerySet[SpaceChat]:
    """The space's group chats that exist for the actor."""
    found = SpaceChat.objects.visible_to(actor).filter(space=space).select_related("space", "subgroup", "owner")
    if dismissed := (query or {}).get("dismissed"):
        found = found.filter(dismissed_at__isnull=not _boolean("dismissed", dismissed))
    return found


def chat_seats(actor: Actor, chat: SpaceChat) -> QuerySet[ChatSeat]:
    """Who is in the chat, as far as the actor sees them."""
    seen = PartnerContact.objects.visible_to(actor).filter(space=chat.space_id).values("id")
    found = ChatSeat.objects.filter(chat=chat).select_related("member__department", "person__person", "person__partner")
    return found.filter(Q(person=None) | Q(person__in=seen))


def addable(actor: Actor, space: Space, ids: Iterable[UUID]) -> list[PartnerContact]:
    """The people of partners with these ids. Raises OtherKind for a customer, Invalid for whom the actor does not see.

    A customer who is in the space as well can be put in as the person of a partner that they are there.
    """
    wanted = list(dict.fromkeys(ids))
    seen = PartnerContact.objects.visible_to(actor).filter(space=space).select_related("person", "partner")
    found, customers = seen.in_bulk(wanted), Contact.objects.visible_to(actor)
    for pk in wanted:
        customer = None if pk in found or not actor.may("contacts.view") else customers.filter(pk=pk).first()
        if customer is not None:
            also = seen.filter(person__customer_links__contact=customer).first()
            raise OtherKind(
                _("“%(name)s” is a customer; use a customer group chat, or invite them into the space first.")
                % {"name": customer},
                field="people",
                kind=ChatKind.CUSTOMER,
                contact=str(also.pk) if also else None,
            )
        if pk not in found:
            reference(seen, pk, "people")  # refuses it in the usual words
    return [found[pk] for pk in wanted]


def refuse_partner(actor: Actor, pk: UUID) -> None:
    """Somebody wants this one in a customer group chat. Raises OtherKind for a person of a partner."""
    seen = PartnerContact.objects.visible_to(actor).select_related("person", "space")
    seat = seen.filter(pk=pk).first() if actor.may("spaces.view") else None
    if seat is not None:
        raise OtherKind(
            _("“%(name)s” belongs to a partner; use a group chat of the space “%(space)s”.")
            % {"name": seat.person.name, "space": seat.space.name},
            kind=ChatKind.SPACE,
            space=str(seat.space_id),
        )
