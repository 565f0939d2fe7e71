"""A person's own things, whatever enterprise they work in: language, theme, name; the way to password and MFA."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from common.middleware import LANGUAGE_COOKIE
from console.context import THEME_COOKIE, THEMES
from console.errors import not_allowed
from enterprises.accounts import COOKIE_AGE, LANGUAGES, set_language
from enterprises.models import User


def _back(request: HttpRequest) -> HttpResponse:
    address = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}):
        address = "/"
    return redirect(address)


def language(request: HttpRequest) -> HttpResponse:
    """Remember the language in this browser, and for somebody logged in also for the next one."""
    if request.method != "POST":
        return not_allowed(request, ["POST"])
    chosen = request.POST.get("language", "")
    response = _back(request)
    if chosen in LANGUAGES:
        set_language(request.user, chosen)
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=COOKIE_AGE, samesite="Lax")
    return response


def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or like the system."""
    if request.method != "POST":
        return not_allowed(request, ["POST"])
    chosen = request.POST.get("theme", "")
    response = _back(request)
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=COOKIE_AGE, samesite="Lax")
    return response


class AccountForm(forms.ModelForm):
    """What a person may change about themselves."""

    language = forms.ChoiceField(label=_("Language"), choices=list(LANGUAGES.items()))

    class Meta:
        model = User
        fields = ("name", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Name and language; links to password and second factor."""
    user = request.user
    present = {"language": user.language or request.LANGUAGE_CODE}  # type: ignore[attr-defined,union-attr]
    form = AccountForm(request.POST or None, instance=user, initial=present)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        form.save()
        with override(form.cleaned_data["language"]):
            messages.success(request, str(_("Your account was saved.")))
        response = redirect("account")
        response.set_cookie(LANGUAGE_COOKIE, form.cleaned_data["language"], max_age=COOKIE_AGE, samesite="Lax")
        return response
    context = {"form": form, "mfa": is_mfa_enabled(user)}
    return render(request, "console/account.html", context, status=400 if form.errors else 200)
