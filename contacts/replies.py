"""Whom one may still answer while the enterprise is over its scale, and until when (Q8, Q9).

The window slides: it counts from the contact's last message to that member. While the enterprise is not over its
scale everybody may be answered; the list shows the windows all the same, so that nobody is surprised.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from common import clock
from contacts.models import Contact, Interaction
from contacts.queries import between
from contacts.rules import Kind
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.policy import Policy
from enterprises.services import policy
from quota import queries as quota
from quota.rules import Action, Decision

FILTERS = ("member",)


def windows(actor: Actor, params: Mapping[str, Any], *, numbers: Policy | None = None) -> QuerySet[Interaction]:
    """The last message of each contact to each member whose window is open, among what the actor sees.

    `member`: only theirs. Raises Invalid for what is no id.
    """
    now = clock.now()
    since = now - timedelta(hours=(numbers or policy()).reply_window_hours)
    inbound = Interaction.objects.filter(kind=Kind.MESSAGE_IN, at__gt=since, at__lte=now, member__isnull=False)
    later = Interaction.objects.filter(
        kind=Kind.MESSAGE_IN, contact=OuterRef("contact"), member=OuterRef("member"), at__lte=now
    )
    newer = Exists(later.filter(at__gt=OuterRef("at"))), Exists(later.filter(at=OuterRef("at"), id__gt=OuterRef("id")))
    found = inbound.exclude(newer[0]).exclude(newer[1])
    return between(found, actor, params).select_related("contact", "member")


def closes_at(last_inbound: datetime, hours: int | None = None) -> datetime:
    """The first moment at which the window that a message opened is closed. `hours`: of the policy, when read."""
    return last_inbound + timedelta(hours=policy().reply_window_hours if hours is None else hours)


def decision(actor: Actor, *, contact: Contact, member: Member) -> tuple[Decision, datetime | None]:
    """May this member answer this contact now, and the contact's last message to them (Q9)?"""
    last = last_inbound(contact, member)
    return quota.decide(actor.enterprise, Action.REPLY, last_inbound_at=last), last


def last_inbound(contact: Contact, member: Member) -> datetime | None:
    """When the contact last wrote to this member."""
    inbound = Interaction.objects.filter(contact=contact, member=member, kind=Kind.MESSAGE_IN)
    return inbound.order_by("-at").values_list("at", flat=True).first()
