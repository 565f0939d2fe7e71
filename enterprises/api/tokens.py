"""REST: API tokens."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from enterprises import queries, tokens
from enterprises.api.shapes import Moment, Named, filters, page_of
from enterprises.models import Member
from enterprises.rest import TenantAPIView, get_or_404, reference


class TokenShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="The last four characters.")
    member = Named()
    created_at = Moment()
    expires_at = Moment()
    last_used_at = Moment(allow_null=True)


class NewTokenShape(TokenShape):
    token = serializers.CharField(help_text="The secret, shown once.")


class TokenBody(Body):
    name = serializers.CharField(max_length=64, help_text="Where it is used.")
    days = serializers.IntegerField(required=False, min_value=1, help_text="Validity; 90 when left out.")
    member = serializers.UUIDField(required=False, help_text="The caller when left out.")


class TokensView(TenantAPIView):
    """One's own tokens, and those of the members one manages."""

    @extend_schema(parameters=filters(member="Id of the member."), responses=page_of(TokenShape))
    def get(self, request: Request) -> Response:
        self.check_query(queries.TOKEN_FILTERS)
        return self.page(
            queries.tokens(self.actor, request.query_params),
            lambda row: TokenShape(row).data,
            orderings=("created_at", "expires_at", "name"),
            default="-created_at",
        )

    @extend_schema(request=TokenBody, responses={201: NewTokenShape})
    def post(self, request: Request) -> Response:
        asked = TokenBody(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        people = Member.objects.select_related("role", "user")
        member = reference(people, data.get("member", self.actor.member_id), "member")
        token, secret = tokens.create_token(self.actor, member=member, name=data["name"], days=data.get("days"))
        token.token = secret
        return Response(NewTokenShape(token).data, status=201)


class TokenView(TenantAPIView):
    """One token."""

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        token = get_or_404(queries.tokens(self.actor, {}).select_related("member__role"), pk)
        tokens.revoke_token(self.actor, token=token)
        return Response(status=204)


urlpatterns = [
    path("tokens", TokensView.as_view(), name="tokens"),
    path("tokens/<str:pk>", TokenView.as_view(), name="token"),
]
