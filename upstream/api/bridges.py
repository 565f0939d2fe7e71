"""REST: spaces that we joined elsewhere, and how a partner of ours is connected with its own enterprise."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises.rest import get_or_404
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import EndedBy, JoinedSpace, Share
from upstream.queries import bridges as queries
from upstream.services import bridges as services
from upstream.services import relinking


class ConnectionShape(serializers.Serializer):
    state = serializers.ChoiceField(queries.State.choices())
    enterprise = serializers.CharField(allow_null=True, help_text="Who connected itself as this partner.")
    created_by = shapes.NamedShape(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Of a code that nobody redeemed yet.")
    joined_at = serializers.DateTimeField(allow_null=True)


class CodeShape(serializers.Serializer):
    code = serializers.CharField(help_text="Works once. Shown now and never again.")
    expires_at = serializers.DateTimeField()


class JoinBody(Body):
    code = serializers.CharField(max_length=100, help_text="From the other enterprise; works once.")


class JoinedShape(serializers.Serializer):
    id = serializers.UUIDField()
    enterprise = serializers.CharField(help_text="Whose space it is.")
    space = serializers.CharField()
    purpose = serializers.CharField()
    partner = serializers.CharField(help_text="What we are called there.")
    people = serializers.IntegerField(allow_null=True, help_text="How many people of ours are there.")
    joined_at = serializers.DateTimeField()
    joined_by = shapes.NamedShape(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.ChoiceField([("", ""), *EndedBy.choices])


class MailedShape(serializers.Serializer):
    email = serializers.CharField(help_text="Your own address: the link goes there if it is known in the space.")


class OwnPersonShape(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    leader = serializers.BooleanField()
    joined_at = serializers.DateTimeField()


class TheirPersonShape(serializers.Serializer):
    name = serializers.CharField()
    department = serializers.CharField()


class SharedWithUsShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Share.Kind.choices)
    title = serializers.CharField()
    note = serializers.CharField()
    url = serializers.CharField(help_text="Empty for files.")
    starts_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    file_name = serializers.CharField()
    size = serializers.IntegerField()


class JoinedDetailShape(JoinedShape):
    own_people = OwnPersonShape(many=True, help_text="Our people there; at most 200, as in all lists here.")
    contacts = TheirPersonShape(many=True, help_text="Whom of theirs our people may write to.")
    shares = SharedWithUsShape(many=True)
    partners = serializers.ListField(
        child=serializers.CharField(), help_text="Other partners; only when the space is open."
    )
    more = serializers.ListField(
        child=serializers.CharField(), help_text="Names of the lists that have more than 200; `search` finds the rest."
    )


JoinedPage = shapes.page_of(JoinedShape)


def represent(one: Any) -> dict[str, Any]:
    """A joined space; `queries.present` has looked what it is now."""
    now = one.present
    return {
        "id": one.pk,
        "enterprise": one.host.name,
        "space": now.space_name if now else one.space_name,
        "purpose": now.purpose if now else "",
        "partner": now.partner_name if now else one.partner_name,
        "people": now.people if now else None,
        "joined_at": one.joined_at,
        "joined_by": named(one.joined_by),
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
    }


def represent_inside(found: queries.Inside | None) -> dict[str, Any]:
    """What we see inside; nothing when it ended."""
    found = found or queries.Inside([], [], [], [])
    return {
        "own_people": [vars(person) for person in found.people],
        "contacts": [{"name": name, "department": department} for name, department in found.contacts],
        "shares": [{name: value for name, value in vars(one).items() if name != "file"} for one in found.shares],
        "partners": found.partners,
        "more": [_LISTS.get(name, name) for name in found.cut],
    }


_LISTS = {"people": "own_people"}


class JoinedView(UpstreamView):
    """What the views of joined spaces share."""

    def joined(self, pk: Any) -> JoinedSpace:
        return get_or_404(queries.joined(self.actor), pk)

    def detail(self, one: JoinedSpace, status: int = 200, search: str = "") -> Response:
        queries.present([one])
        return Response({**represent(one), **represent_inside(queries.inside(one, search))}, status=status)


class JoinedSpacesView(JoinedView):
    """Spaces of other enterprises that ours has joined, ended ones included; and joining one by a code.

    The other enterprise learns who connected itself, and sees nothing of ours.
    """

    permissions = {"GET": "spaces.view", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=JoinedPage)
    def get(self, request: Request) -> Response:
        self.check_query()
        found = queries.joined(self.actor)
        return self.page(found, represent, orderings=("joined_at",), default="-joined_at", prepare=queries.present)

    @extend_schema(request=JoinBody, responses={201: JoinedDetailShape})
    def post(self, request: Request) -> Response:
        return self.detail(services.join(self.actor, **self.read(JoinBody)), 201)


class OneJoinedSpaceView(JoinedView):
    """A joined space with what is shared there; DELETE ends the connection from our side."""

    permissions = {"GET": "spaces.view", "DELETE": "spaces.manage"}

    @extend_schema(
        parameters=[OpenApiParameter("search", str, description="Only what has this in its name.")],
        responses=JoinedDetailShape,
    )
    def get(self, request: Request, pk: str) -> Response:
        self.check_query(("search",))
        return self.detail(self.joined(pk), search=request.query_params.get("search", ""))

    @extend_schema(request=None, responses={200: JoinedDetailShape})
    def delete(self, request: Request, pk: str) -> Response:
        services.leave(self.actor, joined=self.joined(pk))
        return self.detail(self.joined(pk))


class JoinedWorkbenchView(JoinedView):
    """Have the link to one's own workbench there sent by mail: to the caller's own address, if it is known there."""

    permissions = {"POST": "spaces.view"}

    @extend_schema(request=None, responses={202: MailedShape})
    def post(self, request: Request, pk: str) -> Response:
        return Response({"email": relinking.ask_as_member(self.actor, joined=self.joined(pk))}, status=202)


class ConnectionView(UpstreamView):
    """How a partner is connected with its own enterprise. POST makes a code for it, DELETE ends what stands."""

    permissions = {"GET": "spaces.view", "POST": "spaces.manage", "DELETE": "spaces.manage"}

    @extend_schema(responses=ConnectionShape)
    def get(self, request: Request, pk: str) -> Response:
        found = queries.connection(self.partner(pk))
        bridge = found.bridge
        body = {
            "state": found.state,
            "enterprise": bridge.peer.name if bridge and bridge.peer else None,
            "created_by": named(bridge.created_by) if bridge else None,
            "created_at": bridge.created_at if bridge else None,
            "expires_at": bridge.expires_at if bridge and found.state == queries.State.OFFERED else None,
            "joined_at": bridge.joined_at if bridge else None,
        }
        return Response(body)

    @extend_schema(request=None, responses={201: CodeShape})
    def post(self, request: Request, pk: str) -> Response:
        bridge, code = services.offer(self.actor, partner=self.partner(pk))
        return Response({"code": code, "expires_at": bridge.expires_at}, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        services.end(self.actor, partner=self.partner(pk))
        return Response(status=204)


urlpatterns = [
    path("joined-spaces", JoinedSpacesView.as_view(), name="joined-spaces"),
    path("joined-spaces/<uuid:pk>", OneJoinedSpaceView.as_view(), name="joined-space"),
    path("joined-spaces/<uuid:pk>/workbench", JoinedWorkbenchView.as_view(), name="joined-space-workbench"),
    path("partners/<uuid:pk>/connection", ConnectionView.as_view(), name="partner-connection"),
]
