"""How full spaces, series and partners are, and when they will be if as many come as in the last weeks (U1, U8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from common import clock
from enterprises.actors import Actor
from enterprises.services import policy, zone
from upstream.models import Partner, PartnerContact, Series, Space, SpaceAccount
from upstream.queries.lists import Usage, series
from upstream.rules.filling import WEEKS, full_on


@dataclass(frozen=True)
class Filling(Usage):
    """How many of how many, and the day on which it is full at this rate."""

    full_on: date | None = None


@dataclass(frozen=True)
class SpaceBars:
    """A space: its partners, and the people of its largest partner that the viewer sees."""

    space: Space
    partners: Filling
    largest: Partner | None
    people: Filling | None


@dataclass(frozen=True)
class SeriesBars:
    """A series: its partners over all its spaces, and when it opens the next one. It is full with the last of them."""

    series: Series
    spaces: int
    partners: Filling
    next_space_on: date | None


@dataclass(frozen=True)
class Capacity:
    """All bars at once, in a constant number of queries."""

    spaces: Filling
    by_space: list[SpaceBars]
    by_series: list[SeriesBars]


def capacity(actor: Actor, space: Space | None = None) -> Capacity:
    """The bars of everything that the actor sees; of one space only, where `space` is given."""
    rules, counted = policy(), _Counted(actor)
    seen = list(Space.objects.visible_to(actor).select_related("series").order_by("series__name", "number", "name"))
    shown = [one for one in seen if space is None or one.pk == space.pk]
    joined = counted.recent(Partner.objects.filter(space__in=seen), "space_id")
    largest = {
        one.space_id: one
        for one in Partner.objects.visible_to(actor)
        .filter(space__in=shown)
        .order_by("space_id", "-contact_count", "id")
        .distinct("space_id")
    }
    came = counted.recent(PartnerContact.objects.filter(partner__in=largest.values()), "partner_id")
    used = SpaceAccount.objects.values_list("spaces", flat=True).first() or 0
    made = Space.objects.filter(created_at__gt=counted.since).count()
    by_space = []
    for one in shown:
        largest_one = largest.get(one.pk)
        people = (
            counted.filling(largest_one.contact_count, rules.partner_people, came.get(largest_one.pk, 0))
            if largest_one
            else None
        )
        partners = counted.filling(one.partner_count, rules.space_partners, joined.get(one.pk, 0))
        by_space.append(SpaceBars(one, partners, largest_one, people))
    by_series = []
    free = max(0, rules.spaces - used)
    for found in series(actor) if space is None else ():
        inside = [one for one in seen if one.series_id == found.pk]
        number, rate = sum(one.partner_count for one in inside), sum(joined.get(one.pk, 0) for one in inside)
        places = rules.space_partners * len(inside)
        last = counted.filling(number, places + rules.space_partners * free, rate)
        opens = counted.filling(number, -(-places * rules.series_open_percent // 100), rate)
        by_series.append(
            SeriesBars(found, len(inside), Filling(number, places, last.full_on), opens.full_on if free else None)
        )
    return Capacity(counted.filling(used, rules.spaces, made), by_space, by_series)


class _Counted:
    """Counts who came in the last weeks, and says when it is full."""

    def __init__(self, actor: Actor) -> None:
        now = clock.now()
        self.since = now - timedelta(weeks=WEEKS)
        self.today = now.astimezone(zone(actor.enterprise)).date()

    def recent(self, rows: Any, by: str) -> dict[UUID, int]:
        found: Iterable[tuple[UUID, int]] = (
            rows.filter(joined_at__gt=self.since).order_by().values_list(by).annotate(Count("id"))
        )
        return dict(found)

    def filling(self, used: int, limit: int, joined: int) -> Filling:
        return Filling(used, limit, full_on(used=used, limit=limit, joined=joined, today=self.today))
