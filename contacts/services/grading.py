"""Value grade and activity segment by spending (C9, C10): the decisions of `contacts.rules`, set-based.

Spend, grade and activity follow from purchases, policy and time. So they have no place on the timeline, which keeps
what happened, and do not move a contact's `version`: what somebody is editing meanwhile is not touched by them. A
grade set by hand is a decision; it is on the timeline, and stays (`contacts.services.contacts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.sql import execute, joins_never_loop, rows
from common.tenancy import current_enterprise_id
from contacts.rules import Activity, Grade, GradeSource, spend_since
from enterprises.policy import Policy
from enterprises.services import policy

# Only contacts that change are written. `xmin` tells whether a row was changed after this statement began, by
# somebody who waited for nobody: then their own regrading knows more than our reading of the purchases, and wins.
_REGRADE = """
UPDATE contacts_contact AS contact
SET spend_365d = counted.spend, grade = {grade}, activity = {activity} {sets}
FROM (
    SELECT known.id, known.xmin AS version_seen,
           coalesce(paid.spend, 0) AS spend, coalesce(paid.purchases, 0) AS purchases
    FROM contacts_contact AS known
    LEFT JOIN (
        SELECT contact_id, sum(amount) AS spend, count(*) FILTER (WHERE NOT refund) AS purchases
        FROM contacts_purchase
        WHERE enterprise_id = %(enterprise)s AND paid_at >= %(since)s {only_purchases}
        GROUP BY contact_id
    ) AS paid ON paid.contact_id = known.id
    WHERE known.enterprise_id = %(enterprise)s {only_contacts}
) AS counted {news}
WHERE contact.enterprise_id = %(enterprise)s
  AND contact.id = counted.id AND contact.xmin = counted.version_seen {only_these}
  AND ((contact.spend_365d, contact.grade, contact.activity) IS DISTINCT FROM (counted.spend, {grade}, {activity})
       {or_news})
"""
_GRADE = """CASE WHEN contact.grade_source = %(manual)s THEN contact.grade
    WHEN counted.spend >= %(from_high)s THEN %(high)s
    WHEN counted.spend >= %(from_middle)s THEN %(middle)s ELSE %(low)s END"""
_ACTIVITY = """CASE WHEN counted.purchases >= %(from_frequent)s THEN %(frequent)s
    WHEN contact.last_customer_at IS NOT NULL OR counted.purchases > 0 {or_heard} THEN %(occasional)s
    ELSE %(never)s END"""


@dataclass(frozen=True)
class News:
    """What else came with the purchases, written by the same statement: a contact's row has many indexes.

    `source`: a SELECT of (contact_id, last_customer_at, …), a row per contact; `sets`: columns of `contact` from it;
    `changed`: whether that changes anything. SQL over `contact` and `news`, with `params`.
    """

    source: str
    sets: str
    changed: str
    params: dict[str, Any]


def regrade(contact_ids: Sequence[UUID], now: datetime, *, news: News | None = None) -> int:
    """Bring spend, grade and activity of some contacts up to date; call it after their purchases changed.

    Returns how many of them changed. Locks the contacts, in the order of their ids, so that of two who add purchases
    at once the second sees those of the first.
    """
    if not contact_ids:
        return 0
    params = _params(now, policy()) | {"contacts": list(contact_ids)} | (news.params if news else {})
    execute(
        """
        SELECT FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id = ANY (%(contacts)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        params,
    )
    return execute(_statement("AND {} = ANY (%(contacts)s)", news), params)


def grade_all(now: datetime) -> int:
    """Bring spend, grade and activity of every contact up to date; returns how many changed.

    One statement, which reads contacts and purchases once each. A contact that somebody changes in the same moment
    is left to them and, for what time alone does, to the next night.
    """
    joins_never_loop()
    return execute(_statement(""), _params(now, policy()))


def grades() -> dict[str, int]:
    """How many contacts have which grade."""
    counted = rows(
        "SELECT grade, count(*) FROM contacts_contact WHERE enterprise_id = %(enterprise)s GROUP BY grade",
        {"enterprise": current_enterprise_id()},
    )
    return {grade.value: 0 for grade in Grade} | dict(counted)


def _statement(only: str, news: News | None = None) -> str:
    """`only`: a condition on a column with a contact's id, or nothing."""
    return _REGRADE.format(
        grade=_GRADE,
        activity=_ACTIVITY.format(or_heard="OR news.last_customer_at IS NOT NULL" if news else ""),
        sets=f", {news.sets}" if news else "",
        news=f"JOIN ({news.source}) AS news ON news.contact_id = counted.id" if news else "",
        or_news=f"OR {news.changed}" if news else "",
        only_contacts=only.format("known.id"),
        only_purchases=only.format("contact_id"),
        only_these=only.format("contact.id"),
    )


def _params(now: datetime, numbers: Policy) -> dict[str, object]:
    return {
        "enterprise": current_enterprise_id(),
        "since": spend_since(now, numbers),
        "manual": GradeSource.MANUAL.value,
        "from_high": numbers.grade_high,
        "from_middle": numbers.grade_middle,
        "from_frequent": numbers.frequent_purchases,
        "high": Grade.HIGH.value,
        "middle": Grade.MIDDLE.value,
        "low": Grade.LOW.value,
        "frequent": Activity.FREQUENT.value,
        "occasional": Activity.OCCASIONAL.value,
        "never": Activity.NEVER.value,
    }
