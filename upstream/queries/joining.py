"""Invitations, who was invited, who wants to join, and the funnel (U7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from enterprises.actors import Actor
from upstream.models import Application, Invitation, Invitee
from upstream.queries.lists import _uuid

INVITATION_FILTERS = ("space", "series")
State = Invitee.State
# How far somebody came includes the steps before: who joined had opened, who opened had got it.
REACHED = {
    "sent": ~Q(state=State.WAITING) & ~Q(state=State.EXPIRED, sent_at=None),
    "opened": Q(opened_at__isnull=False),
    "joined": Q(state=State.JOINED),
    "declined": Q(state=State.DECLINED),
}


def invitations(actor: Actor, query: Mapping[str, str] | None = None) -> QuerySet[Invitation]:
    """The invitations that the actor sees, with how many customers each names."""
    query = query or {}
    found = Invitation.objects.visible_to(actor).select_related("space", "series", "subgroup", "chat", "created_by")
    if space := query.get("space"):
        found = found.filter(space=_uuid("space", space))
    if series := query.get("series"):
        found = found.filter(series=_uuid("series", series))
    return found


def invitees(actor: Actor, invitation: Invitation, state: str = "") -> QuerySet[Invitee]:
    """The invited customers that the actor sees."""
    found = Invitee.objects.visible_to(actor).filter(invitation=invitation).select_related("contact", "inviter")
    if state:
        if state not in State.values:
            raise Invalid({"state": [_("Choose one of the offered values.")]})
        found = found.filter(state=state)
    return found


def applications(actor: Actor, state: str = "") -> QuerySet[Application]:
    """Who sent a form by an invitation that the actor sees."""
    found = Application.objects.select_related("invitation__space", "invitation__series", "invitation__subgroup")
    if not actor.sees_all:
        found = found.filter(invitation__in=Invitation.objects.visible_to(actor).values("id"))
    if state:
        if state not in Application.State.values:
            raise Invalid({"state": [_("Choose one of the offered values.")]})
        found = found.filter(state=state)
    return found


@dataclass(frozen=True)
class Funnel:
    """How far the customers of an inviter, or of a channel, came."""

    label: Any
    invited: int
    sent: int
    opened: int
    joined: int
    declined: int


def funnel(actor: Actor, by: str, invitation: Invitation | None = None) -> list[Funnel]:
    """By "inviter" or by "channel" (the invitation's source), the most invited first."""
    column = {"inviter": "inviter__name", "channel": "invitation__source"}[by]
    found = Invitee.objects.visible_to(actor)
    if invitation is not None:
        found = found.filter(invitation=invitation)
    counted = (
        found.order_by()
        .values(label=F(column))
        .annotate(invited=Count("id"), **{step: Count("id", filter=reached) for step, reached in REACHED.items()})
        .order_by("-invited", "label")
    )
    return [Funnel(**row) for row in counted[:50]]
