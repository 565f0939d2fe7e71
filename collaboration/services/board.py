"""Writing the team board's rows, set-based (O10).

Events are found by the contacts that had any since the first day that is counted (their last contact has an index),
so a run reads what happened lately and not the whole past. The last two days are counted again each time: messages
are answered later, and reports come late.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from collaboration.rules.board import ANEW
from common import clock
from common.sql import execute, joins_never_loop, row
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from enterprises.services import policy, zone

BACK = timedelta(days=90)  # how far the first run looks back
AGAIN = timedelta(days=1)

_COUNTED = ("added", "lost", "follow_ups", "asked", "answered", "in_minutes", "in_hours")

_EVENTS = """
WITH touched AS (
    SELECT id, owner_id FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND last_contact_at >= %(since)s
), event AS (
    SELECT happened.contact_id, happened.id, happened.kind, happened.at,
           coalesce(happened.member_id, touched.owner_id) AS member_id
    FROM touched JOIN contacts_interaction AS happened
      ON happened.enterprise_id = %(enterprise)s AND happened.contact_id = touched.id
     AND happened.at >= %(before)s AND happened.at <= %(now)s
     AND happened.kind IN ('message_in', 'message_out', 'follow_up', 'added', 'returned')
), message AS (
    SELECT kind, at, member_id, lag(kind) OVER said AS previous, lag(at) OVER said AS previous_at,
           min(at) FILTER (WHERE kind = 'message_out') OVER (
               PARTITION BY contact_id ORDER BY at, id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS answered_at
    FROM event WHERE kind IN ('message_in', 'message_out') WINDOW said AS (PARTITION BY contact_id ORDER BY at, id)
), counted AS (
    SELECT (at AT TIME ZONE %(zone)s)::date AS day, member_id,
           count(*) FILTER (WHERE kind IN ('added', 'returned')) AS added, 0 AS lost,
           count(*) FILTER (WHERE kind = 'follow_up') AS follow_ups, 0 AS asked, 0 AS answered, 0 AS in_minutes,
           0 AS in_hours
    FROM event WHERE at >= %(since)s AND kind NOT IN ('message_in', 'message_out') GROUP BY 1, 2
    UNION ALL
    SELECT (ended_at AT TIME ZONE %(zone)s)::date, member_id, 0, count(*), 0, 0, 0, 0, 0
    FROM contacts_follow
    WHERE enterprise_id = %(enterprise)s AND ended_at >= %(since)s AND ended_at <= %(now)s
      AND state = 'deleted_by_contact' GROUP BY 1, 2
    UNION ALL
    SELECT (at AT TIME ZONE %(zone)s)::date, member_id, 0, 0, 0, count(*), count(answered_at),
           count(*) FILTER (WHERE answered_at <= at + %(minutes)s),
           count(*) FILTER (WHERE answered_at <= at + %(hours)s)
    FROM message WHERE at >= %(since)s AND kind = 'message_in' AND (
        previous IS DISTINCT FROM 'message_in' OR previous_at < at - %(anew)s)
    GROUP BY 1, 2
)
INSERT INTO collaboration_boardday (id, enterprise_id, day, member_id, added, lost, follow_ups, asked, answered,
                                    in_minutes, in_hours)
SELECT uuid7(), %(enterprise)s, day, member_id, sum(added), sum(lost), sum(follow_ups), sum(asked), sum(answered),
       sum(in_minutes), sum(in_hours)
FROM counted WHERE member_id IS NOT NULL GROUP BY day, member_id
ON CONFLICT (enterprise_id, day, member_id) DO UPDATE
SET added = excluded.added, lost = excluded.lost, follow_ups = excluded.follow_ups, asked = excluded.asked,
    answered = excluded.answered, in_minutes = excluded.in_minutes, in_hours = excluded.in_hours
"""

_STANDING = """
INSERT INTO collaboration_boardday (id, enterprise_id, day, member_id, high, middle, low, silent, added, lost,
                                    follow_ups, asked, answered, in_minutes, in_hours)
SELECT uuid7(), %(enterprise)s, %(today)s, member.id, coalesce(had.high, 0), coalesce(had.middle, 0),
       coalesce(had.low, 0), coalesce(had.silent, 0), 0, 0, 0, 0, 0, 0, 0
FROM enterprises_member AS member LEFT JOIN (
    SELECT owner_id, count(*) FILTER (WHERE grade = 'high') AS high, count(*) FILTER (WHERE grade = 'middle') AS middle,
           count(*) FILTER (WHERE grade = 'low') AS low, count(*) FILTER (WHERE inactive) AS silent
    FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND status = 'active' AND owner_id IS NOT NULL
    GROUP BY owner_id) AS had ON had.owner_id = member.id
WHERE member.enterprise_id = %(enterprise)s AND (member.status = 'active' OR had.owner_id IS NOT NULL)
ON CONFLICT (enterprise_id, day, member_id) DO UPDATE
SET high = excluded.high, middle = excluded.middle, low = excluded.low, silent = excluded.silent
"""


def count_days(enterprise: Enterprise) -> int:
    """Bring the rows up to this moment; returns how many days were counted."""
    now, local, numbers = clock.now(), zone(enterprise), policy()
    today = now.astimezone(local).date()
    first = _first_day(today)
    since = datetime.combine(first, time(), local)
    params: dict[str, Any] = {
        "enterprise": current_enterprise_id(),
        "now": now,
        "today": today,
        "first": first,
        "since": since,
        "before": since - ANEW,
        "anew": ANEW,
        "zone": str(local),
        "minutes": timedelta(minutes=numbers.answer_minutes),
        "hours": timedelta(hours=numbers.answer_hours),
    }
    joins_never_loop()
    execute(
        f"UPDATE collaboration_boardday SET {', '.join(f'{name} = 0' for name in _COUNTED)}"  # noqa: S608
        " WHERE enterprise_id = %(enterprise)s AND day >= %(first)s",
        params,
    )
    execute(_EVENTS, params)
    execute(_STANDING, params)
    return (today - first).days + 1


def _first_day(today: date) -> date:
    """The day before the last one that was counted; all of the last 90 days when none was, or it is longer ago."""
    found = row(
        "SELECT max(day) FROM collaboration_boardday WHERE enterprise_id = %(enterprise)s AND day <= %(today)s",
        {"enterprise": current_enterprise_id(), "today": today},
    )
    last = found[0] if found else None
    return max(today - BACK, last - AGAIN) if last else today - BACK
