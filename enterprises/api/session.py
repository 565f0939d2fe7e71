"""REST: log-in and the caller."""

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import Forbidden, Invalid
from common.ids import parse_uuid
from common.rest import AccountThrottle, Body, LoginThrottle
from common.tenancy import tenant
from enterprises.access import Membership, find_enterprise, member_actor, memberships
from enterprises.api.shapes import Moment
from enterprises.authentication import origin
from enterprises.login import log_in
from enterprises.models import Role
from enterprises.rest import TenantAPIView
from enterprises.tokens import create_token


class TokenRequest(Body):
    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False)
    otp = serializers.CharField(required=False, allow_blank=True)
    enterprise = serializers.CharField(required=False, help_text="Id or code, for somebody of several enterprises.")
    name = serializers.CharField(required=False, max_length=64, help_text="Where the token is used.")


class EnterpriseChoice(serializers.Serializer):
    id = serializers.UUIDField(source="enterprise_id")
    name = serializers.CharField()
    role = serializers.CharField()


class TokenAnswer(serializers.Serializer):
    token = serializers.CharField()
    expires_at = Moment()
    enterprises = EnterpriseChoice(many=True)


class TokenView(APIView):
    """Log in and get an API token."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (LoginThrottle, AccountThrottle)

    @extend_schema(request=TokenRequest, responses=TokenAnswer, auth=[])
    def post(self, request: Request) -> Response:
        asked = TokenRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        user = log_in(request._request, email=data["email"], password=data["password"], otp=data.get("otp", ""))
        known = memberships(user)
        chosen = _choose(known, data.get("enterprise"))
        with tenant(chosen.enterprise_id):
            enterprise = find_enterprise(str(chosen.enterprise_id))
            actor = member_actor(enterprise, user, "api", **origin(request._request))
            assert actor.member is not None
            token, secret = create_token(actor, member=actor.member, name=data.get("name") or str(_("Log-in")))
        answer = {"token": secret, "expires_at": token.expires_at, "enterprises": known}
        return Response(TokenAnswer(answer).data)


def _choose(known: list[Membership], named: str | None) -> Membership:
    """The enterprise the token is for: the one named, or the only one."""
    if not known:
        raise Forbidden(_("You do not belong to an enterprise."), code="no_enterprise")
    if named:
        known = [one for one in known if named == one.code or parse_uuid(named) == one.enterprise_id]
        if not known:
            raise Invalid({"enterprise": [_("You do not belong to this enterprise.")]})
    if len(known) > 1:
        choices = [{"id": str(one.enterprise_id), "name": one.name, "role": one.role} for one in known]
        raise Invalid(
            {"enterprise": [_("You belong to several enterprises; name one.")]},
            code="enterprise_required",
            enterprises=choices,
        )
    return known[0]


class UserShape(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField()


class MeMember(serializers.Serializer):
    id = serializers.UUIDField()
    userid = serializers.CharField()
    name = serializers.CharField()


class MeEnterprise(serializers.Serializer):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    verified = serializers.BooleanField()
    timezone = serializers.CharField()


class MeRole(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField(source="label")
    scope = serializers.ChoiceField(Role.Scope.choices)


class MeShape(serializers.Serializer):
    user = UserShape(allow_null=True)
    member = MeMember()
    enterprise = MeEnterprise()
    role = MeRole()
    permissions = serializers.ListField(child=serializers.CharField())


class MeView(TenantAPIView):
    """Who is calling, where, and what they may do."""

    @extend_schema(responses=MeShape)
    def get(self, request: Request) -> Response:
        member = self.actor.member
        assert member is not None
        me = {
            "user": request.user,
            "member": member,
            "enterprise": self.enterprise,
            "role": member.role,
            "permissions": sorted(member.role.codes),
        }
        return Response(MeShape(me).data)


urlpatterns = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("me", MeView.as_view(), name="me"),
]
