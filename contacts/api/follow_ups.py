"""REST: follow-ups, their files, and the calendar (C14)."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body, Instant
from contacts import agenda
from contacts.api import shapes
from contacts.api.contacts import ContactView, member
from contacts.models import FollowUp, FollowUpFile
from contacts.rules import FollowUpKind, Plan
from contacts.services import attachments, calendars
from contacts.services import follow_ups as services
from enterprises.rest import check_version, etag, get_or_404, reference


class FileShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    size = serializers.IntegerField()


class FollowUpShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = shapes.NamedShape()
    member = shapes.NamedShape(allow_null=True, help_text=_("Who wrote it."))
    kind = serializers.ChoiceField(FollowUpKind.choices())
    text = serializers.CharField()
    at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True)
    assignee = shapes.NamedShape(allow_null=True, help_text=_("Who is reminded."))
    done_at = serializers.DateTimeField(allow_null=True)
    files = FileShape(many=True)
    created_at = serializers.DateTimeField()


FOLLOW_UPS = shapes.page_of(FollowUpShape)


class NewFollowUp(Body):
    text = serializers.CharField(max_length=services.MOST_TEXT)
    kind = serializers.ChoiceField(FollowUpKind.choices(), required=False)
    at = Instant(required=False, help_text=_("Now when left out."))
    next_at = Instant(required=False, allow_null=True, help_text=_("When to come back to it."))
    assignee = serializers.UUIDField(
        required=False, help_text=_("Who is reminded; the caller when left out. Others need contacts.assign.")
    )
    closes = serializers.UUIDField(required=False, help_text=_("The planned follow-up that this one carries out."))


class FollowUpEdit(Body):
    text = serializers.CharField(max_length=services.MOST_TEXT, required=False)
    kind = serializers.ChoiceField(FollowUpKind.choices(), required=False)
    next_at = Instant(required=False, allow_null=True)
    assignee = serializers.UUIDField(required=False)


class NewFile(Body):
    file = serializers.FileField(allow_empty_file=True, help_text=_("Documents, pictures, sound or text."))


class CalendarShape(serializers.Serializer):
    url = serializers.URLField(help_text=_("Shown once. Whoever knows it reads the calendar."))


class CalendarStateShape(serializers.Serializer):
    open = serializers.BooleanField()
    created_at = serializers.DateTimeField(allow_null=True)


def represent(row: FollowUp) -> dict[str, Any]:
    """A follow-up as documents show it."""
    return {
        "id": row.pk,
        "contact": {"id": row.contact_id, "name": str(row.contact)},
        "member": {"id": row.member_id, "name": row.member.name} if row.member else None,
        "kind": row.kind,
        "text": row.text,
        "at": row.at,
        "next_at": row.next_at,
        "assignee": {"id": row.assignee_id, "name": row.assignee.name} if row.assignee else None,
        "done_at": row.done_at,
        "files": [represent_file(file) for file in row.files.all()],
        "created_at": row.created_at,
    }


def represent_file(file: FollowUpFile) -> dict[str, Any]:
    """A file as documents show it."""
    return {"id": file.pk, "name": file.name, "size": file.size}


class FollowUpView(ContactView):
    """What the views of follow-ups share."""

    def follow_up(self, pk: str) -> FollowUp:
        """The follow-up, if its contact exists for the caller (O5)."""
        return get_or_404(agenda.visible_to(self.actor).select_related("contact"), pk)

    def answer_follow_up(self, row: FollowUp, status: int = 200) -> Response:
        """Its document."""
        found = agenda.full(FollowUp.objects.filter(pk=row.pk)).get()
        return etag(Response(represent(found), status=status), found.version)


class ContactFollowUpsView(FollowUpView):
    """The follow-ups of a contact, the newest first, whoever wrote them; and writing one."""

    permissions = {"GET": "contacts.view", "POST": "contacts.edit"}

    @extend_schema(parameters=shapes.PAGING, responses=FOLLOW_UPS)
    def get(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        self.check_query()
        return self.page(agenda.of(contact), represent, orderings=("at",), default="-at")

    @extend_schema(request=NewFollowUp, responses={201: FollowUpShape})
    def post(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        data = self.read(NewFollowUp)
        member(data, "assignee")
        if "closes" in data:
            data["closes"] = reference(agenda.visible_to(self.actor), data["closes"], "closes")
        return self.answer_follow_up(services.write(self.actor, contact=contact, **data), 201)


class PlannedView(FollowUpView):
    """What is planned with the contacts that the caller sees, the most overdue first."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(
        parameters=[
            *shapes.PAGING,
            OpenApiParameter("mine", bool, description=_("Only what the caller is reminded of.")),
            OpenApiParameter("state", str, enum=[state.value for state in Plan]),
            OpenApiParameter("assignee", OpenApiTypes.UUID, description=_("Only what this member is reminded of.")),
        ],
        responses=FOLLOW_UPS,
    )
    def get(self, request: Request) -> Response:
        self.check_query(agenda.FILTERS)
        found = agenda.full(agenda.planned(self.actor, request.query_params))
        return self.page(found, represent, orderings=("next_at",), default="next_at")


class OneFollowUpView(FollowUpView):
    """One follow-up. Others' can be changed with contacts.assign only."""

    permissions = {"GET": "contacts.view", "PATCH": "contacts.edit", "DELETE": "contacts.edit"}

    @extend_schema(responses=FollowUpShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer_follow_up(self.follow_up(pk))

    @extend_schema(request=FollowUpEdit(partial=True), responses=FollowUpShape)
    def patch(self, request: Request, pk: str) -> Response:
        row = self.follow_up(pk)
        check_version(request, row)
        data = self.read(FollowUpEdit)
        member(data, "assignee")
        return self.answer_follow_up(services.edit(self.actor, follow_up=row, **data))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.delete(self.actor, follow_up=self.follow_up(pk))
        return Response(status=204)


class DoneView(FollowUpView):
    """What was planned is done."""

    permissions = {"POST": "contacts.edit"}

    @extend_schema(request=None, responses=FollowUpShape)
    def post(self, request: Request, pk: str) -> Response:
        return self.answer_follow_up(services.do(self.actor, follow_up=self.follow_up(pk)))


class FilesView(FollowUpView):
    """Files of a follow-up: how large and how many is policy; what is in them must be what the name says."""

    permissions = {"POST": "contacts.edit"}
    parser_classes = (MultiPartParser,)

    @extend_schema(request={"multipart/form-data": NewFile}, responses={201: FileShape})
    def post(self, request: Request, pk: str) -> Response:
        row = self.follow_up(pk)
        file = attachments.attach(self.actor, follow_up=row, file=self.read(NewFile)["file"])
        return Response(represent_file(file), status=201)


class FileView(FollowUpView):
    """One file: fetch it, or take it off."""

    permissions = {"GET": "contacts.view", "DELETE": "contacts.edit"}
    any_accept = True

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: str, file_id: str) -> Any:
        return attachments.download(self._file(pk, file_id))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str, file_id: str) -> Response:
        attachments.remove(self.actor, file=self._file(pk, file_id))
        return Response(status=204)

    def _file(self, pk: str, file_id: str) -> FollowUpFile:
        return get_or_404(
            FollowUpFile.objects.filter(follow_up=self.follow_up(pk)).select_related("contact", "follow_up"), file_id
        )


class CalendarView(ContactView):
    """The caller's own calendar address (iCalendar), for what they have planned."""

    permissions = {"GET": "contacts.view", "POST": "contacts.view", "DELETE": "contacts.view"}

    @extend_schema(responses=CalendarStateShape)
    def get(self, request: Request) -> Response:
        feed = calendars.feed_of(self.actor)
        return Response({"open": feed is not None, "created_at": feed.created_at if feed else None})

    @extend_schema(request=None, responses={201: CalendarShape})
    def post(self, request: Request) -> Response:
        secret = calendars.open_feed(self.actor)
        url = request.build_absolute_uri(calendars.path_of(self.actor.enterprise.code, secret))
        return Response({"url": url}, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        calendars.close_feed(self.actor)
        return Response(status=204)


urlpatterns = [
    path("contacts/<uuid:pk>/follow-ups", ContactFollowUpsView.as_view(), name="contact-follow-ups"),
    path("follow-ups", PlannedView.as_view(), name="follow-ups"),
    path("follow-ups/calendar", CalendarView.as_view(), name="calendar"),
    path("follow-ups/<uuid:pk>", OneFollowUpView.as_view(), name="follow-up"),
    path("follow-ups/<uuid:pk>/done", DoneView.as_view(), name="follow-up-done"),
    path("follow-ups/<uuid:pk>/files", FilesView.as_view(), name="follow-up-files"),
    path("follow-ups/<uuid:pk>/files/<uuid:file_id>", FileView.as_view(), name="follow-up-file"),
]
