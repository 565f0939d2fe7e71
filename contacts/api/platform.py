"""REST: the two numbers (Q2): the difference explained, the people behind it, and what members are to release."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import platform
from contacts.api import shapes
from contacts.models import Follow, PlatformDifference
from contacts.services import platform as services
from enterprises.api.shapes import filters
from enterprises.rest import TenantAPIView
from jobs.api import JobReference
from quota import ledger

Cause = PlatformDifference.Cause


class CauseShape(serializers.Serializer):
    cause = serializers.ChoiceField(Cause.choices)
    label = serializers.CharField()
    people = serializers.IntegerField()
    sign = serializers.IntegerField(help_text=_("1: WeCom counts them and we do not; -1: the other way round."))


class ComparisonShape(serializers.Serializer):
    platform_served = serializers.IntegerField(allow_null=True)
    platform_at = serializers.DateTimeField(allow_null=True)
    served = serializers.IntegerField()
    difference = serializers.IntegerField(allow_null=True)
    compared_at = serializers.DateTimeField(allow_null=True)
    listed = serializers.IntegerField(allow_null=True, help_text=_("People in the list; null without one."))
    causes = CauseShape(many=True)
    changed = serializers.IntegerField(
        allow_null=True, help_text=_("What no cause explains: typed in, or changed since the comparison.")
    )


class DifferenceShape(serializers.Serializer):
    external_userid = serializers.CharField()
    name = serializers.CharField()
    cause = serializers.ChoiceField(Cause.choices)
    contact = serializers.UUIDField(allow_null=True)
    member = serializers.CharField()
    group = serializers.CharField()


class ReleaseShape(serializers.Serializer):
    member = shapes.NamedShape()
    contact = shapes.NamedShape()
    external_userid = serializers.CharField()
    archived_at = serializers.DateTimeField(allow_null=True)


class AskedShape(serializers.Serializer):
    members = serializers.IntegerField(help_text=_("How many were asked."))


DIFFERENCES = shapes.page_of(DifferenceShape)
RELEASES = shapes.page_of(ReleaseShape)


class ComparisonView(TenantAPIView):
    """WeCom's number and ours, and what explains the difference; compare anew."""

    permissions = {"GET": "quota.view", "POST": "quota.buy"}

    @extend_schema(responses=ComparisonShape)
    def get(self, request: Request) -> Response:
        found = platform.explain(self.actor)
        return Response(
            {
                "platform_served": found.account.platform_served,
                "platform_at": found.account.platform_at,
                "served": found.account.served,
                "difference": found.difference,
                "compared_at": found.comparison and found.comparison.at,
                "listed": found.comparison and found.comparison.listed,
                "causes": [
                    {"cause": cause, "label": str(cause.label), "people": number, "sign": cause.sign}
                    for cause, number in found.causes
                ],
                "changed": found.changed,
            }
        )

    @extend_schema(request=None, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        return Response(JobReference(services.start_comparison(self.actor)).data, status=202)


class DifferencesView(TenantAPIView):
    """The people whom only one side counts, as of the last comparison."""

    permissions = {"GET": "quota.view"}

    @extend_schema(parameters=filters(cause=", ".join(Cause.values)), responses=DIFFERENCES)
    def get(self, request: Request) -> Response:
        ledger.require_whole_enterprise(self.actor, "quota.view")
        self.check_query(("cause",))
        return self.page(
            platform.differences(self.actor, request.query_params),
            represent_difference,
            orderings=("external_userid",),
            default="external_userid",
        )


class ReleaseView(TenantAPIView):
    """Whom which member is to delete in WeCom; ask the members to do it."""

    permissions = {"GET": "contacts.view", "POST": "quota.buy"}

    @extend_schema(parameters=filters(member="Only theirs (id)."), responses=RELEASES)
    def get(self, request: Request) -> Response:
        self.check_query(("member",))
        found = platform.release_list(self.actor, request.query_params)
        return self.page(found, represent_release, orderings=("id",), default="id")

    @extend_schema(request=None, responses=AskedShape)
    def post(self, request: Request) -> Response:
        return Response({"members": services.ask_members(self.actor)})


def represent_difference(row: PlatformDifference) -> dict[str, Any]:
    """Somebody whom only one side counts."""
    return {
        "external_userid": row.external_userid,
        "name": row.name,
        "cause": row.cause,
        "contact": row.contact_id,
        "member": row.member,
        "group": row.group_name,
    }


def represent_release(row: Follow) -> dict[str, Any]:
    """Somebody whom a member is to delete."""
    return {
        "member": {"id": row.member_id, "name": row.member.name},
        "contact": {"id": row.contact_id, "name": str(row.contact)},
        "external_userid": row.contact.external_userid,
        "archived_at": row.contact.archived_at,
    }


urlpatterns = [
    path("quota/platform/comparison", ComparisonView.as_view(), name="platform-comparison"),
    path("quota/platform/differences", DifferencesView.as_view(), name="platform-differences"),
    path("quota/platform/release", ReleaseView.as_view(), name="platform-release"),
]
