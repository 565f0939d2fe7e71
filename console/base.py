"""The base of every page of an enterprise: /e/<code>/… opens the tenant, checks, renders inside the scope."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django_htmx.http import HttpResponseClientRedirect, HttpResponseStopPolling, reswap, trigger_client_event

from common.errors import NotFound, Refusal, Text
from common.tenancy import tenant
from console import errors
from console.context import enterprise_frame
from enterprises import view_as
from enterprises.access import find_enterprise, member_actor
from enterprises.actors import Actor
from enterprises.authentication import origin
from enterprises.models import Enterprise
from enterprises.services import zone

VIEW_AS = "view_as"  # in the session: by enterprise, the member through whose eyes its pages are seen


def toast(response: HttpResponse, text: str, level: str = "success") -> HttpResponse:
    """Let the browser show a short message: success, info, warning or danger. Several add up."""
    shown = json.loads(response.headers.get("HX-Trigger", "{}")).get("toast", {}).get("items", [])
    items = [*shown, {"text": text, "level": "danger" if level == "error" else level}]
    return trigger_client_event(response, "toast", {"items": items})


def stop_polling(response: HttpResponse) -> HttpResponse:
    """The last answer to an htmx element that polls: it is swapped in, and polling ends."""
    response.status_code = HttpResponseStopPolling.status_code
    return response


class Page(View):
    """One page. `permission` is the code needed to see it; services check what they do themselves.

    The enterprise stands in the address, so a tab can never act in another enterprise than it shows.
    `title` is the page's heading and the window's title; set `self.title` for one that depends on data.
    """

    permission: ClassVar[str | None] = None
    template: ClassVar[str] = ""
    with_own_eyes: ClassVar[bool] = False
    title: Text = ""
    actor: Actor
    enterprise: Enterprise

    def dispatch(self, request: HttpRequest, *args: Any, code: str, **kwargs: Any) -> HttpResponseBase:
        """A page and a fragment of it have one address: the browser must not show the one as the other."""
        response = self._answer(request, *args, code=code, **kwargs)
        patch_vary_headers(response, ("HX-Request",))  # type: ignore[arg-type]
        if request.htmx:  # type: ignore[attr-defined]
            response["Cache-Control"] = "no-store"
        return response

    def _answer(self, request: HttpRequest, *args: Any, code: str, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self._to_login(request)
        try:
            self.enterprise = find_enterprise(code)
        except NotFound as refusal:
            return self.error(refusal)
        with tenant(self.enterprise.pk), timezone.override(zone(self.enterprise)):
            try:
                self.actor = member_actor(self.enterprise, request.user, "console", **origin(request))
                self._look()
                if self.permission:
                    self.actor.require(self.permission)
                with self._undone_when_refused():
                    response = super().dispatch(request, *args, **kwargs)
                    if isinstance(response, TemplateResponse):
                        response.render()
            except Refusal as refusal:
                response = self.refused(refusal)
                if isinstance(response, TemplateResponse):
                    response.render()
            return self._with_toasts(response)

    def render(
        self, context: dict[str, Any] | None = None, *, template: str = "", status: int = 200
    ) -> TemplateResponse:
        """The page, or the fragment `template#name` of it for htmx. The frame costs one query, a fragment none."""
        template = template or self.template
        values = {"actor": self.actor, "enterprise": self.enterprise, "page": self}
        if "#" not in template:
            values |= enterprise_frame(self.request, self.actor)
        return TemplateResponse(self.request, template, {**values, **(context or {})}, status=status)

    def refused(self, refusal: Refusal) -> HttpResponseBase:
        """What somebody sees when a service refused: a toast for htmx, an error page for GET, else a message
        where they were. Pages with a form catch the refusal themselves (`console.forms.attach`)."""
        if self.request.htmx and hasattr(self, "actor"):  # type: ignore[attr-defined]
            response = HttpResponse(status=refusal.status)
            return toast(reswap(response, "none"), str(refusal), "danger")
        if self.request.method in ("GET", "HEAD") or not hasattr(self, "actor"):
            return self.error(refusal)
        messages.error(self.request, str(refusal))
        return self.redirect(self._back())

    def error(self, refusal: Refusal) -> TemplateResponse:
        """The error page: in the enterprise's frame for its members, without one for everybody else."""
        if hasattr(self, "actor"):
            return self.render({"refusal": refusal}, template="console/error.html", status=refusal.status)
        context = {"refusal": refusal}
        return TemplateResponse(self.request, "console/error.html", context, status=refusal.status).render()

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return errors.not_allowed(request, self._allowed_methods())

    def redirect(self, url: str) -> HttpResponse:
        """Go to another page; htmx is told to do the same."""
        if self.request.htmx:  # type: ignore[attr-defined]
            return HttpResponseClientRedirect(url)
        return HttpResponseRedirect(url)

    def _look(self) -> None:
        """Whose eyes the page is seen with: one's own, or those that a super admin has chosen (O5)."""
        chosen = getattr(self.request, "session", {}).get(VIEW_AS, {}).get(str(self.enterprise.pk))
        found = view_as.through(self.actor, chosen) if chosen and not self.with_own_eyes else None
        if found is not None:
            self.actor = found
            view_as.only_read(self.request.method)

    def _undone_when_refused(self) -> AbstractContextManager[Any]:
        """A savepoint around writes, so that a refusal leaves nothing; reading needs none."""
        return nullcontext() if self.request.method in ("GET", "HEAD") else transaction.atomic()

    def _with_toasts(self, response: HttpResponseBase) -> HttpResponseBase:
        """Messages reach an htmx request as toasts; a redirect leaves them to the page it leads to."""
        if self.request.htmx and isinstance(response, HttpResponse) and "HX-Redirect" not in response:  # type: ignore[attr-defined]
            for message in messages.get_messages(self.request):
                toast(response, str(message), message.level_tag)
        return response

    def _back(self) -> str:
        return _referrer(self.request) or f"/e/{self.enterprise.code}/"

    def _to_login(self, request: HttpRequest) -> HttpResponse:
        """After the log-in people are where they were: not in a fragment, nor at an address that only takes forms.

        286 stops htmx from polling on; the header takes the whole window to the log-in.
        """
        if request.htmx:  # type: ignore[attr-defined]
            place = request.htmx.current_url_abs_path  # type: ignore[attr-defined]
        else:
            place = request.get_full_path() if request.method in ("GET", "HEAD") else _referrer(request)
        login = redirect_to_login(place or f"/e/{self.kwargs['code']}/")
        if not request.htmx:  # type: ignore[attr-defined]
            return login
        response = HttpResponseStopPolling()
        response["HX-Redirect"] = login["Location"]
        return response


def _referrer(request: HttpRequest) -> str:
    """The address here that a form was sent from; nothing when it is unknown, or somebody else's."""
    referrer = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}):
        return ""
    parts = urlsplit(referrer)
    return parts.path + (f"?{parts.query}" if parts.query else "")
