"""The API's own documents: the OpenAPI description and a page to read it and try calls."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response


@cache
def schema(language: str) -> dict[str, Any]:
    """The OpenAPI document. Made once for each language and process: making it takes about a second."""
    with translation.override(language):
        return SchemaGenerator().get_schema(request=None, public=True)


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(schema(translation.get_language() or "en"))


def page(request: HttpRequest) -> HttpResponse:
    """The interactive documents."""
    return render(request, "api/docs.html")
