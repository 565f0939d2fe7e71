"""Idempotency-Key: a POST that is sent again does its work once (DESIGN.md 7).

The answer is stored in the transaction of the work, so there is no state between "done" and "remembered".
Failures are not stored: they changed nothing, and the cause may be gone next time. Kept for 24 hours.
"""

import hashlib
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.errors import Conflict, Invalid, Refusal
from common.sql import row
from common.tenancy import current_enterprise_id
from enterprises.models import IdempotencyRecord

HEADER = "HTTP_IDEMPOTENCY_KEY"
KEPT_FOR = timedelta(hours=24)
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class Mismatch(Refusal):
    """The key was used for another request."""

    status = 422
    code = "idempotency_mismatch"
    title = _("The Idempotency-Key was used for another request")


class Replayed(Exception):
    """The work was done before; `response` is what was answered then."""

    def __init__(self, response: "StoredResponse") -> None:
        self.response = response


class StoredResponse(Response):
    """An answer from the store: rendered already."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(None, status=status)
        self.stored = body
        for name, value in headers.items():
            self[name] = value
        self["Idempotent-Replayed"] = "true"

    @property
    def rendered_content(self) -> bytes:
        return self.stored


def replay(request: Request) -> None:
    """Before the work: raise Replayed when it was done, Conflict when it is being done, Mismatch when it differs."""
    key = _key(request)
    if key is None:
        return
    lock = f"idempotency:{current_enterprise_id()}:{request.auth.member_id}:{key}"
    if not row("SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s, 0))", {"lock": lock})[0]:  # type: ignore[index]
        raise Conflict(_("The same request is being worked on."), code="idempotency_in_flight")
    fingerprint = _fingerprint(request)
    kept = IdempotencyRecord.objects.filter(
        member=request.auth.member, key=key, created_at__gt=clock.now() - KEPT_FOR
    ).first()
    if kept is not None:
        if kept.fingerprint != fingerprint:
            raise Mismatch(_("Use a new key for a new request."))
        raise Replayed(StoredResponse(bytes(kept.body), kept.status, kept.headers))
    request.idempotency = (key, fingerprint)


def keep(request: Request, response: HttpResponse) -> None:
    """After the work, in its transaction: remember the answer."""
    pending: tuple[str, str] | None = getattr(request, "idempotency", None)
    if pending is None:
        return
    key, fingerprint = pending
    IdempotencyRecord.objects.update_or_create(
        member=request.auth.member,
        key=key,
        defaults={
            "fingerprint": fingerprint,
            "status": response.status_code,
            "body": response.content,
            "headers": {name: response[name] for name in _KEPT_HEADERS if name in response},
            "created_at": clock.now(),
        },
    )


def forget_old() -> int:
    """Delete the answers of the enterprise in scope that are not replayed any more; returns how many."""
    return IdempotencyRecord.objects.filter(created_at__lte=clock.now() - KEPT_FOR)._raw_delete("default")


def _key(request: Request) -> str | None:
    key = request.META.get(HEADER)
    if request.method != "POST" or key is None:
        return None
    if not 1 <= len(key) <= 128 or not key.isascii() or not key.isprintable():
        raise Invalid({"Idempotency-Key": [_("A key has 1 to 128 printable ASCII characters.")]})
    return key


def _fingerprint(request: Request) -> str:
    hashed = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type and request.content_type.startswith("multipart/"):
        for name, value in sorted(request.data.items(), key=lambda item: item[0]):
            hashed.update(name.encode())
            for chunk in _chunks(value):
                hashed.update(chunk)
    else:
        hashed.update(request._request.body)
    return hashed.hexdigest()


def _chunks(value: Any) -> Any:
    if not hasattr(value, "chunks"):
        yield str(value).encode()
        return
    yield from value.chunks()
    value.seek(0)
