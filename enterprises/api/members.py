"""REST: members."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Invalid
from common.rest import Body
from enterprises import queries
from enterprises.api.shapes import Moment, Named, RoleName, filters, page_of
from enterprises.models import Department, Member, Role
from enterprises.rest import TenantAPIView, check_version, etag, get_or_404, reference
from enterprises.services import invitations
from enterprises.services import members as services


class Range(serializers.Serializer):
    id = serializers.UUIDField(source="department_id")
    name = serializers.CharField(source="department.name")


class MemberShape(serializers.Serializer):
    id = serializers.UUIDField()
    userid = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    department = Named(allow_null=True)
    role = RoleName()
    ranges = serializers.SerializerMethodField(help_text="Departments given to a graded admin.")
    status = serializers.ChoiceField(Member.Status.choices)
    joined = serializers.SerializerMethodField(help_text="Has accepted the invitation and can log in.")
    invited_at = Moment(allow_null=True)
    joined_at = Moment()
    left_at = Moment(allow_null=True)

    def get_joined(self, member: Member) -> bool:
        return member.user_id is not None

    def get_ranges(self, member: Member) -> list[dict[str, str]]:
        return Range(member.ranges.all(), many=True).data


class MemberChanges(Body):
    userid = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=64)
    email = serializers.EmailField(required=False, allow_blank=True)
    department = serializers.UUIDField(required=False, allow_null=True)
    role = serializers.UUIDField(required=False, help_text="Staff when left out.")
    ranges = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=200, help_text="Departments of a graded admin."
    )


class MemberBody(MemberChanges):
    invite = serializers.BooleanField(required=False, help_text="Send the invitation at once.")


class MembersView(TenantAPIView):
    """The people of the enterprise."""

    permissions = {"GET": "members.view", "POST": "members.manage"}

    @extend_schema(
        parameters=filters(
            search="In name, account and e-mail.",
            department="Id, subtree included; `none` for people without one.",
            role="Id.",
            status="active, disabled or resigned.",
            joined="true or false.",
            count="1: count them.",
        ),
        responses=page_of(MemberShape),
    )
    def get(self, request: Request) -> Response:
        self.check_query(queries.MEMBER_FILTERS)
        return self.page(
            queries.members(request.query_params),
            lambda row: MemberShape(row).data,
            orderings=("name", "userid", "joined_at"),
            default="name",
        )

    @extend_schema(request=MemberBody, responses={201: MemberShape})
    def post(self, request: Request) -> Response:
        values = _read(MemberBody(data=request.data))
        invite = values.pop("invite", False)
        member = services.create_member(self.actor, **values)
        if invite:
            invitations.invite(self.actor, member=member)
        return _answer(member, status=201)


class MemberView(TenantAPIView):
    """One member."""

    permissions = {"GET": "members.view", "PATCH": "members.manage"}

    @extend_schema(responses=MemberShape)
    def get(self, request: Request, pk: str) -> Response:
        return _answer(get_or_404(Member.objects.all(), pk))

    @extend_schema(request=MemberChanges(partial=True), responses=MemberShape)
    def patch(self, request: Request, pk: str) -> Response:
        member = get_or_404(_for_update(), pk)
        check_version(request, member)
        changes = _read(MemberChanges(data=request.data, partial=True))
        return _answer(services.update_member(self.actor, member=member, changes=changes))


class MemberActionView(TenantAPIView):
    """What is done to a member as a whole."""

    permissions = {"POST": "members.manage"}
    service: ClassVar[Any]

    @extend_schema(request=None, responses=MemberShape)
    def post(self, request: Request, pk: str) -> Response:
        member = get_or_404(_for_update(), pk)
        check_version(request, member)
        return _answer(type(self).service(self.actor, member=member))


class DisableView(MemberActionView):
    """Lock a member out; tokens end for good, sessions at once."""

    service = services.disable_member


class EnableView(MemberActionView):
    """Let a member in again."""

    service = services.enable_member


class ResignView(MemberActionView):
    """Record that a member left."""

    service = services.resign_member


class InviteView(MemberActionView):
    """Send the invitation by mail; earlier links stop working."""

    service = invitations.invite


def _for_update() -> QuerySet[Member]:
    return Member.objects.select_for_update(no_key=True, of=("self",))


def _read(asked: serializers.Serializer) -> dict[str, Any]:
    asked.is_valid(raise_exception=True)
    values = dict(asked.validated_data)
    if "department" in values:
        values["department"] = reference(Department.objects.all(), values["department"], "department")
    if "role" in values:
        values["role"] = reference(Role.objects.all(), values["role"], "role")
    if "ranges" in values:
        wanted = set(values["ranges"])
        values["ranges"] = list(Department.objects.filter(pk__in=wanted))
        if len(values["ranges"]) != len(wanted):
            raise Invalid({"ranges": [_("There is nothing with this id.")]})
    return values


def _answer(member: Member, status: int = 200) -> Response:
    shown = queries.members({}).get(pk=member.pk)
    return etag(Response(MemberShape(shown).data, status=status), shown.version)


urlpatterns = [
    path("members", MembersView.as_view(), name="members"),
    path("members/<str:pk>", MemberView.as_view(), name="member"),
    path("members/<str:pk>/disable", DisableView.as_view(), name="member-disable"),
    path("members/<str:pk>/enable", EnableView.as_view(), name="member-enable"),
    path("members/<str:pk>/resign", ResignView.as_view(), name="member-resign"),
    path("members/<str:pk>/invite", InviteView.as_view(), name="member-invite"),
]
