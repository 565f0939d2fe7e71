"""Who calls the API: a token, or the console's session. Either opens the tenant scope of the view."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from common.errors import Invalid, NotFound
from common.rest import client_address
from enterprises import tokens
from enterprises.access import enterprise_id_of, find_enterprise, member_actor, memberships, suspended
from enterprises.actors import Actor
from enterprises.models import Enterprise, User


def origin(request: HttpRequest) -> dict[str, str | None]:
    """Where a request came from, for the audit trail."""
    return {"ip": client_address(request), "request_id": getattr(request, "id", "")}


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer scrm_…`. One answer for every kind of bad token."""

    def authenticate(self, request: Request) -> tuple[User | None, Actor] | None:
        scheme, _space, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        code = tokens.enterprise_code(secret)
        enterprise_id = enterprise_id_of(code) if code else None
        if enterprise_id is None:
            raise exceptions.AuthenticationFailed(_("This token is not valid."))
        view: Any = request.parser_context["view"]
        view.enter(enterprise_id)
        found = tokens.find_token(secret)
        if found is None:
            raise exceptions.AuthenticationFailed(_("This token is not valid."))
        view.token, view.enterprise = found
        if view.enterprise.status != Enterprise.Status.ACTIVE:
            raise suspended()
        member = view.token.member
        return member.user, Actor.of(view.enterprise, member, "api", **origin(request._request))

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The console's session, with CSRF. Somebody of several enterprises names one: `X-Enterprise: <id or code>`."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        view: Any = request.parser_context["view"]
        enterprise = self._enterprise(request, user)
        view.enter(enterprise.pk)
        view.enterprise = enterprise
        return user, member_actor(enterprise, user, "api", **origin(request._request))

    @staticmethod
    def _enterprise(request: Request, user: User) -> Enterprise:
        if named := request.META.get("HTTP_X_ENTERPRISE"):
            return find_enterprise(named)
        known = memberships(user)
        if not known:
            raise NotFound(_("You do not belong to an enterprise."))
        if len(known) > 1:
            raise Invalid(_("Name the enterprise in the X-Enterprise header."), code="enterprise_required")
        return Enterprise.objects.get(pk=known[0].enterprise_id)
