"""REST: clean-up rounds (C8)."""

from typing import Any
from uuid import UUID

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts.api import shapes
from contacts.api.bulk import BulkPreview, represent
from contacts.api.contacts import ContactView
from contacts.cleanup_rounds import figures, job_of, left_out, visible_to
from contacts.models import CleanUp
from contacts.services import cleanups as services
from enterprises.rest import get_or_404


class CleanUpShape(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(CleanUp.State.choices)
    announced_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text=_("When those whom nobody kept are archived."))
    member = shapes.NamedShape(allow_null=True)
    contacts = serializers.IntegerField(help_text=_("Of those that the caller sees."))
    kept = serializers.IntegerField()
    left_out = serializers.IntegerField(
        allow_null=True,
        help_text=_("Silent contacts that were in another open round; told to who announced it and who sees all."),
    )
    job = serializers.UUIDField(allow_null=True)


class NewCleanUp(Body):
    filter = serializers.DictField(
        required=False, help_text=_("Only the silent ones among these contacts; all silent ones when left out.")
    )


class KeepBody(Body):
    contacts = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=10_000, help_text=_("All of one's own when left out.")
    )


class LetGoBody(Body):
    contacts = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=10_000)


class MarkedShape(serializers.Serializer):
    contacts = serializers.IntegerField(help_text=_("How many were changed."))


ROUNDS = shapes.page_of(CleanUpShape)


class CleanUpView(ContactView):
    """What the views of rounds share: a round exists for those who see one of its contacts."""

    def round(self, pk: str) -> CleanUp:
        """The round, if it exists for the caller."""
        return get_or_404(visible_to(self.actor), pk)

    def answer_round(self, row: CleanUp, status: int = 200) -> Response:
        """Its document."""
        return Response(self.represent(row, figures(self.actor, [row])), status=status)

    def represent(self, row: CleanUp, counted: dict[UUID, tuple[int, int]]) -> dict[str, Any]:
        """A round as documents show it, in the numbers of what the caller sees."""
        contacts, kept = counted.get(row.pk, (0, 0))
        return {
            "id": row.pk,
            "state": row.state,
            "announced_at": row.announced_at,
            "due_at": row.due_at,
            "member": {"id": row.member_id, "name": row.member.name} if row.member else None,
            "contacts": contacts,
            "kept": kept,
            "left_out": left_out(self.actor, row),
            "job": job_of(self.actor, row),
        }


class CleanUpsView(CleanUpView):
    """The rounds, the latest first; announcing one."""

    permissions = {"GET": "contacts.view", "POST": "contacts.archive"}

    @extend_schema(parameters=shapes.PAGING, responses=ROUNDS)
    def get(self, request: Request) -> Response:
        self.check_query()
        found = visible_to(self.actor).select_related("member")
        counted: dict[UUID, tuple[int, int]] = {}
        return self.page(
            found,
            lambda row: self.represent(row, counted),
            orderings=("announced_at",),
            default="-announced_at",
            prepare=lambda rows: counted.update(figures(self.actor, rows)),
        )

    @extend_schema(request=NewCleanUp, responses={201: CleanUpShape})
    def post(self, request: Request) -> Response:
        made = services.announce(self.actor, filter=self.read(NewCleanUp).get("filter"))
        return self.answer_round(made, 201)


class PreviewView(CleanUpView):
    """Whom announcing the same now would take, in numbers, and whom it would leave out; changes nothing."""

    permissions = {"POST": "contacts.archive"}

    @extend_schema(request=NewCleanUp, responses=BulkPreview)
    def post(self, request: Request) -> Response:
        return Response(represent(services.preview(self.actor, filter=self.read(NewCleanUp).get("filter"))))


class OneCleanUpView(CleanUpView):
    """One round; DELETE calls it off."""

    permissions = {"GET": "contacts.view", "DELETE": "contacts.archive"}

    @extend_schema(responses=CleanUpShape)
    def get(self, request: Request, pk: str) -> Response:
        return self.answer_round(self.round(pk))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.cancel(self.actor, clean_up=self.round(pk))
        return Response(status=204)


class KeepView(CleanUpView):
    """Object: these contacts stay. A contact is its owner's to keep, and admins'."""

    permissions = {"POST": "contacts.edit"}

    @extend_schema(request=KeepBody, responses=MarkedShape)
    def post(self, request: Request, pk: str) -> Response:
        kept = services.keep(self.actor, clean_up=self.round(pk), ids=self.read(KeepBody).get("contacts"))
        return Response({"contacts": kept})


class LetGoView(CleanUpView):
    """Take an objection back."""

    permissions = {"POST": "contacts.edit"}

    @extend_schema(request=LetGoBody, responses=MarkedShape)
    def post(self, request: Request, pk: str) -> Response:
        let = services.let_go(self.actor, clean_up=self.round(pk), ids=self.read(LetGoBody)["contacts"])
        return Response({"contacts": let})


urlpatterns = [
    path("clean-ups", CleanUpsView.as_view(), name="clean-ups"),
    path("clean-ups/preview", PreviewView.as_view(), name="clean-ups-preview"),
    path("clean-ups/<uuid:pk>", OneCleanUpView.as_view(), name="clean-up"),
    path("clean-ups/<uuid:pk>/keep", KeepView.as_view(), name="clean-up-keep"),
    path("clean-ups/<uuid:pk>/let-go", LetGoView.as_view(), name="clean-up-let-go"),
]
