"""Error pages in the console's look, problem documents for the API. A 500 tells nothing but the request's id."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from common.errors import Text
from common.rest import PROBLEM_TYPE, problem_body

CODES = {400: "invalid", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 429: "throttled"}


def page(request: HttpRequest, status: int, title: Text, detail: Text) -> HttpResponse:
    """An error as the caller understands it."""
    if request.path.startswith("/api/"):
        return problem(status, CODES[status], title, detail)
    context = {"status": status, "error_title": title, "detail": detail}
    return render(request, "console/error_plain.html", context, status=status)


def problem(status: int, code: str, title: Text, detail: Text, **extra: str) -> HttpResponse:
    """What the API answers where Django, not one of its views, refuses."""
    body = problem_body(status, code, title, detail, **extra)
    return JsonResponse(body, status=status, content_type=PROBLEM_TYPE)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 400, _("The request is not valid"), _("The address or what was sent with it is damaged."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 403, _("Not allowed"), _("You may not do this here."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 404, _("Not found"), _("There is nothing here."))


def not_allowed(request: HttpRequest, allowed: Iterable[str]) -> HttpResponse:
    response = page(request, 405, _("Not possible this way"), _("This address is not meant to be opened like that."))
    response["Allow"] = ", ".join(allowed)
    return response


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 429, _("Too many attempts"), _("Please wait a few minutes and try again."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open for too long, cookies are off, or somebody else's site sent it."""
    return page(
        request,
        403,
        _("This form is no longer valid"),
        _("It was open for too long, or cookies are switched off. Go back, reload the page and send it again."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Needs neither database nor session: those may be what failed."""
    request_id = getattr(request, "id", "")
    if request.path.startswith("/api/"):
        title, detail = _("Something went wrong"), _("We have been told. Please try again.")
        return problem(500, "internal_error", title, detail, request_id=request_id)
    return HttpResponse(render_to_string("500.html", {"request_id": request_id}), status=500)
