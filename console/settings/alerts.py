"""Alerts and webhooks: when somebody is alerted, what stands, where events go, and what came of sending them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal, Text
from common.ids import parse_uuid
from console.base import Page, stop_polling
from console.forms import attach
from console.listing import Listing
from console.settings.policy import PolicyEditor, PolicyForm
from enterprises.policy import Group
from enterprises.rest import get_or_404
from enterprises.services import policy
from jobs import notifications, services
from jobs.models import Delivery, Webhook
from jobs.sending.rules import MOST_TRIES
from jobs.services.webhooks import TEST_EVENT
from quota import queries
from quota.models import Alert, Budget
from quota.rules import AlertKind

# What a try ended with, in words.
ERRORS: dict[str, Text] = {
    "private_address": _("The name leads into a private network; nothing was sent"),
    "redirect": _("The receiver redirects elsewhere; redirects are not followed"),
    "gone": _("The receiver wants nothing any more"),
    "refused": _("The receiver answered with an error"),
    "timeout": _("No answer in time"),
    "tls": _("The certificate is not valid for this address"),
    "unknown_host": _("There is no such host"),
    "no_connection": _("No connection"),
    "internal_error": _("Something went wrong with us"),
}


@dataclass(frozen=True)
class Tick:
    """A threshold on the bar."""

    threshold: int
    crossed: bool


class WebhookForm(forms.Form):
    name = forms.CharField(label=_("Name of the webhook"), max_length=64)
    url = forms.CharField(
        label=_("Address"),
        max_length=1000,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("A public https address of yours. Each event is a signed POST request."),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all of them, also those that come later."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["events"].choices = [(name, label) for name, label in notifications.events().items()]  # type: ignore[attr-defined]


class AlertsPage(Page):
    """The base of these pages."""

    permission = "webhooks.manage"

    def address(self, name: str = "alerts", **parts: Any) -> str:
        return reverse(name, kwargs={"code": self.enterprise.code, **parts})

    def webhook(self, pk: UUID) -> Webhook:
        return get_or_404(Webhook.objects.all(), pk)

    def secret(self, webhook: Webhook, secret: str) -> HttpResponseBase:
        """The only page that ever shows it."""
        self.title = webhook.name
        response = self.render({"webhook": webhook, "secret": secret}, template="console/alerts/secret.html")
        response["Cache-Control"] = "no-store"
        return response


class Alerts(PolicyEditor, AlertsPage):
    """When to alert, what stands and stood, and the webhooks."""

    only = Group.ALERTS
    template = "console/alerts/overview.html"
    title = _("Alerts and webhooks")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(self.form(initial=policy().model_dump()))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        return self.save(gettext("The alerts were saved."))

    def show(self, form: PolicyForm, status: int = 200) -> HttpResponseBase:
        numbers = policy()
        listing = Listing(self.request, Alert.objects.all(), ordering="-raised_at")
        _teams(listing.rows)
        standing = queries.position(self.enterprise, numbers=numbers, tiers=())
        last = Delivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at", "-id")
        webhooks = Webhook.objects.annotate(
            last_state=Subquery(last.values("state")[:1]), last_at=Subquery(last.values("created_at")[:1])
        )
        context = {
            "form": form,
            "groups": list(form.groups(set(numbers.overrides()))),
            "standing": standing,
            "percent": standing.served * 100 // standing.capacity,
            "bar": min(100, standing.served * 100 // standing.capacity),
            "ticks": [Tick(one, standing.served * 100 >= one * standing.capacity) for one in numbers.alert_thresholds],
            "listing": listing,
            "webhooks": list(webhooks),
            "may_change": self.actor.may("policy.manage"),
        }
        return self.render(context, status=status)


class NewWebhook(AlertsPage):
    """One more. Its secret is shown once, with what came into being."""

    template = "console/alerts/new.html"
    title = _("New webhook")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.render({"form": WebhookForm()})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = WebhookForm(request.POST)
        if not form.is_valid():
            return self.render({"form": form}, status=400)
        try:
            webhook, secret = services.create_webhook(self.actor, **form.cleaned_data)
        except Refusal as refusal:
            return self.render({"form": attach(form, refusal)}, status=refusal.status)
        return self.secret(webhook, secret)


class OneWebhook(AlertsPage):
    """Its settings and the log of what was sent."""

    template = "console/alerts/webhook.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        initial = {"name": webhook.name, "url": webhook.url, "events": webhook.events}
        return self.show(webhook, WebhookForm(initial=initial))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        form = WebhookForm(request.POST)
        if not form.is_valid():
            return self.show(webhook, form, status=400)
        try:
            services.update_webhook(self.actor, webhook=webhook, changes=form.cleaned_data)
        except Refusal as refusal:
            return self.show(webhook, attach(form, refusal), status=refusal.status)
        messages.success(request, gettext("The webhook was saved."))
        return self.redirect(self.address("webhook", pk=pk))

    def show(self, webhook: Webhook, form: WebhookForm, status: int = 200) -> HttpResponseBase:
        self.title = webhook.name
        deliveries = webhook.deliveries.all()
        state = self.request.GET.get("state", "")
        if state in Delivery.State.values:
            deliveries = deliveries.filter(state=state)
        listing = Listing(self.request, deliveries, ordering="-created_at")
        for row in listing.rows:
            describe(row)
        context = {
            "webhook": webhook,
            "form": form,
            "listing": listing,
            "state": state,
            "states": Delivery.State.choices,
            "hours": policy().webhook_overlap_hours,
            "rotating": services.rotating(webhook),
        }
        return self.render(context, status=status)


class WebhookSwitch(AlertsPage):
    """Switch it on or off."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        enabled = request.POST.get("enabled") == "1"
        services.update_webhook(self.actor, webhook=webhook, changes={"enabled": enabled})
        text = gettext("“%(name)s” gets events again.") if enabled else gettext("“%(name)s” gets nothing any more.")
        messages.success(request, text % {"name": webhook.name})
        return self.redirect(self.address("webhook", pk=pk))


class WebhookRotate(AlertsPage):
    """Change the secret; the new one is shown once."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        secret = services.rotate_secret(self.actor, webhook=webhook)
        webhook.refresh_from_db()
        return self.secret(webhook, secret)


class WebhookDelete(AlertsPage):
    """Delete it with its log."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        services.delete_webhook(self.actor, webhook=webhook)
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": webhook.name})
        return self.redirect(self.address())


class WebhookTest(AlertsPage):
    """Send a test message now, and watch it."""

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        delivery = services.test_webhook(self.actor, webhook=self.webhook(pk))
        return self.redirect(self.address("delivery", pk=pk, delivery=delivery.pk))


class OneDelivery(AlertsPage):
    """What was sent, and every try. While it waits the fragment renews itself; the last answer ends that (286)."""

    template = "console/alerts/delivery.html"

    def get(self, request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponseBase:
        webhook = self.webhook(pk)
        row: Delivery = describe(get_or_404(webhook.deliveries.all(), delivery))
        self.title = row.label  # type: ignore[attr-defined]
        body = orjson.dumps(row.payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
        context = {"webhook": webhook, "row": row, "body": body, "most": MOST_TRIES}
        if request.htmx:  # type: ignore[attr-defined]
            response = self.render(context, template=f"{self.template}#body")
            return response if row.state == Delivery.State.WAITING else stop_polling(response)
        return self.render(context)


class Redeliver(AlertsPage):
    """Send it again."""

    def post(self, request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponseBase:
        row = get_or_404(self.webhook(pk).deliveries.all(), delivery)
        services.redeliver(self.actor, delivery=row)
        messages.success(request, gettext("It is sent again."))
        return self.redirect(self.address("delivery", pk=pk, delivery=delivery))


def _teams(alerts: list[Any]) -> None:
    """Put the names of the teams on alerts of budgets; one query, and none when there is no such alert."""
    subjects = {row.subject for row in alerts if row.kind == AlertKind.BUDGET}
    names = dict(Budget.objects.filter(pk__in=subjects).values_list("pk", "department__name")) if subjects else {}
    for row in alerts:
        row.team = names.get(parse_uuid(row.subject), "")


def describe(row: Delivery) -> Any:
    """A delivery with its tries in words, the last one first; and the last one by itself."""
    tries = [
        {**line, "words": ERRORS.get(line["error"], line["error"]), "moment": datetime.fromisoformat(line["at"])}
        for line in reversed(row.attempts)
    ]
    row.lines = tries  # type: ignore[attr-defined]
    row.last = tries[0] if tries else None  # type: ignore[attr-defined]
    row.label = _("Test message") if row.event == TEST_EVENT else notifications.label(row.event)  # type: ignore[attr-defined]
    return row


urlpatterns = [
    path("alerts/", Alerts.as_view(), name="alerts"),
    path("alerts/webhooks/new/", NewWebhook.as_view(), name="webhook-new"),
    path("alerts/webhooks/<uuid:pk>/", OneWebhook.as_view(), name="webhook"),
    path("alerts/webhooks/<uuid:pk>/switch/", WebhookSwitch.as_view(), name="webhook-switch"),
    path("alerts/webhooks/<uuid:pk>/rotate/", WebhookRotate.as_view(), name="webhook-rotate"),
    path("alerts/webhooks/<uuid:pk>/delete/", WebhookDelete.as_view(), name="webhook-delete"),
    path("alerts/webhooks/<uuid:pk>/test/", WebhookTest.as_view(), name="webhook-test"),
    path("alerts/webhooks/<uuid:pk>/deliveries/<uuid:delivery>/", OneDelivery.as_view(), name="delivery"),
    path("alerts/webhooks/<uuid:pk>/deliveries/<uuid:delivery>/again/", Redeliver.as_view(), name="redeliver"),
]
