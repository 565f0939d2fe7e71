"""Handing over contacts chosen from the list (O1, O7): the numbers first, then the order."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from collaboration.rules.transfers import OF_ONES_OWN, OF_OTHERS
from collaboration.services import transfers as services
from common.errors import Refusal
from console.bulk import SelectionPage
from console.forms import attach
from console.member_choice import MemberField, MemberSelect
from enterprises.actors import Actor
from enterprises.services import policy

TOP_OWNERS = 10


class TakerForm(forms.Form):
    """Who takes over."""

    taker = MemberField(label=_("Taker"), widget=MemberSelect(attrs={"data-submit": ""}))

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)
        own = None if actor.may(OF_OTHERS) else actor.member_id
        chosen = data and data.get("taker")
        self.fields["taker"].ask(actor, ("", "—"), chosen=chosen, but=own)  # type: ignore[attr-defined]

    def plan(self) -> dict[str, Any]:
        """The plan as the service takes it."""
        return {"parts": [{"takers": [self.cleaned_data["taker"]]}]}


class MessageForm(forms.Form):
    """What the contacts are told (on the job)."""

    message = forms.CharField(
        label=_("Message to the contacts"),
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Sent with the hand-over; at most 200 characters."),
    )


class HandOver(SelectionPage):
    """What handing over the chosen contacts would do. The bulk bar posts here; the selection stands in the address."""

    permission = OF_ONES_OWN
    template = "console/transfers/selection.html"
    title = _("Hand over contacts")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(TakerForm(request.GET if "taker" in request.GET else None, self.actor))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        return self.from_bar()

    def show(self, form: TakerForm, words: MessageForm | None = None, status: int = 200) -> HttpResponseBase:
        """The page; with numbers once it is known who takes over."""
        chosen, found = self.chosen, None
        if form.is_bound and form.is_valid():
            try:
                found = services.preview(self.actor, plan=form.plan(), **chosen)
            except Refusal as refusal:
                attach(form, refusal)
                status = refusal.status
        context = {
            "form": form,
            "words": words or MessageForm(),
            "preview": found,
            "owners": found.owners[:TOP_OWNERS] if found else [],
            "other_owners": sum(number for _owner, number in found.owners[TOP_OWNERS:]) if found else 0,
            "policy": policy(),
            **self.selection(found.total if found else 0),
        }
        if found is None:
            context["seen"] = None
        return self.render(context, status=status)


class HandOverStart(HandOver):
    """The order; leads to the hand-over, where it can be followed contact by contact."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.redirect(f"{self._page()}?{request.GET.urlencode()}")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form, words = TakerForm(request.POST, self.actor), MessageForm(request.POST)
        if not (form.is_valid() and words.is_valid()):
            return self.show(form, words, status=400)
        try:
            transfer = services.order(
                self.actor, plan=form.plan(), message=words.cleaned_data["message"], **self.chosen
            )
        except Refusal as refusal:
            return self.show(attach(form, refusal), words, status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, _("The hand-over has started. You may leave this page."))
        return self.redirect(reverse("transfer", kwargs={"code": self.enterprise.code, "pk": transfer.pk}))

    def _page(self) -> str:
        return reverse("hand-over", kwargs={"code": self.enterprise.code})


urlpatterns = [
    path("contacts/hand-over/", HandOver.as_view(), name="hand-over"),
    path("contacts/hand-over/start/", HandOverStart.as_view(), name="hand-over-start"),
]
