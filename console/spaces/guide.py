"""The guide: customer or partner, and which kind of group chat suits. Works without JavaScript (U10)."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _

from console.spaces.base import SpacesPage
from enterprises.services import policy
from upstream.rules import guide
from upstream.rules.chats import RULES

YES_NO = (("yes", _("Yes")), ("no", _("No")))


def _yes_no(label: Any, help_text: Any = "") -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        help_text=help_text,
        choices=YES_NO,
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect(attrs={"required": True}),
    )


class RelationForm(forms.Form):
    """The three criteria."""

    company = _yes_no(_("Do they act for a company?"), _("A shop or a team counts as well; it need not be registered."))
    wecom = _yes_no(_("Do they use WeCom?"), _("Partners read messages there only."))
    several = _yes_no(_("Do several of yours work with them?"), _("And want to find all people of that company."))


class ChatForm(forms.Form):
    """What the group chat shall be."""

    purpose = forms.ChoiceField(label=_("What is it for?"), choices=guide.Purpose.choices, widget=forms.RadioSelect)
    people = forms.IntegerField(label=_("How many people?"), min_value=2, max_value=1_000_000)
    wechat = _yes_no(_("Are there people who use WeChat only?"))


class Guide(SpacesPage):
    """Two decisions, each a small form that answers by its address, and the tables behind them."""

    permission = "spaces.view"
    template = "console/spaces/guide.html"
    title = _("Customer or partner?")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET.get("ask")
        relation = RelationForm(request.GET if asked == "relation" else None)
        chat = ChatForm(request.GET if asked == "chat" else None)
        rules = policy()
        context = {
            "relation_form": relation,
            "chat_form": chat,
            "answer": guide.relation(**relation.cleaned_data) if relation.is_valid() else None,
            "advice": self._advice(chat, rules) if chat.is_valid() else None,
            "kinds": [(one, one.people(rules)) for one in RULES.values()],
            "may_see_contacts": self.actor.may("contacts.view"),
            "may_see_groups": self.actor.may("groups.view"),
        }
        wrong = (asked == "relation" and not relation.is_valid()) or (asked == "chat" and not chat.is_valid())
        return self.render(context, status=400 if wrong else 200)

    def _advice(self, form: ChatForm, rules: Any) -> guide.Advice:
        given = form.cleaned_data
        return guide.chat(rules, **{**given, "purpose": guide.Purpose(given["purpose"])})


urlpatterns = [path("spaces/guide/", Guide.as_view(), name="space-guide")]
