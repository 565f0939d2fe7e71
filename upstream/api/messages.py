"""REST: messages to the people of partners (U9)."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from enterprises.rest import get_or_404
from upstream.api import message_shapes as shapes
from upstream.api.base import UpstreamView, named
from upstream.models import Message
from upstream.queries import messaging as queries
from upstream.rules.audience import Audience
from upstream.services import message_export
from upstream.services import messages as services


def represent(message: Message) -> dict[str, Any]:
    """A message as the API tells it."""
    return {
        "id": message.pk,
        "kind": message.kind,
        "title": message.title,
        "text": message.text,
        "url": message.url,
        "file_name": message.file_name,
        "size": message.size,
        "audience": _whole(message.audience),
        "channel": message.channel,
        "state": message.state,
        "due_at": message.due_at,
        "begun_at": message.begun_at,
        "ended_at": message.ended_at,
        "withdrawn_at": message.withdrawn_at,
        "job": message.run_id,
        "people": message.people,
        "delivered": message.delivered,
        "opened": message.opened,
        "clicked": message.clicked,
        "failed": message.failed,
        "sender": named(message.created_by),
        "created_at": message.created_at,
    }


def _whole(kept: dict[str, Any]) -> dict[str, Any]:
    """The audience with what is empty."""
    return {name: kept.get(name, False if name == "leaders" else []) for name in Audience.__dataclass_fields__}


def represent_delivery(row: Any) -> dict[str, Any]:
    """One person's row; `queries.seats` was called for the page."""
    return {
        "id": row.pk,
        "person": named(row.person),
        "partner": named(row.seat and row.seat.partner),
        "space": named(row.seat and row.seat.space),
        "state": row.state,
        "reason": row.reason,
        "delivered_at": row.delivered_at,
        "opened_at": row.opened_at,
        "clicked_at": row.clicked_at,
    }


class MessageView(UpstreamView):
    """What the views of messages share."""

    def message(self, pk: Any) -> Message:
        return get_or_404(queries.messages(self.actor), pk)

    def answer(self, message: Message, status: int = 200) -> Response:
        return Response(represent(self.message(message.pk)), status=status)

    def listed(self, query: dict[str, str]) -> Response:
        found = queries.messages(self.actor, query)
        return self.page(found, represent, orderings=("created_at",), default="-created_at")


class MessagesView(MessageView):
    """The messages that the caller sees; a new draft. Sending it is a step of its own."""

    permissions = {"GET": "spaces.message", "POST": "spaces.message"}

    @extend_schema(parameters=shapes.MESSAGE_QUESTIONS, responses=shapes.MessagePage)
    def get(self, request: Request) -> Response:
        self.check_query(queries.MESSAGE_FILTERS)
        return self.listed(request.query_params.dict())

    @extend_schema(request=shapes.NewMessage, responses={201: shapes.MessageShape})
    def post(self, request: Request) -> Response:
        return self.answer(services.create_message(self.actor, **self.read(shapes.NewMessage)), 201)


class SpaceMessagesView(MessageView):
    """The messages that go into one space; a new draft to everybody in it."""

    permissions = {"GET": "spaces.message", "POST": "spaces.message"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.MessagePage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        return self.listed({"space": str(space.pk)})

    @extend_schema(request=shapes.NewSpaceMessage, responses={201: shapes.MessageShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.read(shapes.NewSpaceMessage)
        return self.answer(services.create_message(self.actor, audience={"spaces": [space.pk]}, **data), 201)


class PreviewView(MessageView):
    """How many people an audience is, and why others whom it names get nothing; nothing is kept."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=shapes.AudienceBody, responses=shapes.AudiencePreviewShape)
    def post(self, request: Request) -> Response:
        audience = services.audience_of(self.actor, self.read(shapes.AudienceBody))
        found = services.preview(self.actor, audience=audience)
        body = {"people": found.people, "without_workbench": found.without_workbench, "left_out": found.left_out}
        return Response(body)


class OneMessageView(MessageView):
    """One message with its numbers; a draft can be changed and deleted."""

    permissions = {"GET": "spaces.message", "PATCH": "spaces.message", "DELETE": "spaces.message"}

    @extend_schema(responses=shapes.MessageShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response(represent(self.message(pk)))

    @extend_schema(request=shapes.MessageBody, responses=shapes.MessageShape)
    def patch(self, request: Request, pk: str) -> Response:
        message = self.message(pk)
        return self.answer(services.edit_message(self.actor, message=message, changes=self.read(shapes.MessageBody)))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete_draft(self.actor, message=self.message(pk))
        return Response(status=204)


class MessageFileView(MessageView):
    """The file of a draft of the kind file; replaces the one before."""

    permissions = {"POST": "spaces.message"}
    parser_classes = (MultiPartParser,)

    @extend_schema(request={"multipart/form-data": shapes.MessageFile}, responses=shapes.MessageShape)
    def post(self, request: Request, pk: str) -> Response:
        message = self.message(pk)
        return self.answer(services.edit_message(self.actor, message=message, changes=self.read(shapes.MessageFile)))


class SendView(MessageView):
    """Send a draft, now or at a moment to come. No member confirms it."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=shapes.SendBody, responses={202: shapes.MessageShape})
    def post(self, request: Request, pk: str) -> Response:
        message = self.message(pk)
        return self.answer(services.send(self.actor, message=message, **self.read(shapes.SendBody)), 202)


class StopView(MessageView):
    """Stop it: a scheduled message is a draft again; one on its way stops, and who has it keeps it."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=None, responses=shapes.MessageShape)
    def post(self, request: Request, pk: str) -> Response:
        return self.answer(services.stop(self.actor, message=self.message(pk)))


class ResumeView(MessageView):
    """Go on with those who have not got it yet."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=None, responses={202: shapes.MessageShape})
    def post(self, request: Request, pk: str) -> Response:
        return self.answer(services.resume(self.actor, message=self.message(pk)), 202)


class WithdrawView(MessageView):
    """Take it out of every workbench at once, for good; one on its way stops. Twice changes nothing."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=None, responses=shapes.MessageShape)
    def post(self, request: Request, pk: str) -> Response:
        return self.answer(services.withdraw(self.actor, message=self.message(pk)))


class ExportView(MessageView):
    """The same as a CSV file: a job, whose report it is."""

    permissions = {"POST": "spaces.message"}

    @extend_schema(request=None, responses={202: shapes.ExportJobShape})
    def post(self, request: Request, pk: str) -> Response:
        run = message_export.start_export(self.actor, message=self.message(pk))
        return Response({"job": run.pk}, status=202)


class DeliveriesView(MessageView):
    """What became of it, person by person."""

    permissions = {"GET": "spaces.message"}

    @extend_schema(parameters=shapes.DELIVERY_QUESTIONS, responses=shapes.DeliveryPage)
    def get(self, request: Request, pk: str) -> Response:
        message = self.message(pk)
        self.check_query(("state",))
        found: Any = queries.deliveries(self.actor, message, request.query_params.get("state", ""))
        orderings = {"person": "person_id"}
        return self.page(found, represent_delivery, orderings=orderings, default="person", prepare=queries.seats)


urlpatterns = [
    path("space-messages", MessagesView.as_view(), name="space-messages"),
    path("space-messages/preview", PreviewView.as_view(), name="space-message-preview"),
    path("space-messages/<uuid:pk>", OneMessageView.as_view(), name="space-message"),
    path("space-messages/<uuid:pk>/file", MessageFileView.as_view(), name="space-message-file"),
    path("space-messages/<uuid:pk>/send", SendView.as_view(), name="space-message-send"),
    path("space-messages/<uuid:pk>/stop", StopView.as_view(), name="space-message-stop"),
    path("space-messages/<uuid:pk>/resume", ResumeView.as_view(), name="space-message-resume"),
    path("space-messages/<uuid:pk>/withdraw", WithdrawView.as_view(), name="space-message-withdraw"),
    path("space-messages/<uuid:pk>/deliveries", DeliveriesView.as_view(), name="space-message-deliveries"),
    path("space-messages/<uuid:pk>/export", ExportView.as_view(), name="space-message-export"),
    path("spaces/<uuid:pk>/messages", SpaceMessagesView.as_view(), name="space-messages-of"),
]
