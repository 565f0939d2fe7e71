"""REST: roles."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises import permissions, queries
from enterprises.api.shapes import filters, page_of
from enterprises.models import Role
from enterprises.rest import TenantAPIView, check_version, etag, get_or_404
from enterprises.services import roles as services


class RoleShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField(source="label")
    builtin = serializers.CharField(allow_blank=True, help_text="super_admin, graded_admin, staff; or empty.")
    scope = serializers.ChoiceField(Role.Scope.choices)
    permissions = serializers.SerializerMethodField()
    members = serializers.IntegerField(source="present")

    def get_permissions(self, role: Role) -> list[str]:
        return [code for code in permissions.ALL if code in role.codes]


class RoleBody(Body):
    name = serializers.CharField(max_length=64)
    scope = serializers.ChoiceField(Role.Scope.choices)
    permissions = serializers.ListField(child=serializers.CharField(max_length=64), max_length=200)


class RolesView(TenantAPIView):
    """What members may do, and how far they see."""

    permissions = {"GET": "members.view", "POST": "roles.manage"}

    @extend_schema(parameters=filters(), responses=page_of(RoleShape))
    def get(self, request: Request) -> Response:
        self.check_query()
        return self.page(queries.roles(), lambda row: RoleShape(row).data, orderings=("name",), default="name")

    @extend_schema(request=RoleBody, responses={201: RoleShape})
    def post(self, request: Request) -> Response:
        asked = RoleBody(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        role = services.create_role(self.actor, name=data["name"], scope=data["scope"], codes=data["permissions"])
        return _answer(role, status=201)


class RoleView(TenantAPIView):
    """One role."""

    permissions = {"GET": "members.view", "PATCH": "roles.manage", "DELETE": "roles.manage"}

    @extend_schema(responses=RoleShape)
    def get(self, request: Request, pk: str) -> Response:
        return _answer(get_or_404(Role.objects.all(), pk))

    @extend_schema(request=RoleBody(partial=True), responses=RoleShape)
    def patch(self, request: Request, pk: str) -> Response:
        role = get_or_404(Role.objects.select_for_update(no_key=True), pk)
        check_version(request, role)
        asked = RoleBody(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        return _answer(services.update_role(self.actor, role=role, changes=dict(asked.validated_data)))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        role = get_or_404(Role.objects.all(), pk)
        check_version(request, role)
        services.delete_role(self.actor, role=role)
        return Response(status=204)


def _answer(role: Role, status: int = 200) -> Response:
    shown = queries.roles().get(pk=role.pk)
    return etag(Response(RoleShape(shown).data, status=status), shown.version)


urlpatterns = [
    path("roles", RolesView.as_view(), name="roles"),
    path("roles/<str:pk>", RoleView.as_view(), name="role"),
]
