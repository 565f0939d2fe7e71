"""A notification as a mail: in the language of who gets it, times in the enterprise's zone, plain text and HTML."""

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from common import clock
from enterprises.models import Enterprise, Member
from enterprises.services import zone
from jobs import notifications
from jobs.models import Delivery
from jobs.sending.rules import Outcome


def prepare(delivery: Delivery, enterprise: Enterprise) -> Callable[[], Outcome] | None:
    """What sends this mail, without the database; None when there is nobody (any more) who should get it."""
    note = delivery.notification
    assert note is not None
    member: Member = note.member
    to = member.email or (member.user.email if member.user else "")
    if not member.is_active or not to or (member.user is not None and not member.user.is_active):
        return None
    base = f"{settings.PUBLIC_URL.rstrip('/')}/e/{enterprise.code}/"
    language = (member.user.language if member.user else "") or settings.LANGUAGE_CODE
    with translation.override(language), timezone.override(zone(enterprise)):
        text = " ".join(notifications.text(note).split())
        context = {
            "enterprise": enterprise.name,
            "name": member.name,
            "text": text,
            "at": note.created_at,
            "url": base + notifications.page(note),
            "preferences": f"{base}notifications/preferences/",
            "language": language,
        }
        plain = render_to_string("mail/notification.txt", context)
        html = render_to_string("mail/notification.html", context)
    message = EmailMultiAlternatives(
        # A header is one line, whatever a contact or an enterprise is called.
        subject=" ".join(f"[{enterprise.name}] {text}".split())[:200],
        body=plain.strip() + "\n",
        to=[to],
        headers={
            # The same at every try: who gets it twice because we died in between sees it once.
            "Message-ID": f"<{delivery.pk}@{_domain()}>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{context['preferences']}>",
        },
    )
    message.attach_alternative(html, "text/html")
    return lambda: send(message)


def send(message: EmailMultiAlternatives) -> Outcome:
    """Hand one mail to the mail server and tell what came of it."""
    began = clock.real()
    outcome = _attempt(message)
    spent = int((clock.real() - began) / timedelta(milliseconds=1))
    return Outcome(
        error=outcome.error, status=outcome.status, answer=outcome.answer, milliseconds=spent, final=outcome.final
    )


def _attempt(message: EmailMultiAlternatives) -> Outcome:
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*next(iter(error.recipients.values())))
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except TimeoutError:
        return Outcome("timeout")
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("no_connection", answer=str(error)[:300])
    return Outcome(status=250)


def _refused(code: int, said: Any) -> Outcome:
    """4xx may be better later (grey lists, full boxes); 5xx never will, but a wrong password is ours to mend."""
    answer = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    answer = "".join(character if character.isprintable() else " " for character in answer)[:300]
    ours = code in (530, 534, 535, 538)
    return Outcome("refused", code, answer, final=code >= 500 and not ours)


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ") or "localhost"
