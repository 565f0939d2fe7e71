"""From the clock to runs: which enterprises are due for a scheduled job now.

Times are those of the enterprise: "02:11" is 02:11 there, ":07" every hour. From then on the enterprises become
due spread over some time, each always at the same moment, so that they do not all start at once. Whoever is due and has
no run in the window gets one, so a missed tick is made up by the next.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from common import clock
from common.sql import rows
from common.tenancy import tenant
from enterprises.models import Enterprise
from jobs import registry, services

log = logging.getLogger(__name__)
CHUNK = 500


def share_due(moment: datetime, zone: tzinfo, at: str, spread: timedelta) -> float:
    """Which share (0 to 1) of the enterprises of a time zone is due at `moment`."""
    local = moment.astimezone(zone)
    hour, _colon, minute = at.partition(":")
    start = local.replace(hour=int(hour) if hour else local.hour, minute=int(minute), second=0, microsecond=0)
    if local < start:
        return 0.0
    return min(1.0, (local - start + timedelta(minutes=1)) / spread)


def fan_out(name: str, *, at: str, spread: timedelta) -> int:
    """Queue a scheduled job for every enterprise that is due and has none in its window; returns how many."""
    return _queue(name, _due(name, at, spread))


def fan_out_waiting(name: str) -> int:
    """Queue a job for every enterprise that has work for it now, as its SQL function says; returns how many."""
    function = registry.get(name).waiting
    found = rows(f"SELECT {function}(%(now)s)", {"now": clock.now()})
    return _queue(name, (enterprise_id for (enterprise_id,) in found))


def _queue(name: str, enterprises: Iterable[UUID]) -> int:
    queued = 0
    for enterprise_id in enterprises:
        try:
            with tenant(enterprise_id):
                enterprise = Enterprise.objects.get(pk=enterprise_id)
                queued += services.enqueue_scheduled(enterprise, name=name) is not None
        except Exception:
            # One enterprise must not keep the others from their work; the next tick tries again.
            log.exception("%s could not be queued for %s", name, enterprise_id)
    return queued


def _due(name: str, at: str, spread: timedelta) -> Iterator[UUID]:
    """By chunks: memory does not grow with the number of enterprises."""
    window = registry.get(name).window
    assert window is not None, f"{name} is not a scheduled job"
    now = clock.now()
    zones = Enterprise.objects.filter(status=Enterprise.Status.ACTIVE).order_by("timezone")
    for zone in list(zones.values_list("timezone", flat=True).distinct()):
        share = share_due(now, ZoneInfo(zone), at, spread)
        after = UUID(int=0)
        while share > 0:
            chunk = rows(
                "SELECT enterprises_due(%(name)s, %(key)s, %(zone)s, %(share)s, %(after)s, %(most)s)",
                {
                    "name": name,
                    "key": window(now, ZoneInfo(zone)),
                    "zone": zone,
                    "share": share,
                    "after": after,
                    "most": CHUNK,
                },
            )
            yield from (found for (found,) in chunk)
            if len(chunk) < CHUNK:
                break
            after = chunk[-1][0]
