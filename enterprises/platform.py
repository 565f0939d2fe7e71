"""The platform's back office: Django's admin, reduced to what its operators need, behind a second factor.

Nothing of an enterprise but its directory entry stands here: only global tables are registered, and the pages
that would reach any model (shortcut, autocomplete) are left out. Rooms above register theirs with
`@admin.register(Model, site=site)` in their `admin.py`, deriving from `BackOfficeAdmin`.
"""

from typing import Any
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import admin, messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, reverse
from django.urls.resolvers import RoutePattern
from django.utils.translation import gettext_lazy as _

# The site's own pages that stay; what is not named here reaches models that are not registered.
_PAGES = {"index", "login", "logout", "password_change", "jsi18n", "app_list"}


class PlatformSite(admin.AdminSite):
    """For staff with a second factor. Others: strangers log in, staff set one up, and for members it is not there."""

    site_header = site_title = _("Platform")
    index_title = _("Back office")
    site_url = "/"
    enable_nav_sidebar = False
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff whose present session proved the second factor; an older one without it opens nothing."""
        user = request.user
        if not (user.is_active and user.is_staff):  # type: ignore[union-attr]
            return False
        proved = any(record.get("method") == "mfa" for record in get_authentication_records(request, user))
        return proved and is_mfa_enabled(user, [Authenticator.Type.TOTP])  # type: ignore[arg-type]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Nobody logs in here: allauth's page asks for the second factor as well."""
        user = request.user
        back = "?" + urlencode({"next": reverse("admin:index")})
        if not user.is_authenticated:
            return redirect(reverse("account_login") + back)
        if not user.is_staff:  # type: ignore[union-attr]
            raise Http404
        if self.has_permission(request):
            return redirect("admin:index")
        if is_mfa_enabled(user, [Authenticator.Type.TOTP]):  # type: ignore[arg-type]
            return redirect(reverse("mfa_reauthenticate") + back)
        messages.warning(request, _("The back office asks for a second factor. Set one up first."))
        return redirect("mfa_activate_totp")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Where everybody changes theirs."""
        return redirect("account_change_password")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if self._stays(url)]

    def _stays(self, url: URLPattern | URLResolver) -> bool:
        if isinstance(url, URLResolver):
            return isinstance(url.pattern, RoutePattern)
        return url.name in _PAGES


site = PlatformSite(name="admin")


class BackOfficeAdmin(admin.ModelAdmin):
    """Looking and listed actions only; nothing is added, changed or deleted unless a subclass says so."""

    actions_on_bottom = False
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def note(self, request: HttpRequest, obj: Any, text: str) -> None:
        """Django's own log: who of the operators did what."""
        self.log_change(request, obj, text)
