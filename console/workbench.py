"""The partner's workbench on a phone, by personal link (U11): no account, no word about anybody else."""

from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path

from common import throttle
from common.errors import Forbidden
from common.ids import parse_uuid
from common.rest import client_address
from console.joining import HOUR, page
from upstream.models import Share
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
    """Open a share: a file is downloaded, never shown in our name; the rest is where it is."""
    found = workbench.open_share(firm, code, proof=request.COOKIES.get(COOKIE, ""), share=share)
    if found.kind == Share.Kind.FILE:
        response = FileResponse(default_storage.open(found.file), as_attachment=True, filename=found.file_name)
        response["Content-Type"] = "application/octet-stream"
        response["X-Content-Type-Options"] = "nosniff"
        return response
    target = HttpResponse(status=302)
    target["Location"] = found.url  # its scheme was checked when it was shared
    target["Referrer-Policy"] = "no-referrer"
    return target


urlpatterns = [
    path("workbench/<slug:firm>/<slug:code>/", bench, name="workbench"),
    path("workbench/<slug:firm>/<slug:code>/<uuid:share>/", page(opened), name="workbench-open"),
]
