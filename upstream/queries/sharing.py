"""What is shared, and how often it was opened (U11)."""

from collections.abc import Mapping

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from enterprises.actors import Actor
from upstream.models import Share, Space
from upstream.queries.lists import _uuid

SHARE_FILTERS = ("space", "series")


def shares(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[Share]:
    """Shares with spaces that exist for the actor, with how many people opened each and how often."""
    query = query or {}
    found = Share.objects.select_related("space", "series", "subgroup", "created_by").annotate(
        people=Count("opens"), times=Coalesce(Sum("opens__times"), 0)
    )
    if not actor.sees_all:
        spaces = Space.objects.visible_to(actor)
        of_series = Q(series__in=spaces.exclude(series=None).values("series"))
        found = found.filter(Q(space__in=spaces.values("id")) | of_series)
    if space := query.get("space"):
        found = found.filter(space=_uuid("space", space))
    if series := query.get("series"):
        found = found.filter(series=_uuid("series", series))
    return found
