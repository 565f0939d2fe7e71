"""API tokens: one's own, and those of the members one manages."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal
from console.base import Page
from console.forms import attach
from console.listing import Listing
from enterprises import queries, tokens
from enterprises.rest import get_or_404
from enterprises.services import policy


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Where it is used"), max_length=64)
    days = forms.IntegerField(label=_("Valid for (days)"), min_value=1, initial=tokens.DAYS)


class Tokens(Page):
    """The list, and a form for one more. The secret is shown once."""

    template = "console/settings/tokens.html"
    title = _("API tokens")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(TokenForm(initial={"days": min(tokens.DAYS, policy().token_days)}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = TokenForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        member = self.actor.member
        assert member is not None
        try:
            _token, secret = tokens.create_token(self.actor, member=member, **form.cleaned_data)
        except Refusal as refusal:
            return self.show(attach(form, refusal), status=refusal.status)
        return self.show(TokenForm(), secret)

    def show(self, form: forms.BaseForm, secret: str = "", status: int = 200) -> HttpResponseBase:
        listing = Listing(self.request, queries.tokens(self.actor, {}), ordering="-created_at")
        context = {"form": form, "listing": listing, "secret": secret, "longest": policy().token_days}
        response = self.render(context, status=status)
        response["Cache-Control"] = "no-store"
        return response


class RevokeToken(Page):
    """End a token."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        token = get_or_404(queries.tokens(self.actor, {}).select_related("member__role"), pk)
        tokens.revoke_token(self.actor, token=token)
        messages.success(request, gettext("“%(name)s” opens nothing any more.") % {"name": token.name})
        return self.redirect(reverse("tokens", kwargs={"code": self.enterprise.code}))


urlpatterns = [
    path("tokens/", Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:pk>/revoke/", RevokeToken.as_view(), name="token-revoke"),
]
