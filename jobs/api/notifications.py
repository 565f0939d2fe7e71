"""REST: notifications, and how one wants to be told."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Invalid
from common.rest import Body
from enterprises.api.shapes import filters, page_of
from enterprises.rest import TenantAPIView, get_or_404
from jobs import notifications, services
from jobs.models import Notification


class NotificationShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    text = serializers.CharField(help_text="In the caller's language.")
    data = serializers.JSONField()
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class ReadShape(serializers.Serializer):
    read = serializers.IntegerField(help_text="How many were unread until now.")


class WaysShape(serializers.Serializer):
    bell = serializers.BooleanField(help_text="Shown in the console and by this API.")
    mail = serializers.BooleanField(help_text="Sent to the member's address.")


class PreferenceShape(WaysShape):
    kind = serializers.CharField()
    label = serializers.CharField(help_text="In the caller's language.")
    default = WaysShape()


class PreferencesShape(serializers.Serializer):
    results = PreferenceShape(many=True)


class WaysBody(Body):
    bell = serializers.BooleanField(required=False)
    mail = serializers.BooleanField(required=False)


def represent_notification(row: Notification) -> dict[str, Any]:
    """A notification with its text in the caller's language."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "text": notifications.text(row),
        "data": row.data,
        "created_at": row.created_at,
        "read_at": row.read_at,
    }


class NotificationsView(TenantAPIView):
    """The caller's notifications, newest first."""

    @extend_schema(
        operation_id="notifications_list",
        parameters=[*filters(), OpenApiParameter("unread", bool, description="Only those not read yet.")],
        responses=page_of(NotificationShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(("unread",))
        rows = notifications.of(self.actor)
        if self.flag("unread"):
            rows = rows.filter(read_at=None)
        return self.page(rows, represent_notification, orderings=("created_at",), default="-created_at")


class NotificationsReadView(TenantAPIView):
    """Mark all of the caller's notifications as read."""

    @extend_schema(operation_id="notifications_read_all", request=None, responses=ReadShape)
    def post(self, request: Request) -> Response:
        return Response({"read": notifications.mark_read(self.actor)})


class NotificationReadView(TenantAPIView):
    """Mark one notification as read."""

    @extend_schema(operation_id="notifications_read", request=None, responses=ReadShape)
    def post(self, request: Request, pk: UUID) -> Response:
        row = get_or_404(notifications.of(self.actor), pk)
        return Response({"read": notifications.mark_read(self.actor, notification=row)})


class PreferencesView(TenantAPIView):
    """How the caller is told of each kind of notification: in the console (bell), by mail, both, or not at all."""

    @extend_schema(operation_id="notifications_preferences_retrieve", responses=PreferencesShape)
    def get(self, request: Request) -> Response:
        rows = [
            {"kind": way.kind, "label": way.label, **way.ways, "default": way.default}
            for way in notifications.choices(self.actor)
        ]
        return Response({"results": rows})

    @extend_schema(
        operation_id="notifications_preferences_update",
        request={"application/json": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Ways"}}},
        responses=PreferencesShape,
        description='`{"quota.threshold": {"mail": false}}`; what is left out stays.',
    )
    def patch(self, request: Request) -> Response:
        services.choose(self.actor, wanted={kind: _ways(kind, asked) for kind, asked in request.data.items()})
        return self.get(request)


def _ways(kind: str, asked: Any) -> dict[str, bool]:
    body = WaysBody(data=asked)
    if not body.is_valid():
        raise Invalid({kind: [str(message) for found in body.errors.values() for message in found]})
    return dict(body.validated_data)


urlpatterns = [
    path("notifications", NotificationsView.as_view(), name="api-notifications"),
    path("notifications/read", NotificationsReadView.as_view(), name="api-notifications-read"),
    path("notifications/preferences", PreferencesView.as_view(), name="api-preferences"),
    path("notifications/<uuid:pk>/read", NotificationReadView.as_view(), name="api-notification-read"),
]
