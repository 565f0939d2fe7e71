"""Webhooks: where an enterprise's events go. Sending is `jobs.sending`'s work."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from common.sql import insert, lock
from common.tenancy import current_enterprise_id
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy
from jobs import notifications
from jobs.models import Delivery, Webhook
from jobs.sending import http, outbox, signature

# A protection of the platform, not a setting of an enterprise.
MOST_WEBHOOKS = 20
TEST_EVENT = "webhook.test"


def create_webhook(actor: Actor, *, name: str, url: str, events: Iterable[str] = ()) -> tuple[Webhook, str]:
    """Add a webhook and return it with its secret, which is shown once. No events means all of them.

    Raises Invalid for an address that we would not call, Conflict for a name that is taken, or too many.
    """
    actor.require("webhooks.manage")
    values = _checked({"name": name, "url": url, "events": events})
    lock(f"webhooks:{current_enterprise_id()}")
    if Webhook.objects.count() >= MOST_WEBHOOKS:
        raise Conflict(
            _("There can be %(most)s webhooks; delete one first.") % {"most": MOST_WEBHOOKS},
            code="too_many_webhooks",
            limit=MOST_WEBHOOKS,
        )
    webhook = Webhook(**values, created_at=clock.now())
    if not insert(webhook, unless_there=True):
        raise _taken()
    audit.record(actor, "webhook.created", webhook, after=values)
    return webhook, signature.secret(webhook)


def update_webhook(actor: Actor, *, webhook: Webhook, changes: Mapping[str, Any]) -> Webhook:
    """Change `name`, `url`, `events` or `enabled`. What waits goes to the new address; switched off, it is dropped."""
    actor.require("webhooks.manage")
    lock(f"webhooks:{current_enterprise_id()}")
    webhook.refresh_from_db()
    values = _checked(changes)
    if "name" in values and Webhook.objects.exclude(pk=webhook.pk).filter(name=values["name"]).exists():
        raise _taken()
    before, after = audit.changes(webhook, values)
    if not after:
        return webhook
    webhook.version += 1
    webhook.save(update_fields=[*after, "version"])
    if after.get("enabled") is False:
        waiting = webhook.deliveries.filter(state=Delivery.State.WAITING)
        waiting.update(state=Delivery.State.CANCELLED, claim=None, ended_at=clock.real())
    audit.record(actor, "webhook.changed", webhook, before=before, after=after)
    return webhook


def delete_webhook(actor: Actor, *, webhook: Webhook) -> None:
    """Delete a webhook with its log; nothing more is sent to it."""
    actor.require("webhooks.manage")
    audit.record(actor, "webhook.deleted", webhook, before={"url": webhook.url})
    webhook.delete()


def rotate_secret(actor: Actor, *, webhook: Webhook) -> str:
    """Give a webhook a new secret, which is shown once. The old one signs as well for the hours that the policy says.

    Raises Conflict while an earlier rotation goes on: the receiver may still know only the secret before it.
    """
    actor.require("webhooks.manage")
    webhook = Webhook.objects.select_for_update(no_key=True).get(enterprise_id=webhook.enterprise_id, pk=webhook.pk)
    now = clock.real()
    if rotating(webhook):
        raise Conflict(
            _("The secret is being changed already; the old one still signs as well."),
            code="rotation_under_way",
            previous_until=webhook.previous_until,
        )
    webhook.secret_number += 1
    webhook.previous_until = now + timedelta(hours=policy().webhook_overlap_hours)
    webhook.save(update_fields=["secret_number", "previous_until"])
    audit.record(actor, "webhook.rotated", webhook, after={"previous_until": webhook.previous_until})
    return signature.secret(webhook)


def rotating(webhook: Webhook) -> bool:
    """Do two secrets sign, because a rotation goes on?"""
    return webhook.previous_until is not None and clock.real() < webhook.previous_until


def test_webhook(actor: Actor, *, webhook: Webhook) -> Delivery:
    """Send a test message now, whatever events the webhook asks for; its log shows what came of it."""
    actor.require("webhooks.manage")
    if not webhook.enabled:
        raise Conflict(_("This webhook is switched off."), code="webhook_disabled")
    delivery = outbox.call(webhook, TEST_EVENT, key=f"test:{uuid7()}", data={"by": actor.label})
    delivery.save(force_insert=True)
    outbox.send_soon()
    audit.record(actor, "webhook.tested", webhook)
    return delivery


def redeliver(actor: Actor, *, delivery: Delivery) -> Delivery:
    """Send a message of the log again, with the same id and body, as often as a new one would be tried."""
    actor.require("webhooks.manage")
    found = Delivery.objects.select_for_update(no_key=True, of=("self",)).select_related("webhook")
    delivery = found.get(enterprise_id=delivery.enterprise_id, pk=delivery.pk)
    webhook = delivery.webhook
    assert webhook is not None
    if not webhook.enabled:
        raise Conflict(_("This webhook is switched off."), code="webhook_disabled")
    if delivery.claim is not None and delivery.due_at > clock.real():
        raise Conflict(_("This message is being sent right now."), code="being_sent")
    delivery.state, delivery.ended_at = Delivery.State.WAITING, None
    delivery.due_at, delivery.claim, delivery.tries = clock.real(), None, 0
    delivery.save(update_fields=["state", "ended_at", "due_at", "claim", "tries"])
    outbox.send_soon()
    audit.record(actor, "webhook.redelivered", webhook, after={"delivery": str(delivery.pk), "event": delivery.event})
    return delivery


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed in, as it is kept. Raises Invalid."""
    checked = dict(values)
    if "name" in checked:
        checked["name"] = " ".join(checked["name"].split())[:64]
        if not checked["name"]:
            raise Invalid({"name": [_("Give the webhook a name.")]})
    if "url" in checked:
        checked["url"] = http.check_url(checked["url"])
    if "events" in checked:
        checked["events"] = sorted(set(checked["events"]))
        if unknown := sorted(set(checked["events"]) - set(notifications.events())):
            raise Invalid({"events": [_("There is no event called %(name)s.") % {"name": unknown[0]}]})
    return checked


def _taken() -> Conflict:
    return Conflict(_("There is a webhook of this name already."), code="name_taken")
