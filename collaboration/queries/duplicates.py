"""Reads of the duplicate radar (O9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from collaboration.models import Duplicate
from collaboration.rules.duplicates import State
from common.asked import an_id
from common.errors import Invalid
from common.sql import rows
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor

FILTERS = ("state", "member")


@dataclass(frozen=True)
class Follower:
    """A member who follows a contact, since when, and when they were in touch last."""

    id: UUID
    name: str
    added_at: datetime
    last_at: datetime | None


def duplicates(actor: Actor, params: dict[str, str] | None = None) -> QuerySet[Duplicate]:
    """Those whose contact the actor sees; by default the open ones."""
    params = params or {}
    state = params.get("state") or State.OPEN
    if state not in list(State):
        raise Invalid({"state": [_("There is no such value.")]})
    found = Duplicate.objects.visible_to(actor).filter(state=state)
    if member := params.get("member"):
        found = found.filter(contact__follows__member_id=an_id("member", member), contact__follows__state="active")
    return found.select_related("contact__owner", "first", "last", "suggested", "owner", "by")


def followers(page: Sequence[Duplicate]) -> dict[UUID, list[Follower]]:
    """Who follows the contacts of these rows now, in the order in which they came: one statement for a page."""
    found: dict[UUID, list[Follower]] = {}
    listed: list[tuple[Any, ...]] = rows(
        """
        SELECT follow.contact_id, member.id, member.name, follow.added_at,
               (SELECT max(event.at) FROM contacts_interaction AS event
                WHERE event.enterprise_id = %(enterprise)s AND event.contact_id = follow.contact_id
                  AND event.member_id = follow.member_id AND event.side <> 'system')
        FROM contacts_follow AS follow JOIN enterprises_member AS member
          ON member.enterprise_id = follow.enterprise_id AND member.id = follow.member_id
        WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = ANY (%(contacts)s)
          AND follow.state = 'active'
        ORDER BY follow.contact_id, follow.added_at, follow.id
        """,
        {"enterprise": current_enterprise_id(), "contacts": [one.contact_id for one in page]},
    )
    for contact, member, name, added_at, last_at in listed:
        found.setdefault(contact, []).append(Follower(member, name, added_at, last_at))
    return found
