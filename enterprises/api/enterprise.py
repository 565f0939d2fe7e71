"""REST: the enterprise and its policy."""

from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises import services
from enterprises.api.shapes import Moment
from enterprises.models import Enterprise, PolicyRecord
from enterprises.policy import Group, Policy, PolicyField
from enterprises.rest import TenantAPIView, check_version, etag


class EnterpriseShape(serializers.Serializer):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    verified = serializers.BooleanField()
    verified_at = Moment(allow_null=True)
    timezone = serializers.CharField()
    created_at = Moment()


class EnterpriseBody(Body):
    name = serializers.CharField(max_length=128)
    timezone = serializers.CharField(max_length=64, help_text="A name such as Asia/Shanghai.")


class SettingShape(serializers.Serializer):
    name = serializers.CharField()
    group = serializers.ChoiceField(Group.choices())
    label = serializers.CharField()
    help = serializers.CharField()
    many = serializers.BooleanField(help_text="A list of such values.")
    minimum = serializers.DecimalField(20, 2, allow_null=True)
    maximum = serializers.DecimalField(20, 2, allow_null=True)


class PolicyShape(serializers.Serializer):
    """Every setting by its name, those that differ from the default, the defaults, and what each one means."""

    values = serializers.DictField()
    changed = serializers.ListField(child=serializers.CharField())
    defaults = serializers.DictField()
    settings = SettingShape(many=True)


class EnterpriseView(TenantAPIView):
    """The caller's enterprise."""

    permissions = {"PATCH": "policy.manage"}

    @extend_schema(responses=EnterpriseShape)
    def get(self, request: Request) -> Response:
        return _answer(self.actor.enterprise)

    @extend_schema(request=EnterpriseBody(partial=True), responses=EnterpriseShape)
    def patch(self, request: Request) -> Response:
        enterprise = self.actor.enterprise
        check_version(request, enterprise)
        asked = EnterpriseBody(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        values = {"name": enterprise.name, "timezone": enterprise.timezone, **asked.validated_data}
        return _answer(services.rename_enterprise(self.actor, **values))


class PolicyView(TenantAPIView):
    """The numbers and windows that the enterprise's rules work with."""

    permissions = {"PATCH": "policy.manage"}

    @extend_schema(responses=PolicyShape)
    def get(self, request: Request) -> Response:
        return _policy()

    @extend_schema(request=OpenApiTypes.OBJECT, responses=PolicyShape)
    def patch(self, request: Request) -> Response:
        """Change some settings: `{name: value}`; null puts one back to its default."""
        record = PolicyRecord.objects.select_for_update(no_key=True).get()
        check_version(request, record)
        services.update_policy(self.actor, values=dict(request.data))
        return _policy()


def _answer(enterprise: Enterprise) -> Response:
    return etag(Response(EnterpriseShape(enterprise).data), enterprise.version)


def _policy() -> Response:
    record = PolicyRecord.objects.get()
    values = Policy.from_overrides(record.overrides)
    body = {
        "values": values.model_dump(mode="json"),
        "changed": sorted(values.overrides()),
        "defaults": Policy().model_dump(mode="json"),
        "settings": [_setting(field) for field in Policy.fields()],
    }
    return etag(Response(body), record.version)


def _setting(field: PolicyField) -> dict[str, Any]:
    return SettingShape(field).data


urlpatterns = [
    path("enterprise", EnterpriseView.as_view(), name="enterprise"),
    path("enterprise/policy", PolicyView.as_view(), name="policy"),
]
