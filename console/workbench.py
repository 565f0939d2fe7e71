"""The partner's workbench on a phone, by personal link (U11): no account, no word about anybody else."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path

from common import throttle
from common.errors import Forbidden
from common.ids import parse_uuid
from common.rest import client_address
from console.joining import HOUR, page
from console.spaces import opening
from upstream.services import workbench

COOKIE = "workbench"
DAYS = 90


@page
def bench(request: HttpRequest, firm: str, code: str) -> HttpResponse:
    """What is shared, whom to write to, colleagues; the first time on a device, the question for the digits."""
    throttle.consume("workbench-look", str(client_address(request)), limit=600, seconds=HOUR)
    if request.method == "POST":
        return _unlock(request, firm, code)
    space = parse_uuid(request.GET.get("space", ""))
    try:
        found = workbench.bench(firm, code, proof=request.COOKIES.get(COOKIE, ""), space=space)
    except Forbidden:
        return render(request, "console/spaces/workbench_lock.html", status=403)
    return render(request, "console/spaces/workbench.html", {"bench": found})


def _unlock(request: HttpRequest, firm: str, code: str) -> HttpResponse:
    try:
        proof = workbench.unlock(firm, code, digits=request.POST.get("digits", ""))
    except Forbidden as refusal:
        return render(request, "console/spaces/workbench_lock.html", {"refusal": refusal}, status=403)
    response = redirect(request.path)
    response.set_cookie(
        COOKIE,
        proof,
        max_age=DAYS * 24 * 3600,
        path=request.path,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response


def opened(request: HttpRequest, firm: str, code: str, share: UUID) -> HttpResponseBase:
    """Open a share of one of the person's partners."""
    found = workbench.open_share(firm, code, proof=request.COOKIES.get(COOKIE, ""), share=share)
    return opening.opened(found.kind, url=found.url, file=found.file, file_name=found.file_name)


urlpatterns = [
    path("workbench/<slug:firm>/<slug:code>/", bench, name="workbench"),
    path("workbench/<slug:firm>/<slug:code>/<uuid:share>/", page(opened), name="workbench-open"),
]
