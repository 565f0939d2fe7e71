"""Reads of clean-up rounds: which exist for whom, and what of them somebody sees (O5)."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from common.sql import rows, subquery
from common.tenancy import TenantQuerySet, current_enterprise_id
from contacts import access
from contacts.models import CleanUp, CleanUpItem, Contact
from contacts.rules import Right
from enterprises.actors import Actor
from jobs.models import sees_everybodys


def visible_to(actor: Actor) -> TenantQuerySet:
    """The rounds that concern a contact that the actor sees."""
    if actor.sees_all:
        return CleanUp.objects.all()
    seen = Contact.objects.visible_to(actor).values("id")
    return CleanUp.objects.filter(Exists(CleanUpItem.objects.filter(clean_up_id=OuterRef("pk"), contact__in=seen)))


def shown(actor: Actor, *, recent: int) -> TenantQuerySet:
    """The open rounds that concern the actor, and the latest of the others; the latest first."""
    seen = visible_to(actor)
    latest = seen.exclude(state=CleanUp.State.ANNOUNCED).values("id")[:recent]
    return seen.filter(Q(state=CleanUp.State.ANNOUNCED) | Q(pk__in=latest)).select_related("member")


def figures(actor: Actor, rounds: Sequence[CleanUp]) -> dict[UUID, tuple[int, int]]:
    """Of each round: how many contacts the actor sees, and how many of them were kept; one query for all."""
    found = _seen(actor).filter(clean_up__in=[one.pk for one in rounds])
    kept = Count("id", filter=Q(kept_at__isnull=False))
    counted = found.order_by().values_list("clean_up").annotate(contacts=Count("id"), kept=kept)
    return {pk: (contacts, number) for pk, contacts, number in counted}


def items(actor: Actor, clean_up: CleanUp) -> TenantQuerySet:
    """The contacts of a round that exist for the actor; who was merged into another one exists for nobody."""
    return _seen(actor).filter(clean_up=clean_up)


def job_of(actor: Actor, clean_up: CleanUp) -> UUID | None:
    """The job that archived the round, for those for whom it exists."""
    return clean_up.job_id if sees_everybodys(actor) or clean_up.member_id == actor.member_id else None


def left_out(actor: Actor, clean_up: CleanUp) -> int | None:
    """How many contacts were left out of it, for those who see as many as whoever announced it (O5)."""
    return clean_up.left_out if actor.sees_all or clean_up.member_id == actor.member_id else None


def may_call_off(actor: Actor, clean_up: CleanUp) -> bool:
    """Is the round the actor's to call off: because they announced it, or may archive every contact of it (O2)?

    Whoever sees but some of its contacts keeps theirs, and leaves the others to those whose they are.
    """
    if not actor.may(Right.ARCHIVE.code):
        return False
    if actor.sees_all or clean_up.member_id == actor.member_id:
        return True
    seen, params = subquery(Contact.objects.visible_to(actor).values("id", "enterprise_id", "owner_id"), "seen")
    others = rows(
        f"""
        SELECT FROM contacts_cleanupitem AS item
        JOIN contacts_contact AS known ON known.enterprise_id = item.enterprise_id AND known.id = item.contact_id
        WHERE item.enterprise_id = %(enterprise)s AND item.clean_up_id = %(round)s AND known.merged_into_id IS NULL
          AND NOT EXISTS (SELECT FROM ({seen}) AS contact
                          WHERE contact.id = item.contact_id AND {access.permits(Right.ARCHIVE)})
        LIMIT 1
        """,  # noqa: S608 - a filter's own text, and names of ours
        {**params, **access.asking(actor), "enterprise": current_enterprise_id(), "round": clean_up.pk},
    )
    return not others


def _seen(actor: Actor) -> TenantQuerySet:
    return CleanUpItem.objects.filter(contact__in=Contact.objects.visible_to(actor).values("id"))
