"""REST: invitations, invited customers, and who wants to join (U7)."""

from typing import Any

from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.services.bulk.selection import Selection
from enterprises.rest import get_or_404
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import Application, Invitation, Invitee, SpaceChat, Subgroup
from upstream.queries import joining as queries
from upstream.services import invitations as services
from upstream.services import joining


class InvitationView(UpstreamView):
    """What the views of invitations share."""

    def invitation(self, pk: Any) -> Invitation:
        seen = Invitation.objects.visible_to(self.actor).select_related("space", "series", "subgroup", "chat")
        return get_or_404(seen, pk)

    def link(self, name: str, code: str) -> str:
        """An address that anybody may open."""
        return self.request.build_absolute_uri(reverse(name, kwargs={"firm": self.actor.enterprise.code, "code": code}))

    def represent(self, one: Invitation) -> dict[str, Any]:
        shared = one.kind == Invitation.Kind.OPEN
        return {
            "id": one.pk,
            "kind": one.kind,
            "space": named(one.space),
            "series": named(one.series),
            "subgroup": named(one.subgroup),
            "chat": named(one.chat),
            "source": one.source,
            "approval": one.approval,
            "url": self.link("space-join", one.code) if shared else None,
            "qr_svg": self.link("space-join-svg", one.code) if shared else None,
            "qr_png": self.link("space-join-png", one.code) if shared else None,
            "works": one.works,
            "uses": one.uses,
            "max_uses": one.max_uses,
            "opens": one.opens,
            "expires_at": one.expires_at,
            "revoked_at": one.revoked_at,
            "created_at": one.created_at,
        }

    def represent_invitee(self, one: Invitee) -> dict[str, Any]:
        return {
            "id": one.pk,
            "contact": {"id": one.contact_id, "name": str(one.contact)},
            "inviter": named(one.inviter),
            "state": one.state,
            "url": self.link("space-join", one.code),
            "sent_at": one.sent_at,
            "opened_at": one.opened_at,
            "answered_at": one.answered_at,
            "reminded_at": one.reminded_at,
        }

    def targets(self) -> dict[str, Any]:
        chats = SpaceChat.objects.visible_to(self.actor).select_related("space", "subgroup")
        return {**self.sources(), "subgroup": Subgroup.objects.all(), "chat": chats}


class InvitationsView(InvitationView):
    """Invitations that the caller sees, and making a link with its QR code."""

    permissions = {"GET": "spaces.invite", "POST": "spaces.manage"}

    @extend_schema(
        parameters=[
            *shapes.PAGING,
            shapes.question("space", "A space's id."),
            shapes.question("series", "A series' id."),
        ],
        responses=shapes.InvitationPage,
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.INVITATION_FILTERS)
        found = queries.invitations(self.actor, request.query_params.dict())
        return self.page(found, self.represent, orderings=("created_at",), default="-created_at")

    @extend_schema(request=shapes.NewInvitation, responses={201: shapes.InvitationShape})
    def post(self, request: Request) -> Response:
        data = self.known(self.read(shapes.NewInvitation), **self.targets())
        return Response(self.represent(services.create_link(self.actor, **data)), status=201)


class SpaceInvitationsView(InvitationView):
    """Invitations into one space, and making a link with its QR code."""

    permissions = {"GET": "spaces.invite", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.InvitationPage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        found = queries.invitations(self.actor, {"space": str(space.pk)})
        return self.page(found, self.represent, orderings=("created_at",), default="-created_at")

    @extend_schema(request=shapes.NewSpaceInvitation, responses={201: shapes.InvitationShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.NewSpaceInvitation), **self.targets())
        return Response(self.represent(services.create_link(self.actor, space=space, **data)), status=201)


class OneInvitationView(InvitationView):
    """One invitation; DELETE revokes it."""

    permissions = {"GET": "spaces.invite", "DELETE": "spaces.invite"}

    @extend_schema(responses=shapes.InvitationShape)
    def get(self, request: Request, pk: str) -> Response:
        return Response(self.represent(self.invitation(pk)))

    @extend_schema(request=None, responses={200: shapes.InvitationShape})
    def delete(self, request: Request, pk: str) -> Response:
        return Response(self.represent(services.revoke(self.actor, invitation=self.invitation(pk))))


class CustomersView(InvitationView):
    """Invite customers personally, chosen by ids or by a filter: a link each. Nobody is joined by this."""

    permissions = {"POST": "spaces.invite"}

    @extend_schema(
        request=shapes.CustomersInvitation, responses={201: shapes.CustomersShape, 200: shapes.CustomersShape}
    )
    def post(self, request: Request) -> Response:
        data = self.known(self.read(shapes.CustomersInvitation), **self.targets())
        selection = Selection.of(self.actor, ids=data.pop("ids", None), filter=data.pop("filter", None))
        target = data.get("space") or data.get("series")
        dry_run = data.pop("dry_run", False)
        left_out: dict[str, int] = {}
        if target is not None:
            chosen, left_out = services.invited(self.actor, selection=selection, target=target)
            if dry_run:
                return Response({"invitation": None, "invited": chosen.count(), "left_out": left_out})
        invitation, number = services.invite_customers(self.actor, selection=selection, **data)
        return Response({"invitation": invitation.pk, "invited": number, "left_out": left_out}, status=201)


class InviteesView(InvitationView):
    """The customers of a personal invitation, with their links and how far they are."""

    permissions = {"GET": "spaces.invite"}

    @extend_schema(
        parameters=[*shapes.PAGING, shapes.question("state", "Only in this state.")], responses=shapes.InviteePage
    )
    def get(self, request: Request, pk: str) -> Response:
        invitation = self.invitation(pk)
        self.check_query(("state",))
        found = queries.invitees(self.actor, invitation, request.query_params.get("state", ""))
        return self.page(found, self.represent_invitee, orderings=("id",), default="id")


class SentView(InvitationView):
    """These links were sent."""

    permissions = {"POST": "spaces.invite"}

    @extend_schema(request=shapes.SentBody, responses=shapes.InviteeNumberShape)
    def post(self, request: Request, pk: str) -> Response:
        inside = Invitee.objects.visible_to(self.actor).filter(invitation=self.invitation(pk))
        chosen = self.several(inside.select_related("invitation"), self.read(shapes.SentBody)["ids"], "ids")
        return Response({"number": services.mark_sent(self.actor, invitees=chosen)})


class RemindView(InvitationView):
    """Ask the inviters to remind the customers who have not answered."""

    permissions = {"POST": "spaces.invite"}

    @extend_schema(request=None, responses=shapes.InviteeNumberShape)
    def post(self, request: Request, pk: str) -> Response:
        return Response({"number": services.remind(self.actor, invitation=self.invitation(pk))})


class ApplicationView(InvitationView):
    """What the views of applications share."""

    def application(self, pk: Any) -> Application:
        return get_or_404(queries.applications(self.actor), pk)

    def represent_application(self, one: Application) -> dict[str, Any]:
        return {
            "id": one.pk,
            "invitation": one.invitation_id,
            "company": one.company,
            "name": one.name,
            "phone": one.phone,
            "title": one.title,
            "state": one.state,
            "reason": one.reason,
            "partner": one.partner_id,
            "created_at": one.created_at,
            "decided_at": one.decided_at,
        }


class ApplicationsView(ApplicationView):
    """Who sent the form: joined, or waiting for somebody to look."""

    permissions = {"GET": "spaces.edit"}

    @extend_schema(
        parameters=[*shapes.PAGING, shapes.question("state", "pending, joined or declined.")],
        responses=shapes.ApplicationPage,
    )
    def get(self, request: Request) -> Response:
        self.check_query(("state",))
        found = queries.applications(self.actor, request.query_params.get("state", ""))
        return self.page(found, self.represent_application, orderings=("created_at",), default="-created_at")


class ApproveView(ApplicationView):
    """Let somebody in."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=shapes.ApprovalBody, responses=shapes.ApplicationShape)
    def post(self, request: Request, pk: str) -> Response:
        application = self.application(pk)
        data = self.known(self.read(shapes.ApprovalBody), **self.sources())
        return Response(self.represent_application(joining.approve(self.actor, application=application, **data)))


class TurnDownView(ApplicationView):
    """Do not let somebody in."""

    permissions = {"POST": "spaces.edit"}

    @extend_schema(request=None, responses=shapes.ApplicationShape)
    def post(self, request: Request, pk: str) -> Response:
        application = joining.turn_down(self.actor, application=self.application(pk))
        return Response(self.represent_application(application))


urlpatterns = [
    path("invitations", InvitationsView.as_view(), name="invitations"),
    path("invitations/customers", CustomersView.as_view(), name="invitation-customers"),
    path("invitations/<uuid:pk>", OneInvitationView.as_view(), name="invitation"),
    path("invitations/<uuid:pk>/invitees", InviteesView.as_view(), name="invitees"),
    path("invitations/<uuid:pk>/sent", SentView.as_view(), name="invitees-sent"),
    path("invitations/<uuid:pk>/remind", RemindView.as_view(), name="invitees-remind"),
    path("spaces/<uuid:pk>/invitations", SpaceInvitationsView.as_view(), name="space-invitations"),
    path("applications", ApplicationsView.as_view(), name="applications"),
    path("applications/<uuid:pk>/approve", ApproveView.as_view(), name="application-approve"),
    path("applications/<uuid:pk>/decline", TurnDownView.as_view(), name="application-decline"),
]
