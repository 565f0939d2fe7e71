"""Reads of clean-up rounds: which exist for whom, and what of them somebody sees (O5)."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from common.tenancy import TenantQuerySet
from contacts.models import CleanUp, CleanUpItem, Contact
from enterprises.actors import Actor


def visible_to(actor: Actor) -> TenantQuerySet:
    """The rounds that concern a contact that the actor sees."""
    if actor.sees_all:
        return CleanUp.objects.all()
    seen = Contact.objects.visible_to(actor).values("id")
    return CleanUp.objects.filter(Exists(CleanUpItem.objects.filter(clean_up_id=OuterRef("pk"), contact__in=seen)))


def figures(actor: Actor, rounds: Sequence[CleanUp]) -> dict[UUID, tuple[int, int]]:
    """Of each round: how many contacts the actor sees, and how many of them were kept; one query for all."""
    found = CleanUpItem.objects.filter(clean_up__in=[one.pk for one in rounds])
    if not actor.sees_all:
        found = found.filter(contact__in=Contact.objects.visible_to(actor).values("id"))
    kept = Count("id", filter=Q(kept_at__isnull=False))
    counted = found.order_by().values_list("clean_up").annotate(contacts=Count("id"), kept=kept)
    return {pk: (contacts, number) for pk, contacts, number in counted}


def items(actor: Actor, clean_up: CleanUp) -> TenantQuerySet:
    """The contacts of a round that exist for the actor."""
    found = CleanUpItem.objects.filter(clean_up=clean_up)
    return found if actor.sees_all else found.filter(contact__in=Contact.objects.visible_to(actor).values("id"))
