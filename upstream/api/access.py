"""REST: members of a space, correspondence rules, and who sees whom (U6)."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Invalid, NotFound
from enterprises.rest import check_version, etag, get_or_404
from upstream import queries
from upstream.api import shapes
from upstream.api.base import UpstreamView, named
from upstream.models import CorrespondenceRule, PartnerContact, Space, SpaceMember
from upstream.queries import views
from upstream.services import members as services


def represent_member(seat: SpaceMember) -> dict[str, Any]:
    return {
        "member": named(seat.member),
        "subgroups": [named(one.subgroup) for one in seat.subgroups.all()],
        "since": seat.since,
    }


def represent_rule(rule: CorrespondenceRule) -> dict[str, Any]:
    sides: dict[str, list[Any]] = {"members": [], "departments": [], "subgroups": [], "partners": []}
    for end in rule.ends.all():
        for side, ones in sides.items():
            if (one := getattr(end, side.removesuffix("s"))) is not None:
                ones.append(named(one))
    return {"id": rule.pk, "name": rule.name, **sides}


class MembersView(UpstreamView):
    """Those of ours who are in the space; putting some into it."""

    permissions = {"GET": "spaces.view", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.SpaceMemberPage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        return self.page(queries.members(space), represent_member, orderings=("since",), default="since")

    @extend_schema(request=shapes.NewSpaceMembers, responses={201: shapes.SpaceMemberShape(many=True)})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.NewSpaceMembers), **self.sources(space))
        made = services.add_members(self.actor, space=space, **data)
        found = queries.members(space).filter(pk__in=[seat.pk for seat in made])
        return Response([represent_member(seat) for seat in found.order_by("since", "id")], status=201)


class MemberView(UpstreamView):
    """One member's part in the space."""

    permissions = {"PATCH": "spaces.manage", "DELETE": "spaces.manage"}

    @extend_schema(request=shapes.SpaceMemberBody, responses=shapes.SpaceMemberShape)
    def patch(self, request: Request, pk: str, member_id: str) -> Response:
        space = self.space(pk)
        seat = self._seat(space, member_id)
        data = self.known(self.read(shapes.SpaceMemberBody), **self.sources(space))
        services.place_member(self.actor, seat=seat, subgroups=data.get("subgroups", ()))
        return Response(represent_member(self._seat(space, member_id)))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str, member_id: str) -> Response:
        services.remove_member(self.actor, seat=self._seat(self.space(pk), member_id))
        return Response(status=204)

    def _seat(self, space: Space, member_id: Any) -> SpaceMember:
        seat = queries.members(space).filter(member=member_id).first()
        if seat is None:
            raise NotFound()
        return seat


class RuleView(UpstreamView):
    """What the views of rules share."""

    def answer(self, space: Space, rule: CorrespondenceRule, status: int = 200) -> Response:
        found = get_or_404(queries.rules(space), rule.pk)
        return etag(Response(represent_rule(found), status=status), found.version)


class RulesView(RuleView):
    """Correspondence rules: these of ours ↔ these partners."""

    permissions = {"GET": "spaces.manage", "POST": "spaces.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=shapes.CorrespondencePage)
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query()
        return self.page(queries.rules(space), represent_rule, orderings=("created_at",), default="created_at")

    @extend_schema(request=shapes.CorrespondenceBody, responses={201: shapes.CorrespondenceShape})
    def post(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        data = self.known(self.read(shapes.CorrespondenceBody), **self.sources(space))
        return self.answer(space, services.create_rule(self.actor, space=space, **data), 201)


class OneRuleView(RuleView):
    """One correspondence rule."""

    permissions = {"PATCH": "spaces.manage", "DELETE": "spaces.manage"}

    @extend_schema(request=shapes.CorrespondenceBody(partial=True), responses=shapes.CorrespondenceShape)
    def patch(self, request: Request, pk: str, rule_id: str) -> Response:
        space = self.space(pk)
        rule = get_or_404(CorrespondenceRule.objects.filter(space=space), rule_id)
        check_version(request, rule)
        changes = self.known(self.read(shapes.CorrespondenceBody, partial=True), **self.sources(space))
        return self.answer(space, services.edit_rule(self.actor, rule=rule, changes=changes))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str, rule_id: str) -> Response:
        rule = get_or_404(CorrespondenceRule.objects.filter(space=self.space(pk)), rule_id)
        services.delete_rule(self.actor, rule=rule)
        return Response(status=204)


class VisibilityView(UpstreamView):
    """The space as a member of ours or a person of a partner sees it, with the reason for each line (U6)."""

    permissions = {"GET": "spaces.manage"}

    @extend_schema(
        parameters=[
            shapes.question("member", "A member's id: who of the partners they see."),
            shapes.question("contact", "A partner contact's id: whom of ours and of the partners they see."),
        ],
        responses=shapes.SightsShape,
    )
    def get(self, request: Request, pk: str) -> Response:
        space = self.space(pk)
        self.check_query(("member", "contact"))
        query = request.query_params
        if ("member" in query) == ("contact" in query):
            raise Invalid({"member": [_("Name either a member or a partner contact.")]})
        if "member" in query:
            seat = get_or_404(queries.present_members().select_related("role"), query["member"])
            view = views.of_member(space, seat)
        else:
            inside = PartnerContact.objects.visible_to(self.actor).filter(space=space)
            view = views.of_person(space, get_or_404(inside.select_related("person", "partner"), query["contact"]))
        return Response({"viewer": {"id": view.viewer_id, "name": view.viewer}, "results": list(view.lines())})


urlpatterns = [
    path("spaces/<uuid:pk>/members", MembersView.as_view(), name="space-members"),
    path("spaces/<uuid:pk>/members/<uuid:member_id>", MemberView.as_view(), name="space-member"),
    path("spaces/<uuid:pk>/rules", RulesView.as_view(), name="space-rules"),
    path("spaces/<uuid:pk>/rules/<uuid:rule_id>", OneRuleView.as_view(), name="space-rule"),
    path("spaces/<uuid:pk>/visibility", VisibilityView.as_view(), name="space-visibility"),
]
