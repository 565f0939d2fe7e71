"""The daily history of the scale (Q15): set-based, from ledger and contacts; whatever is missing is made up for.

The contacts' table is read by name, as that room stands above this one.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from common import clock
from common.sql import execute, joins_never_loop, row
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from enterprises.services import zone
from quota.models import Forecast

# Three years and a leap day: more is neither shown nor forecast from.
KEPT_DAYS = 3 * 365 + 1


def keep_history(enterprise: Enterprise) -> int:
    """Write down every complete day that is not written down yet; the first run writes the whole past.

    Safe late, twice and in parallel (X6): one run after the other, and a day that stands is written only where the
    ledger or the contacts know better by now. Returns the number of new days.
    """
    lock_forecast()
    today = clock.now().astimezone(zone(enterprise)).date()
    params = _bounds(enterprise, today)
    if params is None:
        return 0
    joins_never_loop()
    made = execute(_DAYS, params)
    execute(_ARRIVALS, params)
    if made:
        execute(_TEAMS, params)
    return made


def lock_forecast() -> Forecast:
    """The enterprise's row of the forecast, made if need be, and locked: nights that overlap wait here."""
    now = clock.now()
    execute(
        """
        INSERT INTO quota_forecast (id, enterprise_id, as_of, computed_at, gain, low, high, facts)
        VALUES (%(enterprise)s, %(enterprise)s, %(day)s, %(now)s, '{}', '{}', '{}', '{}') ON CONFLICT DO NOTHING
        """,
        {"enterprise": current_enterprise_id(), "day": now.date(), "now": now},
    )
    return Forecast.objects.select_for_update(no_key=True).get()


def _bounds(enterprise: Enterprise, today: date) -> dict[str, Any] | None:
    """The days that are kept and those still to be written; None while nothing has happened before today."""
    local = zone(enterprise)
    found = row(
        """
        SELECT least((SELECT min(at) FROM quota_ledgerentry WHERE enterprise_id = %(enterprise)s),
                     (SELECT min(added_at) FROM contacts_contact WHERE enterprise_id = %(enterprise)s)),
               (SELECT min(day) FROM quota_historyday WHERE enterprise_id = %(enterprise)s),
               (SELECT max(day) FROM quota_historyday WHERE enterprise_id = %(enterprise)s)
        """,
        {"enterprise": current_enterprise_id()},
    )
    assert found is not None
    began, kept_from, kept_to = found
    if began is None or began.astimezone(local).date() >= today:
        return None
    first = max(began.astimezone(local).date(), today - timedelta(days=KEPT_DAYS))
    # An import may bring people from before the first day that is written down.
    new = kept_to + timedelta(days=1) if kept_from and kept_from <= first else first
    return {
        "enterprise": current_enterprise_id(),
        "nobody": UUID(int=0),
        "zone": enterprise.timezone,
        "first": first,
        "first_moment": datetime.combine(first, time(), local),
        "kept_from": kept_from or today,
        "kept_to": kept_to or today,
        "new": new,
        "new_moment": datetime.combine(new, time(), local),
        "second_moment": datetime.combine(new + timedelta(days=1), time(), local),
        "today": today,
        "today_moment": datetime.combine(today, time(), local),
    }


_DAYS = """
WITH changed AS (
    SELECT (at AT TIME ZONE %(zone)s)::date AS day, sum(delta) AS delta,
           count(*) FILTER (WHERE reason = 'lost') AS lost
    FROM quota_ledgerentry
    WHERE enterprise_id = %(enterprise)s AND at >= %(new_moment)s AND at < %(today_moment)s
    GROUP BY 1
)
INSERT INTO quota_historyday (id, enterprise_id, day, served, arrived, lost)
SELECT uuid7(), %(enterprise)s, days.day::date,
       before.served + coalesce(sum(changed.delta) OVER (ORDER BY days.day), 0), 0, coalesce(changed.lost, 0)
FROM generate_series(%(new)s::date, %(today)s::date - 1, interval '1 day') AS days (day)
CROSS JOIN (SELECT coalesce(sum(delta), 0) AS served FROM quota_ledgerentry
            WHERE enterprise_id = %(enterprise)s AND at < %(new_moment)s) AS before
LEFT JOIN changed ON changed.day = days.day::date
ORDER BY days.day
ON CONFLICT (enterprise_id, day) DO NOTHING
"""

# An import may bring people who came long ago, so all days are counted again. A contact deleted since has come all
# the same: numbers only rise.
_ARRIVALS = """
UPDATE quota_historyday AS history SET arrived = counted.number
FROM (
    SELECT (came.at AT TIME ZONE %(zone)s)::date AS day, count(*) AS number
    FROM (
        SELECT added_at AS at FROM contacts_contact
        WHERE enterprise_id = %(enterprise)s AND added_at >= %(first_moment)s AND added_at < %(today_moment)s
        UNION ALL
        SELECT at FROM quota_ledgerentry
        WHERE enterprise_id = %(enterprise)s AND reason = 'returned'
          AND at >= %(first_moment)s AND at < %(today_moment)s
    ) AS came
    GROUP BY 1
) AS counted
WHERE history.enterprise_id = %(enterprise)s AND history.day = counted.day AND history.arrived < counted.number
"""

# Counted now and reckoned back: what happened after a day is taken off, by the department that the contact's owner is
# in today. Days that were written stay as they were then.
_TEAMS = """
WITH place AS (
    SELECT contact.id, contact.status, coalesce(member.department_id, %(nobody)s) AS team
    FROM contacts_contact AS contact
    LEFT JOIN enterprises_member AS member
           ON member.enterprise_id = %(enterprise)s AND member.id = contact.owner_id
    WHERE contact.enterprise_id = %(enterprise)s
), changed AS (
    SELECT coalesce(place.team, %(nobody)s) AS team,
           least((entry.at AT TIME ZONE %(zone)s)::date, %(today)s::date) AS day, sum(entry.delta) AS delta
    FROM quota_ledgerentry AS entry LEFT JOIN place ON place.id = entry.contact_id
    WHERE entry.enterprise_id = %(enterprise)s AND entry.at >= %(second_moment)s
    GROUP BY 1, 2
), present AS (
    SELECT team, count(*) AS served FROM place WHERE status = 'active' GROUP BY 1
), grid AS (
    SELECT every.team, days.day::date AS day
    FROM (SELECT team FROM changed UNION SELECT team FROM present) AS every
    CROSS JOIN generate_series(%(new)s::date, %(today)s::date, interval '1 day') AS days (day)
), counted AS (
    SELECT grid.team, grid.day,
           coalesce(present.served, 0) - coalesce(sum(changed.delta) OVER (
               PARTITION BY grid.team ORDER BY grid.day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ), 0) AS served
    FROM grid
    LEFT JOIN present ON present.team = grid.team
    LEFT JOIN changed ON changed.team = grid.team AND changed.day = grid.day
)
INSERT INTO quota_teamday (id, enterprise_id, day, department_id, served)
SELECT uuid7(), %(enterprise)s, day, nullif(team, %(nobody)s), served
FROM counted WHERE served <> 0 AND day < %(today)s AND day NOT BETWEEN %(kept_from)s AND %(kept_to)s
ORDER BY day, team
ON CONFLICT DO NOTHING
"""
