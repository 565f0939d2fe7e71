"""What is kept of runs, and for how long: files shorter than runs, both as the policy says.

Uploads and reports hold customers' data, so they go first. Folders without a run (the request that made them was
rolled back) go after a day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from common import clock
from common.ids import made_at, parse_uuid
from common.tenancy import current_enterprise_id
from enterprises import idempotency
from enterprises.services import policy
from jobs import files, registry
from jobs.models import Delivery, JobRun, Notification
from jobs.runner import JobContext

CHUNK = 200
# A scheduled run that ended well is of no interest to anybody for long, and there are many.
SCHEDULED = timedelta(days=7)
ORPHAN = timedelta(days=1)


def clean_up(context: JobContext) -> dict[str, int]:
    """Delete what is older than the policy wants, in small steps; returns how many of each."""
    with context.step():
        days = policy()
        keys = idempotency.forget_old()
    now = clock.now()
    files_before = now - timedelta(days=days.job_file_days)
    runs_before = now - timedelta(days=days.job_days)
    ended = Q(finished_at__lt=runs_before) | Q(
        finished_at__lt=max(runs_before, now - SCHEDULED), key__isnull=False, state=JobRun.State.DONE
    )
    removed = {
        "files": _in_steps(context, lambda: _remove_files(files_before)),
        "runs": _in_steps(context, lambda: _remove_runs(ended & ~Q(undo_until__gt=now))),
        "deliveries": _in_steps(context, lambda: _remove_deliveries(now - timedelta(days=days.delivery_days))),
        "notifications": _in_steps(context, lambda: _remove_notifications(runs_before)),
        "idempotency_keys": keys,
    }
    with context.step():
        removed["orphans"] = _remove_orphans()
    return removed


def _in_steps(context: JobContext, remove: Callable[[], int]) -> int:
    total = 0
    while True:
        with context.step():
            removed = remove()
            context.done += removed
        total += removed
        if removed < CHUNK:
            return total


def _remove_files(before: datetime) -> int:
    kept = JobRun.objects.exclude(state__in=JobRun.OPEN).exclude(input="", report="")
    ids = list(kept.filter(finished_at__lt=before).order_by("finished_at", "id").values_list("pk", flat=True)[:CHUNK])
    _call(registry.WITH_FILES, ids)
    JobRun.objects.filter(pk__in=ids).update(input="", report="")
    _remove_folders(ids)
    return len(ids)


def _remove_runs(ended: Q) -> int:
    old = JobRun.objects.exclude(state__in=JobRun.OPEN).filter(ended)
    ids = list(old.order_by("finished_at", "id").values_list("pk", flat=True)[:CHUNK])
    if ids:
        _call([*registry.WITH_FILES, *registry.BEFORE_REMOVAL], ids)
        JobRun.objects.filter(pk__in=ids).delete()
        _remove_folders(ids)
    return len(ids)


def _call(hooks: list[Callable[[list[UUID]], object]], run_ids: list[UUID]) -> None:
    for hook in hooks:
        hook(run_ids)


def _remove_deliveries(before: datetime) -> int:
    """The log of what went out; what still waits is younger than its last try."""
    old = Delivery.objects.exclude(state=Delivery.State.WAITING).filter(created_at__lt=before)
    ids = list(old.order_by("created_at", "id").values_list("pk", flat=True)[:CHUNK])
    return Delivery.objects.filter(pk__in=ids).delete()[0]


def _remove_notifications(before: datetime) -> int:
    old = Notification.objects.filter(created_at__lt=before).order_by("created_at", "id")
    ids = list(old.values_list("pk", flat=True)[:CHUNK])
    Delivery.objects.filter(notification__in=ids).delete()
    return Notification.objects.filter(pk__in=ids).delete()[0]


def _remove_orphans() -> int:
    """Folders that no run owns. A run's id tells when it was made, so a request under way is left alone."""
    names = files.run_folders(current_enterprise_id())
    found = {run_id for name in names if (run_id := parse_uuid(name)) is not None}
    old = {run_id for run_id in found if clock.real() - made_at(run_id) > ORPHAN}
    owned = set(JobRun.objects.exclude(input="", report="").filter(pk__in=old).values_list("pk", flat=True))
    owned |= set(JobRun.objects.open().filter(pk__in=old).values_list("pk", flat=True))
    _remove_folders(sorted(old - owned))
    return len(old - owned)


def _remove_folders(run_ids: list[UUID]) -> None:
    """Once the rows are committed; a folder that is left because we die here is an orphan of the next time."""
    for run_id in run_ids:
        transaction.on_commit(partial(files.remove, current_enterprise_id(), run_id), robust=True)
