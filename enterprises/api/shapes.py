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


def page_of(shape: type[serializers.Serializer], **counted: Any) -> serializers.Serializer:
    """The shape of a cursor list of something (DESIGN.md 7)."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": shape(many=True),
    }
    return type(f"{shape.__name__}Page", (serializers.Serializer,), fields)()


def filters(**described: str) -> list[OpenApiParameter]:
    """Query parameters of a list, with what they mean."""
    return [
        OpenApiParameter("cursor", str),
        OpenApiParameter("page_size", int, description="1 to 200"),
        OpenApiParameter("ordering", str),
        *(OpenApiParameter(name, str, description=text) for name, text in described.items()),
    ]
