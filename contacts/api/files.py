"""REST: import and export."""

from typing import Any

import orjson
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.files.columns import ImportKind
from contacts.files.writers import WRITERS
from contacts.services.exports import start_export
from contacts.services.imports import OnFull, import_upload
from enterprises.rest import TenantAPIView
from jobs.api import JobReference


class MappingField(serializers.JSONField):
    """Target column → header of the file, as a JSON object."""

    def to_internal_value(self, data: Any) -> dict[str, str | None]:
        if isinstance(data, str):
            try:
                data = orjson.loads(str(data))
            except orjson.JSONDecodeError:
                data = None
        if not isinstance(data, dict) or not all(isinstance(header, str | None) for header in data.values()):
            raise serializers.ValidationError(_("Give a JSON object: target column → header of the file."))
        return data


class NewImport(Body):
    file = serializers.FileField(allow_empty_file=True, help_text=_("CSV or XLSX, the header in the first row."))
    kind = serializers.ChoiceField(ImportKind.choices())
    on_full = serializers.ChoiceField(
        OnFull.choices(), default=OnFull.REFUSE, help_text=_("What to do when the scale has too few places.")
    )
    mapping = MappingField(required=False, help_text=_("Corrects the guess: target column → header of the file."))
    dry_run = serializers.BooleanField(default=False, help_text=_("Only report what would happen."))


class NewExport(Body):
    format = serializers.ChoiceField(sorted(WRITERS), default="csv")
    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text=_("Ids of contacts, at most 10,000.")
    )
    filter = serializers.DictField(
        required=False, help_text=_("The filter of the list of contacts, instead of ids; everybody without either.")
    )


class ImportsView(TenantAPIView):
    """Import contacts, purchases or interactions from a file."""

    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="imports_create", request=NewImport, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        asked = NewImport(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(JobReference(import_upload(self.actor, **asked.validated_data)).data, status=202)


class ExportsView(TenantAPIView):
    """Export contacts, chosen by ids or a filter; the file is the job's report."""

    @extend_schema(operation_id="exports_create", request=NewExport, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        asked = NewExport(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        if "ids" not in given:
            given.setdefault("filter", {})
        return Response(JobReference(start_export(self.actor, **given)).data, status=202)


urlpatterns = [
    path("imports", ImportsView.as_view(), name="imports"),
    path("exports", ExportsView.as_view(), name="exports"),
]
