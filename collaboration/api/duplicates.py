"""REST: the duplicate radar (O9)."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collaboration.api.transfer_shapes import named
from collaboration.models import Duplicate
from collaboration.queries import duplicates as queries
from collaboration.rules.duplicates import By, Others, State
from collaboration.services import duplicates as services
from common.rest import Body
from enterprises.api.shapes import Moment, Named, filters, page_of
from enterprises.models import Member
from enterprises.rest import TenantAPIView, get_or_404, reference
from jobs.api import JobReference


class DuplicateFollowerShape(serializers.Serializer):
    member = Named()
    added_at = Moment()
    last_at = Moment(allow_null=True, help_text="When they were in touch last.")


class DuplicateShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = Named()
    present_owner = Named(allow_null=True)
    followers = DuplicateFollowerShape(many=True, help_text="In the order in which they came.")
    first = Named(help_text="Who came first.")
    last = Named(allow_null=True, help_text="Who was in touch last.")
    suggested = Named(help_text="Whose it should be: in touch lately, else the owner, else who came first.")
    state = serializers.ChoiceField(State.choices())
    owner = Named(allow_null=True, help_text="As settled.")
    others = serializers.ChoiceField([("", ""), *Others.choices()])
    by = Named(allow_null=True)
    settled_at = Moment(allow_null=True)


class SettleBody(Body):
    owner = serializers.UUIDField(required=False, help_text="A member who follows the contact; the suggested one.")
    others = serializers.ChoiceField(Others.choices(), required=False, help_text="keep (default) or end.")


class SettleAllBody(Body):
    by = serializers.ChoiceField(By.choices())
    others = serializers.ChoiceField(Others.choices(), required=False)


def represent(row: Duplicate, followers: list[queries.Follower]) -> dict[str, Any]:
    """A duplicate as the API shows it."""
    return {
        "id": row.pk,
        "contact": named(row.contact),
        "present_owner": named(row.contact.owner),
        "followers": [
            {"member": {"id": one.id, "name": one.name}, "added_at": one.added_at, "last_at": one.last_at}
            for one in followers
        ],
        "first": named(row.first),
        "last": named(row.last),
        "suggested": named(row.suggested),
        "state": row.state,
        "owner": named(row.owner),
        "others": row.others,
        "by": named(row.by),
        "settled_at": row.settled_at,
    }


class RadarView(TenantAPIView):
    """What the views of the radar share."""

    permissions = {"GET": services.PERMISSION, "POST": services.PERMISSION}

    def duplicate(self, pk: UUID) -> Duplicate:
        """One whose contact the caller sees, whatever its state."""
        seen = Duplicate.objects.visible_to(self.actor)
        return get_or_404(seen.select_related("contact__owner", "first", "last", "suggested", "owner", "by"), pk)

    def answer(self, pk: UUID) -> Response:
        """The document."""
        row = self.duplicate(pk)
        return Response(represent(row, queries.followers([row]).get(row.contact_id, [])))

    def read(self, shape: type[Body]) -> dict[str, Any]:
        """The body, checked."""
        body = shape(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)


class DuplicatesView(RadarView):
    """Contacts that several members follow, those joined lately first."""

    @extend_schema(
        operation_id="duplicates_list",
        parameters=[
            *filters(member="One of the followers: a member's id."),
            OpenApiParameter("state", str, enum=list(State), description="open when left out."),
        ],
        responses=page_of(DuplicateShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.FILTERS)
        followers: dict[UUID, list[queries.Follower]] = {}
        return self.page(
            queries.duplicates(self.actor, request.query_params.dict()),
            lambda row: represent(row, followers.get(row.contact_id, [])),
            orderings=("joined_at",),
            default="-joined_at",
            prepare=lambda page: followers.update(queries.followers(page)),
        )


class DuplicateSettleView(RadarView):
    """Say whose a contact is."""

    @extend_schema(operation_id="duplicates_settle", request=SettleBody, responses=DuplicateShape)
    def post(self, request: Request, pk: UUID) -> Response:
        row = self.duplicate(pk)
        data = self.read(SettleBody)
        owner = reference(Member.objects.all(), data.get("owner"), "owner") or row.suggested
        services.settle(self.actor, duplicate=row, owner=owner, others=data.get("others", Others.KEEP.value))
        return self.answer(row.pk)


class DuplicateUndoView(RadarView):
    """Take a settlement back."""

    @extend_schema(operation_id="duplicates_undo", request=None, responses=DuplicateShape)
    def post(self, request: Request, pk: UUID) -> Response:
        row = self.duplicate(pk)
        services.reopen(self.actor, duplicate=row)
        return self.answer(row.pk)


class SettleAllView(RadarView):
    """Settle all open ones that the caller sees by one rule, as a job that can be undone."""

    @extend_schema(operation_id="duplicates_settle_all", request=SettleAllBody, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        return Response(JobReference(services.settle_all(self.actor, **self.read(SettleAllBody))).data, status=202)


class LookView(RadarView):
    """Let the radar look now."""

    @extend_schema(operation_id="duplicates_look", request=None, responses={202: JobReference})
    def post(self, request: Request) -> Response:
        return Response(JobReference(services.look_again(self.actor)).data, status=202)


urlpatterns = [
    path("duplicates", DuplicatesView.as_view(), name="api-duplicates"),
    path("duplicates/settle", SettleAllView.as_view(), name="api-duplicates-settle"),
    path("duplicates/look", LookView.as_view(), name="api-duplicates-look"),
    path("duplicates/<uuid:pk>/settle", DuplicateSettleView.as_view(), name="api-duplicate-settle"),
    path("duplicates/<uuid:pk>/undo", DuplicateUndoView.as_view(), name="api-duplicate-undo"),
]
