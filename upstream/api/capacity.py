"""REST: how full everything is, and when it will be (U1, U8)."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from upstream.api.base import UpstreamView, named
from upstream.api.shapes import FillShape, NamedShape
from upstream.queries.capacity import Filling, capacity


class FillingShape(FillShape):
    full_on = serializers.DateField(
        allow_null=True, help_text="The day, if as many come as in the last four weeks; null: not in sight."
    )


class SpaceBarsShape(serializers.Serializer):
    space = NamedShape()
    partners = FillingShape()
    largest = NamedShape(allow_null=True, help_text="The partner with the most people, of those the caller sees.")
    people = FillingShape(allow_null=True, help_text="Its people.")


class SeriesBarsShape(serializers.Serializer):
    series = NamedShape()
    spaces = serializers.IntegerField()
    partners = FillingShape(help_text="Over all its spaces; full with the last that can still be opened.")
    next_space_on = serializers.DateField(allow_null=True, help_text="When its next space is opened.")


class CapacityShape(serializers.Serializer):
    spaces = FillingShape(help_text="Spaces of the enterprise.")
    by_space = SpaceBarsShape(many=True)
    by_series = SeriesBarsShape(many=True)


class CapacityView(UpstreamView):
    """The bars of U1: spaces, partners of each that the caller sees, people of its largest partner; and of series."""

    permissions = {"GET": "spaces.view"}

    @extend_schema(responses=CapacityShape)
    def get(self, request: Request) -> Response:
        found = capacity(self.actor)
        by_space = [
            {
                "space": named(one.space),
                "partners": _filling(one.partners),
                "largest": named(one.largest),
                "people": _filling(one.people) if one.people else None,
            }
            for one in found.by_space
        ]
        by_series = [
            {
                "series": named(one.series),
                "spaces": one.spaces,
                "partners": _filling(one.partners),
                "next_space_on": one.next_space_on,
            }
            for one in found.by_series
        ]
        return Response({"spaces": _filling(found.spaces), "by_space": by_space, "by_series": by_series})


def _filling(one: Filling) -> dict[str, Any]:
    return {"used": one.used, "limit": one.limit, "full_on": one.full_on}


urlpatterns = [path("space-capacity", CapacityView.as_view(), name="space-capacity")]
