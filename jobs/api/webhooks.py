"""REST: webhooks, their secrets, and the log of what was sent."""

from typing import Any
from uuid import UUID

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Invalid
from common.rest import Body
from enterprises.api.shapes import Moment, filters, page_of
from enterprises.rest import TenantAPIView, check_version, etag, get_or_404
from jobs import notifications, services
from jobs.models import Delivery, Webhook


class WebhookShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField(), help_text="Empty: all of them, also later ones.")
    enabled = serializers.BooleanField(help_text="A receiver that answers 410 switches it off.")
    previous_until = Moment(allow_null=True, help_text="Until when the secret before the present one signs as well.")
    created_at = Moment()


class NewWebhookShape(WebhookShape):
    secret = serializers.CharField(help_text="Shown once. `whsec_` and base64, as standardwebhooks.com says.")


class SecretShape(serializers.Serializer):
    secret = serializers.CharField(help_text="Shown once.")
    previous_until = Moment(help_text="Until then the old secret signs as well.")


class WebhookBody(Body):
    name = serializers.CharField(max_length=64)
    url = serializers.CharField(max_length=1000, help_text="http or https, public, without name and password.")
    events = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, help_text="Names of webhooks/events; empty: all."
    )


class WebhookChanges(Body):
    name = serializers.CharField(max_length=64, required=False)
    url = serializers.CharField(max_length=1000, required=False)
    events = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    enabled = serializers.BooleanField(required=False)


class AttemptShape(serializers.Serializer):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Of the answer; null when there was none.")
    error = serializers.CharField(help_text="Empty when it arrived.")
    milliseconds = serializers.IntegerField()
    answer = serializers.CharField(help_text="How the answer begins.")


class DeliveryShape(serializers.Serializer):
    id = serializers.UUIDField(help_text="The header webhook-id: the same at every try.")
    event = serializers.CharField()
    payload = serializers.JSONField(help_text="The body that is sent.")
    state = serializers.ChoiceField(Delivery.State.choices)
    created_at = Moment()
    next_try_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    attempts = AttemptShape(many=True)


class WebhookEventShape(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField(help_text="In the caller's language.")


class WebhookEventsShape(serializers.Serializer):
    results = WebhookEventShape(many=True)


def represent(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API shows it."""
    delivery.next_try_at = delivery.due_at if delivery.state == Delivery.State.WAITING else None  # type: ignore[attr-defined]
    return DeliveryShape(delivery).data


class WebhooksView(TenantAPIView):
    """Where the enterprise's events go: POST requests, signed with HMAC-SHA256 (Standard Webhooks)."""

    permissions = {"GET": "webhooks.manage", "POST": "webhooks.manage"}

    @extend_schema(operation_id="webhooks_list", parameters=filters(), responses=page_of(WebhookShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        rows = Webhook.objects.all()
        return self.page(rows, lambda row: WebhookShape(row).data, orderings=("name", "created_at"), default="name")

    @extend_schema(operation_id="webhooks_create", request=WebhookBody, responses={201: NewWebhookShape})
    def post(self, request: Request) -> Response:
        asked = WebhookBody(data=request.data)
        asked.is_valid(raise_exception=True)
        webhook, secret = services.create_webhook(self.actor, **asked.validated_data)
        webhook.secret = secret
        return etag(Response(NewWebhookShape(webhook).data, status=201), webhook.version)


class WebhookEventsView(TenantAPIView):
    """Every event that a webhook can ask for."""

    permissions = {"GET": "webhooks.manage"}

    @extend_schema(operation_id="webhooks_events", responses=WebhookEventsShape)
    def get(self, request: Request) -> Response:
        return Response({"results": [{"name": name, "label": label} for name, label in notifications.events().items()]})


class WebhookBase(TenantAPIView):
    """The base of everything about one webhook."""

    permissions = dict.fromkeys(("GET", "PATCH", "POST", "DELETE"), "webhooks.manage")

    def webhook(self, pk: UUID) -> Webhook:
        return get_or_404(Webhook.objects.all(), pk)

    def delivery(self, pk: UUID, delivery: UUID) -> Delivery:
        return get_or_404(self.webhook(pk).deliveries.all(), delivery)


class WebhookView(WebhookBase):
    """One webhook."""

    @extend_schema(operation_id="webhooks_retrieve", responses=WebhookShape)
    def get(self, request: Request, pk: UUID) -> Response:
        webhook = self.webhook(pk)
        return etag(Response(WebhookShape(webhook).data), webhook.version)

    @extend_schema(operation_id="webhooks_update", request=WebhookChanges, responses=WebhookShape)
    def patch(self, request: Request, pk: UUID) -> Response:
        webhook = self.webhook(pk)
        check_version(request, webhook)
        asked = WebhookChanges(data=request.data)
        asked.is_valid(raise_exception=True)
        webhook = services.update_webhook(self.actor, webhook=webhook, changes=asked.validated_data)
        return etag(Response(WebhookShape(webhook).data), webhook.version)

    @extend_schema(operation_id="webhooks_delete", request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        services.delete_webhook(self.actor, webhook=self.webhook(pk))
        return Response(status=204)


class WebhookRotateView(WebhookBase):
    """Give it a new secret; the old one signs as well for a while, so that nothing is lost meanwhile."""

    @extend_schema(operation_id="webhooks_rotate", request=None, responses=SecretShape)
    def post(self, request: Request, pk: UUID) -> Response:
        webhook = self.webhook(pk)
        secret = services.rotate_secret(self.actor, webhook=webhook)
        webhook.refresh_from_db()
        return Response(SecretShape({"secret": secret, "previous_until": webhook.previous_until}).data)


class WebhookTestView(WebhookBase):
    """Send the event webhook.test now; read the delivery to see what came of it."""

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliveryShape})
    def post(self, request: Request, pk: UUID) -> Response:
        return Response(represent(services.test_webhook(self.actor, webhook=self.webhook(pk))), status=202)


class DeliveriesView(WebhookBase):
    """What was sent to a webhook, newest first, with every attempt."""

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        parameters=[
            *filters(event="Such as quota.threshold."),
            OpenApiParameter("state", str, enum=Delivery.State.values),
        ],
        responses=page_of(DeliveryShape),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        self.check_query(("event", "state"))
        rows = self.webhook(pk).deliveries.all()
        if event := request.query_params.get("event"):
            rows = rows.filter(event=event)
        if state := request.query_params.get("state"):
            if state not in Delivery.State.values:
                raise Invalid({"state": [_("There is no such state.")]})
            rows = rows.filter(state=state)
        return self.page(rows, represent, orderings=("created_at",), default="-created_at")


class DeliveryView(WebhookBase):
    """One delivery."""

    @extend_schema(operation_id="webhooks_deliveries_retrieve", responses=DeliveryShape)
    def get(self, request: Request, pk: UUID, delivery: UUID) -> Response:
        return Response(represent(self.delivery(pk, delivery)))


class RedeliverView(WebhookBase):
    """Send it again: the same id and body, signed anew."""

    @extend_schema(operation_id="webhooks_deliveries_redeliver", request=None, responses={202: DeliveryShape})
    def post(self, request: Request, pk: UUID, delivery: UUID) -> Response:
        sent = services.redeliver(self.actor, delivery=self.delivery(pk, delivery))
        return Response(represent(sent), status=202)


urlpatterns = [
    path("webhooks", WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/events", WebhookEventsView.as_view(), name="api-webhook-events"),
    path("webhooks/<uuid:pk>", WebhookView.as_view(), name="api-webhook"),
    path("webhooks/<uuid:pk>/rotate", WebhookRotateView.as_view(), name="api-webhook-rotate"),
    path("webhooks/<uuid:pk>/test", WebhookTestView.as_view(), name="api-webhook-test"),
    path("webhooks/<uuid:pk>/deliveries", DeliveriesView.as_view(), name="api-deliveries"),
    path("webhooks/<uuid:pk>/deliveries/<uuid:delivery>", DeliveryView.as_view(), name="api-delivery"),
    path("webhooks/<uuid:pk>/deliveries/<uuid:delivery>/redeliver", RedeliverView.as_view(), name="api-redeliver"),
]
