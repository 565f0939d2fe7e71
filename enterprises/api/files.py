"""REST: members and departments from CSV files."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises.people_files import MAX_BYTES, Kind
from enterprises.rest import TenantAPIView
from enterprises.services.people_import import Report, import_people


class FileBody(Body):
    file = serializers.FileField(help_text="CSV in UTF-8 or GB18030, at most 2 000 rows.")
    dry_run = serializers.BooleanField(required=False, help_text="Only say what would happen.")


class RefusedShape(serializers.Serializer):
    line = serializers.IntegerField()
    key = serializers.CharField()
    reason = serializers.CharField()


class ReportShape(serializers.Serializer):
    rows = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = RefusedShape(many=True)
    columns = serializers.DictField(child=serializers.CharField(), help_text="Column → the header it was found in.")
    ignored = serializers.ListField(child=serializers.CharField(), help_text="Headers that nobody knows.")
    dry_run = serializers.BooleanField()


class ImportView(TenantAPIView):
    """Rows are found by account or path; repeating a file changes nothing. Departments are made as needed."""

    permissions = {"POST": "members.manage"}
    parser_classes = (MultiPartParser,)
    kind: ClassVar[Kind]

    @extend_schema(request={"multipart/form-data": FileBody}, responses=ReportShape)
    def post(self, request: Request) -> Response:
        asked = FileBody(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        dry_run = data.get("dry_run", False)
        report = import_people(self.actor, kind=self.kind, data=data["file"].read(MAX_BYTES + 1), dry_run=dry_run)
        return Response(ReportShape(represent(report)).data)


class MembersImportView(ImportView):
    """Members: userid, name, email, department (华南/深圳), role."""

    kind = Kind.MEMBERS


class DepartmentsImportView(ImportView):
    """Departments: path (华南/深圳), leader, position."""

    kind = Kind.DEPARTMENTS


def represent(report: Report) -> dict[str, Any]:
    """A report in numbers, with every refused row."""
    return {
        "rows": report.rows,
        "created": len(report.created),
        "updated": len(report.updated),
        "unchanged": report.unchanged,
        "refused": len(report.refused),
        "refusals": report.refused,
        "columns": report.table.headers,
        "ignored": report.table.ignored,
        "dry_run": report.dry_run,
    }


urlpatterns = [
    path("members/import", MembersImportView.as_view(), name="members-import"),
    path("departments/import", DepartmentsImportView.as_view(), name="departments-import"),
]
