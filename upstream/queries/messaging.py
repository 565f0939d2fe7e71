"""Messages, what became of them, and what a partner's person has to read (U9)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from enterprises.actors import Actor
from jobs.models import JobRun
from upstream.models import Message, MessageDelivery, Partner, PartnerContact, Person, Series, Space, Subgroup
from upstream.queries.lists import _uuid

MESSAGE_FILTERS = ("space", "series", "state")
NAMED = 3  # of each sort of things in an audience, so many by name
SOURCES = (
    ("spaces", Space),
    ("series", Series),
    ("subgroups", Subgroup),
    ("partners", Partner),
    ("but_subgroups", Subgroup),
    ("but_partners", Partner),
    ("but_persons", Person),
)


def messages(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[Message]:
    """The messages that the actor sees."""
    query = query or {}
    found = Message.objects.visible_to(actor).select_related("created_by__role", "created_by__user")
    if space := query.get("space"):
        found = found.filter(space_ids__contains=[_uuid("space", space)])
    if series := query.get("series"):
        inside = Space.objects.visible_to(actor).filter(series=_uuid("series", series))
        found = found.filter(space_ids__overlap=list(inside.order_by().values_list("pk", flat=True)))
    if state := query.get("state"):
        if state not in Message.State.values:
            raise Invalid({"state": [_("Choose one of the offered values.")]})
        found = found.filter(state=state)
    return found


@dataclass(frozen=True)
class Named:
    """Things of one sort in an audience: some by name, and how many there are."""

    sort: str
    names: list[str]
    number: int

    @property
    def more(self) -> int:
        return self.number - len(self.names)


def describe(found: list[Message]) -> None:
    """Load for a page of messages whom each goes to, as `message.targets` and `message.exceptions`, and whether its
    job is at work, as `message.at_work`: one query for each sort of things that is named."""
    wanted: dict[type, set[UUID]] = defaultdict(set)
    shown = {message.pk: message.to for message in found}
    for audience in shown.values():
        for name, model in SOURCES:
            wanted[model].update(sorted(getattr(audience, name))[:NAMED])
    names = {
        model: dict(model.objects.filter(pk__in=ids).values_list("pk", "name"))  # type: ignore[attr-defined]
        for model, ids in wanted.items()
        if ids
    }
    sending = [message.run_id for message in found if message.run_id]
    at_work = (
        set(JobRun.objects.filter(pk__in=sending, state__in=JobRun.OPEN).values_list("pk", flat=True))
        if sending
        else set()
    )
    for message in found:
        sorts: list[Named] = []
        for name, model in SOURCES:
            ids = sorted(getattr(shown[message.pk], name))
            called = [names[model][pk] for pk in ids[:NAMED] if pk in names.get(model, {})]
            if ids:
                sorts.append(Named(name, called, len(ids)))
        message.targets = [one for one in sorts if not one.sort.startswith("but_")]  # type: ignore[attr-defined]
        message.exceptions = [one for one in sorts if one.sort.startswith("but_")]  # type: ignore[attr-defined]
        message.at_work = message.run_id in at_work  # type: ignore[attr-defined]


def deliveries(actor: Actor, message: Message, state: str = "") -> QuerySet[MessageDelivery]:
    """The message's rows of people whom the actor sees; ordered by `person_id` without sorting."""
    found = MessageDelivery.objects.filter(message=message).select_related("person")
    if not actor.sees_all:
        found = found.filter(seat_id__in=PartnerContact.objects.visible_to(actor).values("id"))
    if state:
        if state not in MessageDelivery.State.values:
            raise Invalid({"state": [_("Choose one of the offered values.")]})
        found = found.filter(state=state)
    return found


def seats(found: Iterable[MessageDelivery]) -> None:
    """Load for a page of rows as whom each got it, as `delivery.seat`; None for who has left."""
    rows = list(found)
    by_id = PartnerContact.objects.select_related("partner", "space").in_bulk([row.seat_id for row in rows])
    for row in rows:
        row.seat = by_id.get(row.seat_id)  # type: ignore[attr-defined]


def inbox(person: UUID) -> QuerySet[MessageDelivery]:
    """What somebody has to read, newest first: what reached them as somebody they still are, and stands."""
    mine = PartnerContact.objects.filter(person=person).values("id")
    found = MessageDelivery.objects.filter(person=person, state__in=MessageDelivery.READABLE, seat_id__in=mine)
    found = found.filter(message__withdrawn_at=None)
    space = PartnerContact.objects.filter(pk=OuterRef("seat_id")).values("space_id")
    return found.annotate(space_id=Subquery(space)).select_related("message").order_by("-delivered_at", "-id")


def unread(person: UUID) -> dict[Any, int]:
    """How many they have not opened yet, by space."""
    waiting = inbox(person).filter(state=MessageDelivery.State.DELIVERED).order_by()
    return dict(waiting.values_list("space_id").annotate(number=Count("id")))
