"""Mails, sent by a worker after the transaction: nothing here holds a database connection while it sends.

The messages name what to send, and secrets are made only here, so that the broker never holds a link that
opens an enterprise.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from common.tenancy import tenant
from enterprises.models import Enterprise, Member, User

RETRY: dict[str, Any] = {"autoretry_for": (OSError,), "retry_backoff": 10, "max_retries": 5}


def on_commit(task: Any, *args: Any) -> None:
    """Hand a task to a worker when the transaction has committed, and only then."""
    dispatch: Callable[[], Any] = lambda: task.delay(*args)  # noqa: E731
    transaction.on_commit(dispatch)


@shared_task(name="enterprises.send_invitation", **RETRY)
def send_invitation(enterprise_id: str, member_id: str, inviter: str, language: str) -> None:
    """Mail the link to a member, if the invitation still stands."""
    from enterprises.services.invitations import link_token  # services dispatch tasks: the one circle

    enterprise = Enterprise.objects.get(pk=UUID(enterprise_id))
    with tenant(enterprise.pk):
        member = Member.objects.filter(pk=UUID(member_id), user=None, status=Member.Status.ACTIVE).first()
        if member is None or member.invited_at is None or not member.email:
            return
        url = address("invitation", token=link_token(member))
        to, name = member.email, member.name
    send("invitation", to, language, {"enterprise": enterprise.name, "name": name, "inviter": inviter, "url": url})


@shared_task(name="enterprises.send_signup", **RETRY)
def send_signup(token: str, email: str, name: str, language: str) -> None:
    """Mail the link that finishes a sign-up; an address with an account is told to log in instead."""
    if User.objects.filter(email=email).exists():
        send("signup_known", email, language, {"enterprise": name, "url": address("signup")})
    else:
        send("signup", email, language, {"enterprise": name, "url": address("signup_finish", token=token)})


def address(name: str, **parts: str) -> str:
    """The full address of a page, as people outside reach it."""
    return settings.PUBLIC_URL.rstrip("/") + reverse(name, kwargs=parts or None)


def send(template: str, to: str, language: str, context: dict[str, Any]) -> None:
    """Send templates/mail/<template>.txt: its first line is the subject."""
    with translation.override(language):
        text = render_to_string(f"mail/{template}.txt", context)
    subject, _newline, body = text.strip().partition("\n")
    EmailMessage(" ".join(subject.split()), body.strip() + "\n", to=[to]).send()
