"""How much each tag is worn, and which are dead (C13).

Counted over all taggings, which takes a second or two for millions: so the counts are kept for an hour, and whoever
shows them says when they were made.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache

from common import clock
from common.ids import made_at
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.models import Tag, TagRule
from enterprises.services import policy

KEPT = 3600  # seconds


@dataclass(frozen=True)
class Usage:
    """One tag: how many contacts wear it, when it was last put on (None: by nobody), and the rules that set it."""

    tag: Tag
    contacts: int
    last_at: datetime | None
    rules: list[TagRule]
    dead: bool


@dataclass(frozen=True)
class Report:
    """All tags, the dead ones first; counted `at`."""

    at: datetime
    tags: list[Usage]

    @property
    def dead(self) -> list[Usage]:
        return [usage for usage in self.tags if usage.dead]


def report(*, fresh: bool = False) -> Report:
    """Every tag with its use. Dead: nobody wears it, or it was put on nobody for as long as the policy says; what a
    rule sets is not dead. Ids of taggings tell when they were made."""
    found: dict[str, Any] | None = None if fresh else cache.get(_key())
    if found is None:
        counted = rows(
            """
            SELECT tag_id, count(DISTINCT contact_id), max(id::text) FROM contacts_followtag
            WHERE enterprise_id = %(enterprise)s GROUP BY tag_id
            """,
            {"enterprise": current_enterprise_id()},
        )
        found = {"at": clock.now(), "tags": {tag: (number, made_at(UUID(last))) for tag, number, last in counted}}
        cache.set(_key(), found, KEPT)
    rules: dict[UUID, list[TagRule]] = {}
    for rule in TagRule.objects.filter(active=True):
        rules.setdefault(rule.tag_id, []).append(rule)
    since = clock.now() - timedelta(days=policy().dead_tag_days)
    usages = []
    for tag in Tag.objects.select_related("group").order_by("group__position", "group__name", "position", "name", "id"):
        contacts, last_at = found["tags"].get(tag.pk, (0, None))
        dead = tag.pk not in rules and (last_at is None or last_at < since)
        usages.append(Usage(tag, contacts, last_at, rules.get(tag.pk, []), dead))
    return Report(found["at"], sorted(usages, key=lambda usage: (not usage.dead, usage.contacts)))


def _key() -> str:
    return f"tag-usage:{current_enterprise_id()}"
