"""REST: the audit trail."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises import queries
from enterprises.api.shapes import Moment, filters, page_of
from enterprises.audit_actions import label
from enterprises.models import AuditEntry
from enterprises.rest import TenantAPIView


class Who(serializers.Serializer):
    kind = serializers.ChoiceField(["member", "operator", "system"], source="actor_kind")
    id = serializers.UUIDField(source="actor_id", allow_null=True)
    name = serializers.CharField(source="actor_label")


class What(serializers.Serializer):
    type = serializers.CharField(source="subject_type")
    id = serializers.UUIDField(source="subject_id", allow_null=True)
    name = serializers.CharField(source="subject_label")


class AuditShape(serializers.Serializer):
    id = serializers.UUIDField()
    at = Moment()
    action = serializers.CharField()
    label = serializers.SerializerMethodField()
    actor = Who(source="*")
    via = serializers.CharField()
    ip = serializers.IPAddressField(allow_null=True)
    request_id = serializers.CharField()
    subject = What(source="*")
    before = serializers.DictField()
    after = serializers.DictField()

    def get_label(self, entry: AuditEntry) -> str:
        return str(label(entry.action))


class AuditView(TenantAPIView):
    """Who did what, when and from where; the newest first."""

    permissions = {"GET": "audit.view"}

    @extend_schema(
        parameters=filters(
            actor="Id of a member.",
            action="A code such as `member.created`, or an area such as `member.`.",
            subject="Id of what was changed.",
            subject_type="member, contact, …",
            **{"from": "Moment, inclusive.", "to": "Moment, exclusive."},
        ),
        responses=page_of(AuditShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.AUDIT_FILTERS)
        return self.page(
            queries.audit_entries(self.actor, request.query_params),
            lambda row: AuditShape(row).data,
            orderings=("at",),
            default="-at",
        )


urlpatterns = [path("audit", AuditView.as_view(), name="audit")]
