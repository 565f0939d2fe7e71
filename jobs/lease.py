"""Who works on a run: its lease, the heart-beat that keeps it, and taking it back from the dead.

Leases use real time: they are about processes, not about the business. Two signs say that a worker is alive: the
heart-beat, which a thread writes whatever the handler is doing, and the advisory lock that a step holds, however
long one statement takes.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection

from common import clock
from common.sql import execute, rows
from common.tenancy import current_enterprise_id, tenant
from jobs.models import JobRun

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
BEAT = timedelta(seconds=10)
_STEP_LOCK = "hashtextextended(%(run)s, 0)"


@contextmanager
def kept(enterprise_id: UUID, run_id: UUID, claim: UUID) -> Iterator[None]:
    """Keep the lease of a claimed run during the block."""
    stop = threading.Event()
    beats = threading.Thread(
        target=_beat, args=(enterprise_id, run_id, claim, stop), daemon=True, name=f"lease-{run_id}"
    )
    beats.start()
    try:
        yield
    finally:
        stop.set()
        beats.join()


def _beat(enterprise_id: UUID, run_id: UUID, claim: UUID, stop: threading.Event) -> None:
    """Write the heart-beat until told to stop. A thread has a database connection of its own; it is not kept."""
    while not stop.wait(BEAT.total_seconds()):
        try:
            with tenant(enterprise_id):
                if not JobRun.objects.filter(pk=run_id, claim=claim).update(heartbeat_at=clock.real()):
                    return
        except DatabaseError:
            log.warning("No heart-beat for %s", run_id, exc_info=True)
        finally:
            connection.close()


def enter_step(run_id: UUID) -> None:
    """Hold the run's lock until the end of the transaction; waits for another worker's step to end."""
    execute(f"SELECT pg_advisory_xact_lock({_STEP_LOCK})", {"run": str(run_id)})


def stale_runs(most: int = 1000) -> list[tuple[UUID, UUID]]:
    """(enterprise, run) of open runs that nobody seems to look after, of all active enterprises, oldest first.

    Asked of a SECURITY DEFINER function, in one statement however many enterprises there are. A queued run is
    stale when its message had time to arrive; that time doubles, up to ten minutes, so that a long queue is not
    made longer.
    """
    found = rows(
        "SELECT enterprise_id, run_id FROM stale_job_runs(%(now)s, %(lease)s, %(most)s)",
        {"now": clock.real(), "lease": LEASE, "most": most},
    )
    return [(enterprise, run) for enterprise, run in found]


def take_back(enterprise_id: UUID, run_id: UUID) -> bool:
    """Put a stale run back into the queue; False when it is not stale (any more) or somebody is inside a step."""
    with tenant(enterprise_id):
        taken = execute(
            f"""
            UPDATE jobs_jobrun SET state = 'queued', claim = NULL, dispatched_at = %(now)s
            WHERE enterprise_id = %(enterprise)s AND id = %(id)s
              AND job_is_stale(state, created_at, dispatched_at, heartbeat_at, %(now)s, %(lease)s)
              AND pg_try_advisory_xact_lock({_STEP_LOCK})
            """,  # noqa: S608 - our own text
            {
                "enterprise": current_enterprise_id(),
                "id": run_id,
                "run": str(run_id),
                "now": clock.real(),
                "lease": LEASE,
            },
        )
        return taken > 0
