"""The partner's workbench on a phone, by personal link (U11): no account, no word about anybody else."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common import throttle
from common.errors import Forbidden, NotFound, Refusal
from common.ids import parse_uuid
from common.rest import client_address
from console.forms import attach
from console.joining import HOUR, page
from console.spaces import opening
from enterprises.services import zone
from upstream.models import Message, Share
from upstream.services import relinking, workbench

COOKIE = "workbench"
DAYS = 90


View = Callable[..., HttpResponseBase]


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=_("Your e-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


def behind_the_link(view: View) -> View:
    """A link that does not work leads to the page on which one asks for a new one."""

    @wraps(view)
    def shown(request: HttpRequest, firm: str, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, firm, *args, **kwargs)
        except NotFound as refusal:
            context = {"refusal": refusal, "form": AddressForm(), "firm": firm}
            return render(request, "console/spaces/workbench_ask.html", context, status=refusal.status)

    return page(shown)  # type: ignore[arg-type]


@page
def ask(request: HttpRequest, firm: str) -> HttpResponse:
    """Ask for a new link by mail. Says the same for known and unknown addresses, and for unknown enterprises."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            relinking.ask(firm, email=form.cleaned_data["email"], ip=client_address(request))
        except Refusal as refusal:
            attach(form, refusal)
        else:
            context = {"email": form.cleaned_data["email"]}
            return render(request, "console/spaces/workbench_asked.html", context)
    context = {"form": form, "firm": firm}
    return render(request, "console/spaces/workbench_ask.html", context, status=400 if form.errors else 200)


@behind_the_link
def keep_address(request: HttpRequest, firm: str, code: str) -> HttpResponse:
    """The person says where a new link may go when this one ends."""
    target = reverse("workbench", kwargs={"firm": firm, "code": code})
    if request.method != "POST":
        return redirect(target)
    form = AddressForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(_("This is not an e-mail address.")))
        return redirect(target)
    proof, ip = request.COOKIES.get(COOKIE, ""), client_address(request)
    workbench.keep_address(firm, code, proof=proof, email=form.cleaned_data["email"], ip=ip)
    messages.success(request, str(_("Thank you. New links can be sent there.")))
    return redirect(target)


@behind_the_link
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
    context = {"bench": found, "code": code, "address_form": AddressForm()}
    with timezone.override(zone(found.enterprise)):
        return render(request, "console/spaces/workbench.html", context)


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
    return _handed_out(found)


def message(request: HttpRequest, firm: str, code: str, message: UUID) -> HttpResponse:
    """One message that reached the person; from now on it is read."""
    proof = request.COOKIES.get(COOKIE, "")
    enterprise, delivery = workbench.read_message(firm, code, proof=proof, message=message)
    context = {"enterprise": enterprise, "message": delivery.message, "delivery": delivery}
    return render(request, "console/messages/read.html", context)


def followed(request: HttpRequest, firm: str, code: str, message: UUID) -> HttpResponseBase:
    """Go where a message leads, or fetch its file."""
    return _handed_out(workbench.follow_message(firm, code, proof=request.COOKIES.get(COOKIE, ""), message=message))


def _handed_out(found: Share | Message) -> HttpResponseBase:
    return opening.opened(found.kind, url=found.url, file=found.file, file_name=found.file_name)


def meeting(request: HttpRequest, firm: str, code: str, share: UUID) -> HttpResponse:
    """A meeting as a file for the person's calendar."""
    found = workbench.meeting(firm, code, proof=request.COOKIES.get(COOKIE, ""), share=share)
    response = HttpResponse(found, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    return response


urlpatterns = [
    path("workbench/<slug:firm>/<slug:code>/", bench, name="workbench"),
    path("workbench/<slug:firm>/<slug:code>/<uuid:share>/", behind_the_link(opened), name="workbench-open"),
    path("workbench/<slug:firm>/<slug:code>/<uuid:share>.ics", behind_the_link(meeting), name="workbench-meeting"),
    path(
        "workbench/<slug:firm>/<slug:code>/messages/<uuid:message>/",
        behind_the_link(message),
        name="workbench-message",
    ),
    path(
        "workbench/<slug:firm>/<slug:code>/messages/<uuid:message>/go/",
        behind_the_link(followed),
        name="workbench-follow",
    ),
    path("workbench/<slug:firm>/<slug:code>/address/", keep_address, name="workbench-address"),
    path("workbench/<slug:firm>/", ask, name="workbench-ask"),
]
