"""How allauth is used here: log-in by e-mail; accounts are made by sign-up or invitation, never by allauth's form."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from common.middleware import LANGUAGE_COOKIE
from common.rest import client_address
from enterprises.models import User

LANGUAGES: dict[str, str] = dict(settings.LANGUAGES)
COOKIE_AGE = 365 * 86400


def set_language(user: AbstractBaseUser | AnonymousUser, language: str) -> None:
    """Keep the language a person chose, for their next browser."""
    if isinstance(user, User) and user.language != language:
        user.language = language
        user.save(update_fields=["language"])


class AccountAdapter(DefaultAccountAdapter):
    """Closes allauth's own sign-up: ours makes an enterprise with it (see enterprises.services)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Tries are counted by the address that our own proxy saw, as everywhere."""
        return client_address(request) or ""

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        """The language a person chose comes with them into a new browser."""
        response = super().post_login(request, user, **kwargs)
        if LANGUAGE_COOKIE not in request.COOKIES and getattr(user, "language", "") in LANGUAGES:
            response.set_cookie(LANGUAGE_COOKIE, user.language, max_age=COOKIE_AGE, samesite="Lax")  # type: ignore[attr-defined]
        return response
