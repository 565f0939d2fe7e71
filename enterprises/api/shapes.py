"""Shapes that several nouns share."""

from datetime import UTC
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class Moment(serializers.DateTimeField):
    """A time in an answer: UTC, as everywhere in the API."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)


class Named(serializers.Serializer):
    """Something else, by id and name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class RoleName(serializers.Serializer):
    """A role, by id and the name that people read."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="label")


class CountShape(serializers.Serializer):
    value = serializers.IntegerField()
    exact = serializers.BooleanField(help_text="False: an estimate (more than 10 000).")


def page_of(shape: type[serializers.Serializer]) -> serializers.Serializer:
    """The shape of a cursor list of something (DESIGN.md 7)."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": shape(many=True),
        "count": CountShape(required=False, help_text="When asked for with count=1."),
    }
    return type(f"{shape.__name__}Page", (serializers.Serializer,), fields)()


PAGING = [
    OpenApiParameter("cursor", str),
    OpenApiParameter("page_size", int, description="1 to 200"),
    OpenApiParameter("count", bool, description="Count as well."),
]


def filters(**described: str) -> list[OpenApiParameter]:
    """Query parameters of a list, with what they mean."""
    return [
        *PAGING,
        OpenApiParameter("ordering", str),
        *(OpenApiParameter(name, str, description=text) for name, text in described.items()),
    ]
