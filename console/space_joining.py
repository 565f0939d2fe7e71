"""The page of an invitation into a space, for somebody who belongs nowhere yet; and its QR code (U7)."""

import io

import segno
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common import throttle
from common.errors import Refusal
from common.rest import client_address
from console.forms import attach
from console.joining import HOUR, page
from upstream.services import joining

TRIES = 30  # forms an hour from one address


class JoinForm(forms.Form):
    """As little as possible: it is filled in on a phone."""

    company = forms.CharField(
        label=_("Your company"),
        max_length=128,
        help_text=_("Or what people call your shop; it need not be registered."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    name = forms.CharField(label=_("Your name"), max_length=64, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    phone = forms.CharField(
        label=_("Phone"), max_length=40, widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"})
    )
    title = forms.CharField(
        label=_("Position"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )
    stamp = forms.CharField(widget=forms.HiddenInput)
    # People do not see it, robots fill it in.
    website = forms.CharField(
        required=False,
        label="",
        widget=forms.TextInput(
            attrs={"class": "visually-hidden", "tabindex": "-1", "autocomplete": "off", "aria-hidden": "true"}
        ),
    )

    def clean_website(self) -> str:
        if self.cleaned_data["website"]:
            raise forms.ValidationError(_("Please send the form again."))
        return ""


@page
def join(request: HttpRequest, firm: str, code: str) -> HttpResponse:
    """What the invitation is about, the form, and what became of it."""
    if request.method == "POST":
        return _post(request, firm, code)
    throttle.consume("space-look", str(client_address(request)), limit=300, seconds=HOUR)
    offer = joining.look(firm, code)
    given = {"stamp": joining.stamp(), "company": offer.company, "name": offer.name, "phone": offer.phone}
    return _show(request, offer, JoinForm(initial=given))


def _post(request: HttpRequest, firm: str, code: str) -> HttpResponse:
    throttle.consume("space-join", str(client_address(request)), limit=TRIES, seconds=HOUR)
    if request.POST.get("answer") == "no":
        joining.decline(firm, code)
        return render(request, "console/spaces/joined.html", {"outcome": "declined"})
    form = JoinForm(request.POST)
    if form.is_valid():
        data = {name: form.cleaned_data[name] for name in ("company", "name", "phone", "title")}
        try:
            joining.check_stamp(form.cleaned_data["stamp"])
            application = joining.join(firm, code, ip=client_address(request), **data)
        except Refusal as refusal:
            if refusal.status == 404:
                raise
            attach(form, refusal)
        else:
            return render(request, "console/spaces/joined.html", {"outcome": application.state})
    form.data = form.data.copy()  # type: ignore[assignment]
    form.data["stamp"] = joining.stamp()  # type: ignore[index]
    return _show(request, joining.look(firm, code), form, 400)


def _show(request: HttpRequest, offer: joining.Offer, form: forms.BaseForm, status: int = 200) -> HttpResponse:
    return render(request, "console/spaces/join.html", {"offer": offer, "form": form}, status=status)


@never_cache
@require_safe
def qr_code(request: HttpRequest, firm: str, code: str, kind: str) -> HttpResponse:
    """The QR code of a link that works, as an image that other pages may embed."""
    throttle.consume("space-qr", str(client_address(request)), limit=600, seconds=HOUR)
    joining.check(firm, code)
    drawn = segno.make(
        request.build_absolute_uri(reverse("space-join", kwargs={"firm": firm, "code": code})), error="m"
    )
    out = io.BytesIO()
    drawn.save(out, kind=kind, scale=10, border=4)
    response = HttpResponse(out.getvalue(), content_type="image/svg+xml" if kind == "svg" else "image/png")
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


urlpatterns = [
    path("space/<slug:firm>/<slug:code>/", join, name="space-join"),
    path("space/<slug:firm>/<slug:code>/qr.svg", page(qr_code), {"kind": "svg"}, name="space-join-svg"),
    path("space/<slug:firm>/<slug:code>/qr.png", page(qr_code), {"kind": "png"}, name="space-join-png"),
]
