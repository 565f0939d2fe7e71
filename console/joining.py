"""The doors from outside: sign-up of an enterprise, and invitations to become a member. No enterprise is open here."""

from collections.abc import Callable
from functools import wraps

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from common import throttle
from common.errors import Refusal
from common.rest import client_address
from console.forms import attach
from enterprises.authentication import origin
from enterprises.models import Enterprise, User
from enterprises.services import invitations, signup

HOUR = 3600
View = Callable[..., HttpResponse]


class SignUpForm(forms.Form):
    """What is asked before the address is proved."""

    name = forms.CharField(label=_("Name of the enterprise"), min_length=2, max_length=128)
    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"}))


class EnterpriseForm(forms.Form):
    """Somebody who is logged in founds a further enterprise."""

    name = forms.CharField(label=_("Name of the enterprise"), min_length=2, max_length=128)


class PersonForm(forms.Form):
    """Who somebody is, and the password of the new account."""

    person = forms.CharField(
        label=_("Your name"), max_length=64, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,  # type: ignore[arg-type]  # lazy, as the language is
    )


def page(view: View) -> View:
    """A refusal becomes the error page; nothing of these pages is kept by a cache."""

    @wraps(view)
    def shown(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            return render(request, "console/error.html", {"refusal": refusal}, status=refusal.status)

    return never_cache(require_http_methods(["GET", "POST"])(shown))


@page
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for a mail that finishes the sign-up. Says the same for known and unknown addresses."""
    signup.require_open()
    if request.user.is_authenticated:
        return _found(request, request.user)
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        _limit(request, "signup", 10)
        throttle.consume("signup-address", data["email"].lower(), limit=3, seconds=HOUR)
        try:
            signup.begin(name=data["name"], email=data["email"])
        except Refusal as refusal:
            attach(form, refusal)
        else:
            return render(request, "console/people/sign_up_sent.html", {"email": data["email"]})
    return _form(request, "console/people/sign_up.html", form)


def _found(request: HttpRequest, user: User) -> HttpResponse:
    form = EnterpriseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        throttle.consume("found", str(user.pk), limit=5, seconds=HOUR)
        try:
            enterprise = signup.found(user, name=form.cleaned_data["name"])
        except Refusal as refusal:
            attach(form, refusal)
        else:
            return redirect("home", code=enterprise.code)
    return _form(request, "console/people/sign_up.html", form)


@page
def sign_up_finish(request: HttpRequest, token: str) -> HttpResponse:
    """The address is proved by the link: choose a password, and the enterprise is there."""
    name, email = signup.read(token)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _limit(request, "signup-finish", 30)
        data = form.cleaned_data
        try:
            user, enterprise = signup.finish(token, person=data["person"], password=data["password"])
        except Refusal as refusal:
            attach(form, refusal)
        else:
            return _enter(request, user, enterprise)
    return _form(request, "console/people/sign_up_finish.html", form, name=name, email=email)


@page
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: as who one is, or with a new account."""
    invited = invitations.read(token)
    context = {"invited": invited, "token": token}
    if invited.known:
        return _accept(request, invited, token, context)
    form = PersonForm(request.POST or None, initial={"person": invited.name})
    if request.method == "POST" and form.is_valid():
        _limit(request, "invitation", 30)
        data = form.cleaned_data
        try:
            user, enterprise = invitations.accept_new(
                token, name=data["person"], password=data["password"], **origin(request)
            )
        except Refusal as refusal:
            attach(form, refusal)
        else:
            return _enter(request, user, enterprise)
    return _form(request, "console/people/invitation.html", form, **context)


def _accept(
    request: HttpRequest, invited: invitations.Invitation, token: str, context: dict[str, object]
) -> HttpResponse:
    """Somebody with an account confirms; whoever is not logged in as them does that first."""
    user = request.user
    own = user.is_authenticated and user.email == invited.email
    if request.method == "POST":
        if not own:
            return redirect_to_login(request.get_full_path())
        enterprise = invitations.accept(token, user=user, **origin(request))
        return redirect("home", code=enterprise.code)
    return render(request, "console/people/invitation.html", {**context, "own": own})


def _enter(request: HttpRequest, user: User, enterprise: Enterprise) -> HttpResponse:
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect("home", code=enterprise.code)


def _form(request: HttpRequest, template: str, form: forms.Form, **context: object) -> HttpResponse:
    return render(request, template, {"form": form, **context}, status=400 if form.errors else 200)


def _limit(request: HttpRequest, scope: str, limit: int) -> None:
    throttle.consume(scope, str(client_address(request)), limit=limit, seconds=HOUR)


urlpatterns = [
    path("signup/", sign_up, name="signup"),
    path("signup/<str:token>/", sign_up_finish, name="signup_finish"),
    path("join/<str:token>/", invitation, name="invitation"),
]
