"""REST: the log of mails, so that admins see whether one went out. What a mail says is between it and its reader."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises.api.shapes import Moment, Named, filters, page_of
from enterprises.rest import TenantAPIView
from jobs import mail_log, notifications
from jobs.api.webhooks import AttemptShape
from jobs.models import Delivery


class MailShape(serializers.Serializer):
    id = serializers.UUIDField()
    event = serializers.CharField()
    label = serializers.CharField(help_text="What it is about, in the caller's language.")
    member = Named()
    state = serializers.ChoiceField(
        Delivery.State.choices, help_text="`delivered`: the mail server took it. `cancelled`: nobody was to get it."
    )
    created_at = Moment()
    next_try_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    attempts = AttemptShape(many=True)


def represent(mail: Delivery) -> dict[str, Any]:
    """A mail as the API shows it."""
    mail.label = notifications.label(mail.event)  # type: ignore[attr-defined]
    mail.member = mail.notification.member  # type: ignore[attr-defined, union-attr]
    mail.next_try_at = mail.due_at if mail.state == Delivery.State.WAITING else None  # type: ignore[attr-defined]
    return MailShape(mail).data


class MailsView(TenantAPIView):
    """Mails of the enterprise, newest first: to whom, about what, and what came of every try."""

    permissions = {"GET": "webhooks.manage"}

    @extend_schema(
        operation_id="mails_list",
        parameters=[
            *filters(member="A member's id: mails to them."),
            OpenApiParameter("state", str, enum=Delivery.State.values),
        ],
        responses=page_of(MailShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(mail_log.FILTERS)
        found = mail_log.mails(self.actor, request.query_params.dict())
        return self.page(found, represent, orderings=("created_at",), default="-created_at")


urlpatterns = [path("mails", MailsView.as_view(), name="api-mails")]
