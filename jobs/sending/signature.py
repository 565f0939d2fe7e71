"""Signing webhooks as standardwebhooks.com says: HMAC-SHA256 over id, time and body, so receivers can use a library."""

import base64
import hmac
from collections.abc import Iterable
from datetime import datetime

from django.utils.crypto import salted_hmac

from common import clock
from jobs.models import Webhook

PREFIX = "whsec_"


def secret(webhook: Webhook, number: int | None = None) -> str:
    """The secret of a webhook (the present one, or that of a number): `whsec_` and 256 bits in base64.

    Made anew each time from SECRET_KEY, so that no copy of the database can sign.
    """
    number = webhook.secret_number if number is None else number
    key = salted_hmac("jobs.webhook", f"{webhook.enterprise_id}:{webhook.pk}:{number}", algorithm="sha256").digest()
    return PREFIX + base64.b64encode(key).decode()


def secrets(webhook: Webhook, now: datetime) -> list[str]:
    """Those that sign now: the present one, and the one before while a rotation goes on."""
    found = [secret(webhook)]
    if webhook.previous_until is not None and now < webhook.previous_until:
        found.append(secret(webhook, webhook.secret_number - 1))
    return found


def sign(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: a `v1,…` for each secret, with blanks in between."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(one, signed)}" for one in secrets)


def headers(webhook: Webhook, message_id: str, body: bytes) -> dict[str, str]:
    """The three headers that prove where a call comes from, and when it was made."""
    now = clock.real()
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets(webhook, now), message_id, timestamp, body),
    }


def _digest(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
