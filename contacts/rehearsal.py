"""The rehearsal of going over the scale (超限演练, Q8): what would stop, for whom, and what would help.

What stops is decided by the rules of the scale; here it is counted whom that meets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, Text
from common.sql import row
from common.tenancy import current_enterprise_id
from contacts import replies
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.policy import Policy
from enterprises.services import policy
from quota import queries
from quota.ledger import moment
from quota.rules import Action, Rehearsal, State

A = Action


@dataclass(frozen=True)
class Affected:
    """Who is there to be affected, now: numbers of people and things."""

    members: int
    customers: int
    archived: int
    groups: int
    group_owners: int
    leavers: int
    left_behind: int
    answerable: int


@dataclass(frozen=True)
class Played:
    """A rehearsal with those whom it meets."""

    rehearsal: Rehearsal
    affected: Affected
    reply_hours: int

    @property
    def reply_limited(self) -> bool:
        """Would replies be bound to the window?"""
        return self.rehearsal.position.state is State.OVER

    def meets(self, action: Action) -> dict[str, int]:
        """Whom it meets when this action stops."""
        found = self.affected
        numbers = {
            A.ADD_CONTACT: {"members": found.members},
            A.RESTORE_CONTACT: {"archived": found.archived},
            A.INVITE_TO_GROUP: {"groups": found.groups, "group_owners": found.group_owners},
            A.MASS_SEND: {"members": found.members, "customers": found.customers},
            A.MOMENT: {"members": found.members, "customers": found.customers},
            A.GROUP_ANNOUNCEMENT: {"groups": found.groups},
            A.MANAGE_GROUPS: {"groups": found.groups, "group_owners": found.group_owners},
            A.INHERIT_RESIGNED: {"leavers": found.leavers, "left_behind": found.left_behind},
        }
        return numbers.get(action, {})


def play(actor: Actor, *, at: datetime | None = None, served: int | None = None) -> Played:
    """Rehearse a moment with a number served (now, as many as now). Raises Invalid for what cannot be rehearsed."""
    actor.require("quota.view")
    numbers = policy()
    found = queries.rehearse(actor.enterprise, at, served=served, numbers=numbers)
    return Played(found, affected(actor.enterprise, numbers), numbers.reply_window_hours)


def parse(params: Mapping[str, Any], zone: tzinfo) -> tuple[datetime | None, int | None]:
    """`at` (a moment, or a day of the enterprise: its end) and `served`, from an address or a form; None: as now.

    Raises Invalid.
    """
    errors: dict[str, list[Text]] = {}
    served = None
    given = str(params.get("at") or "").strip()
    is_day = "T" not in given and " " not in given
    try:
        at = moment(given, zone, 1 if is_day else 0)
    except ValueError:
        at = None
        errors["at"] = [_("Enter a date (YYYY-MM-DD) or a moment (ISO 8601).")]
    if at is not None and is_day:
        at = at.astimezone(UTC) - timedelta(microseconds=1)
    text = str(params.get("served") or "").replace(",", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        served = int(text)
    elif text:
        errors["served"] = [_("Enter a number from 0 to 10 000 000.")]
    if errors:
        raise Invalid(errors)
    return at, served


def affected(enterprise: Enterprise, numbers: Policy | None = None) -> Affected:
    """Count whom restrictions would meet. Archived contacts and those left behind are counted by their index."""
    found = row(
        """
        SELECT (SELECT count(*) FROM enterprises_member
                WHERE enterprise_id = %(enterprise)s AND status = 'active'),
               (SELECT served FROM quota_account WHERE enterprise_id = %(enterprise)s),
               (SELECT count(*) FROM contacts_contact
                WHERE enterprise_id = %(enterprise)s AND status = 'archived'),
               groups.number, groups.owners, leavers.number, leavers.contacts
        FROM (SELECT count(*) AS number, count(DISTINCT owner_id) AS owners FROM contacts_groupchat
              WHERE enterprise_id = %(enterprise)s AND dismissed_at IS NULL) AS groups,
             (SELECT count(DISTINCT contact.owner_id) AS number, count(*) AS contacts
              FROM enterprises_member AS member
              JOIN contacts_contact AS contact
                ON contact.enterprise_id = %(enterprise)s AND contact.owner_id = member.id
              WHERE member.enterprise_id = %(enterprise)s AND member.status = 'resigned') AS leavers
        """,
        {"enterprise": current_enterprise_id()},
    )
    assert found is not None
    answerable = replies.windows(Actor.system(enterprise), {}, numbers=numbers).count()
    return Affected(*found, answerable=answerable)
