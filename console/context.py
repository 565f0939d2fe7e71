"""What every page's frame needs: theme and languages everywhere, one query more on the pages of an enterprise."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from common import clock
from common.sql import row
from console import navigation
from enterprises.actors import Actor
from jobs.models import sees_everybodys
from quota import queries, rules

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "auto")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page, also of those without an enterprise: no queries here."""
    theme = request.COOKIES.get(THEME_COOKIE)
    return {
        "theme": theme if theme in THEMES else "auto",
        "languages": settings.LANGUAGES,
        "LANGUAGE_CODE": getattr(request, "LANGUAGE_CODE", settings.LANGUAGE_CODE),
    }


@dataclass(frozen=True)
class Meter:
    """The scale in the top bar."""

    served: int
    capacity: int

    @property
    def state(self) -> rules.State:
        return rules.state(self.served, self.capacity)

    @property
    def colour(self) -> str:
        """green, yellow from 90 %, red from full on."""
        if self.state is not rules.State.BELOW:
            return "red"
        return "yellow" if self.served * 10 >= self.capacity * 9 else "green"


@dataclass(frozen=True)
class Membership:
    """An enterprise of the person, for the switcher."""

    code: str
    name: str


_ADDRESSES = {
    "contacts": "contacts",
    "scale": "scale",
    "jobs": "jobs",
    "notifications": "notifications",
    "latest": "notifications-latest",
    "work": "work",
}

# One query for the whole frame. Unread notifications are counted to 100 only.
_FRAME = """
SELECT account.served, account.capacity, account.capacity_since, account.capacity_until,
       (SELECT count(*) FROM jobs_jobrun
         WHERE enterprise_id = account.enterprise_id AND state IN ('queued', 'running')
           AND (%(all_jobs)s OR member_id = %(member)s)),
       (SELECT count(*) FROM (SELECT 1 FROM jobs_notification
         WHERE enterprise_id = account.enterprise_id AND member_id = %(member)s AND read_at IS NULL AND bell
         LIMIT 100) AS unread),
       (SELECT json_agg(json_build_array(code, name) ORDER BY name) FROM memberships_of(%(user)s))
  FROM quota_account AS account
 WHERE account.enterprise_id = %(enterprise)s
"""


def enterprise_frame(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """Menu, scale meter, running jobs, unread notifications and the person's enterprises, by one query.

    Capacity follows time (Q7): when the window kept on the account is over, the packages are asked again.
    """
    found = row(
        _FRAME,
        {
            "enterprise": actor.enterprise.pk,
            "member": actor.member_id,
            "user": request.user.pk,
            "all_jobs": sees_everybodys(actor),
        },
    )
    served, capacity, since, until, running, unread, memberships = found or (0, 0, None, None, 0, 0, None)
    now = clock.now()
    if (since and now < since) or (until and now >= until):
        capacity = queries.position(actor.enterprise).capacity
    code = actor.enterprise.code
    standing = Meter(served, capacity)
    return {
        "menu": navigation.menu(actor, request.path),
        "standing": standing,  # for questions that say what they free or take
        "meter": standing if actor.may("quota.view") else None,
        "running_jobs": running,
        "unread": unread,
        "memberships": [Membership(*one) for one in memberships or ()],
        "addresses": {name: navigation.address(page, code) for name, page in _ADDRESSES.items()},
    }
