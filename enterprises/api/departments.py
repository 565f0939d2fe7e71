"""REST: departments."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises import queries
from enterprises.api.shapes import Named, filters, page_of
from enterprises.models import Department, Member
from enterprises.rest import TenantAPIView, check_version, etag, get_or_404, reference
from enterprises.services import departments as services


class DepartmentShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    parent = serializers.UUIDField(source="parent_id", allow_null=True)
    leader = Named(allow_null=True)
    position = serializers.IntegerField()
    members = serializers.IntegerField(source="present", help_text="Active and disabled, without subtrees.")


class DepartmentBody(Body):
    name = serializers.CharField(max_length=64)
    parent = serializers.UUIDField(required=False, allow_null=True, help_text="Null: at the top.")
    leader = serializers.UUIDField(required=False, allow_null=True, help_text="A member's id.")
    position = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000)


class DepartmentsView(TenantAPIView):
    """The department tree, as a list with parents."""

    permissions = {"GET": "members.view", "POST": "members.manage"}

    @extend_schema(
        parameters=filters(search="In the name.", parent="Id of the department above; `none` for the top level."),
        responses=page_of(DepartmentShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.DEPARTMENT_FILTERS)
        found = queries.departments(request.query_params)
        return self.page(found, lambda row: DepartmentShape(row).data, orderings=("name", "position"), default="name")

    @extend_schema(request=DepartmentBody, responses={201: DepartmentShape})
    def post(self, request: Request) -> Response:
        values = _read(request, partial=False)
        department = services.create_department(self.actor, **values)
        return _answer(department, status=201)


class DepartmentView(TenantAPIView):
    """One department."""

    permissions = {"GET": "members.view", "PATCH": "members.manage", "DELETE": "members.manage"}

    @extend_schema(responses=DepartmentShape)
    def get(self, request: Request, pk: str) -> Response:
        return _answer(get_or_404(Department.objects.all(), pk))

    @extend_schema(request=DepartmentBody(partial=True), responses=DepartmentShape)
    def patch(self, request: Request, pk: str) -> Response:
        department = get_or_404(Department.objects.select_for_update(no_key=True, of=("self",)), pk)
        check_version(request, department)
        changes = _read(request, partial=True)
        return _answer(services.update_department(self.actor, department=department, changes=changes))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        department = get_or_404(Department.objects.all(), pk)
        check_version(request, department)
        services.delete_department(self.actor, department=department)
        return Response(status=204)


def _read(request: Request, *, partial: bool) -> dict:
    asked = DepartmentBody(data=request.data, partial=partial)
    asked.is_valid(raise_exception=True)
    values = dict(asked.validated_data)
    if "parent" in values:
        values["parent"] = reference(Department.objects.all(), values["parent"], "parent")
    if "leader" in values:
        values["leader"] = reference(Member.objects.all(), values["leader"], "leader")
    return values


def _answer(department: Department, status: int = 200) -> Response:
    shown = queries.departments({}).get(pk=department.pk)
    return etag(Response(DepartmentShape(shown).data, status=status), department.version)


urlpatterns = [
    path("departments", DepartmentsView.as_view(), name="departments"),
    path("departments/<str:pk>", DepartmentView.as_view(), name="department"),
]
