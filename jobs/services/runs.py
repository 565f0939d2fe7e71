"""Asking for work: queue, cancel, retry, undo."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files import File
from django.db import transaction
from django.http import FileResponse
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, NotFound
from common.ids import uuid7
from common.tenancy import current_enterprise_id
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.services import policy, zone
from jobs import files, registry
from jobs.models import JobRun


def enqueue(
    actor: Actor,
    *,
    name: str,
    params: dict[str, Any] | None = None,
    run_id: UUID | None = None,
    input: str = "",
    undoes: JobRun | None = None,
) -> JobRun:
    """Queue a job; a worker gets it when this transaction commits. The services that call it check permissions.

    It runs as `actor`, with the permissions that the role gives when it runs, even if the member is disabled or
    leaves meanwhile: what was asked for rightly is carried to its end (an admin can cancel it).
    """
    registry.get(name)
    run = JobRun.objects.create(
        id=run_id or uuid7(),
        name=name,
        params=params or {},
        input=input,
        member=actor.member,
        via=actor.via,
        undoes=undoes,
        created_at=clock.now(),
    )
    _record(actor, "job.queued", run, after={"params": _brief(run.params)})
    dispatch(run)
    return run


def store_input(run_id: UUID, file: File, extension: str) -> str:
    """Keep what a run will read, outside the web root, and return its name for `enqueue(input=…)`.

    Of the uploader's file name nothing is used.
    """
    return files.store(current_enterprise_id(), run_id, f"input.{extension}", file)


def enqueue_scheduled(enterprise: Enterprise, *, name: str) -> JobRun | None:
    """Queue the run of the present window, or return None when it exists already (X6)."""
    job = registry.get(name)
    assert job.window is not None, f"{name} is not a scheduled job"
    now = clock.now()
    run = JobRun(name=name, key=job.window(now, zone(enterprise)), created_at=now)
    JobRun.objects.bulk_create([run], ignore_conflicts=True)
    made = JobRun.objects.filter(pk=run.pk).first()
    if made is not None:
        dispatch(made)
    return made


def dispatch(run: JobRun) -> None:
    """Send the run to a worker once the transaction has committed; the sweeper finds it if that is lost."""
    from jobs.tasks import run_job  # tasks import services: the worker's side of the same coin

    enterprise_id, run_id = str(current_enterprise_id()), str(run.pk)
    transaction.on_commit(lambda: run_job.delay(enterprise_id, run_id), robust=True)


def cancel(actor: Actor, *, run: JobRun) -> JobRun:
    """Ask a run to stop. A queued one stops at once, a running one at its next step; what is done stays done."""
    run = _locked(actor, run)
    if not run.is_open:
        raise Conflict(_("This job has ended already."), code="job_ended")
    run.cancel_requested = True
    if run.state == JobRun.State.QUEUED:
        run.state, run.finished_at = JobRun.State.CANCELLED, clock.now()
    run.save(update_fields=["cancel_requested", "state", "finished_at"])
    _record(actor, "job.cancelled", run)
    return run


def retry(actor: Actor, *, run: JobRun) -> JobRun:
    """Queue a failed run again; it goes on where it stopped. Raises Conflict for runs that did not fail."""
    run = _locked(actor, run)
    if (code := registry.get(run.name).permission) is not None:
        actor.require(code)
    if run.state != JobRun.State.FAILED:
        raise Conflict(_("Only a failed job can be tried again."), code="not_failed")
    if clock.now() - (run.finished_at or clock.now()) > timedelta(days=policy().job_file_days):
        raise Conflict(_("This job is too old to be tried again: its files are gone."), code="too_old")
    # Of a job that is taken back nothing more is done; and what takes one back is in time, and the only one.
    if JobRun.objects.filter(undoes__in=[one for one in (run.pk, run.undoes_id) if one], state__in=UNDOING).exists():
        raise Conflict(_("This job was undone already."), code="already_undone")
    if run.undoes is not None:
        _in_time(run.undoes)
    run.state, run.error, run.finished_at, run.attempts = JobRun.State.QUEUED, None, None, 0
    run.cancel_requested, run.dispatched_at = False, clock.real()
    run.save(update_fields=["state", "error", "finished_at", "attempts", "cancel_requested", "dispatched_at"])
    _record(actor, "job.retried", run)
    dispatch(run)
    return run


def fetch(actor: Actor, *, run: JobRun) -> FileResponse:
    """The file that a run made, as a download. What somebody may not have any more is not had by an old link."""
    job = registry.JOBS.get(run.name)
    if run.report and job is not None and job.guard is not None:
        job.guard(actor, run)
    return files.download(run)


def undo(actor: Actor, *, run: JobRun) -> JobRun:
    """Queue the job that takes `run` back. Raises Conflict when it cannot be undone (any more, or twice)."""
    run = _locked(actor, run)
    return enqueue(actor, name=require_undoable(actor, run), params={"undoes": str(run.pk)}, undoes=run)


def require_undoable(actor: Actor, run: JobRun) -> str:
    """The name of the job that takes `run` back. Raises Conflict when `undo` would, Forbidden."""
    job = registry.get(run.name)
    if job.permission is not None:
        actor.require(job.permission)
    if job.undo is None or run.undo_until is None or run.is_open:
        raise Conflict(_("This job cannot be undone."), code="not_undoable")
    _in_time(run)
    if run.undone_by.filter(state__in=UNDOING).exists():
        raise Conflict(_("This job was undone already."), code="already_undone")
    return job.undo


# An undo in one of these states is under way or has happened (the constraint job_undone_once says the same).
UNDOING = (JobRun.State.QUEUED, JobRun.State.RUNNING, JobRun.State.DONE)


def can_undo(run: JobRun) -> bool:
    """Would `undo` be accepted now (but for permissions)?"""
    job = registry.JOBS.get(run.name)
    if job is None or job.undo is None or run.undo_until is None or run.is_open or clock.now() >= run.undo_until:
        return False
    return not run.undone_by.filter(state__in=UNDOING).exists()


def _in_time(run: JobRun) -> None:
    if run.undo_until is not None and clock.now() >= run.undo_until:
        raise Conflict(_("The time to undo this job is over."), code="undo_expired", undo_until=run.undo_until)


def _locked(actor: Actor, run: JobRun) -> JobRun:
    """The run as it is now, locked. What is not seen does not exist (O5)."""
    locked = JobRun.objects.visible_to(actor).select_for_update(no_key=True).filter(pk=run.pk).first()
    if locked is None:
        raise NotFound()
    return locked


def _record(actor: Actor, action: str, run: JobRun, after: dict[str, Any] | None = None) -> None:
    audit.record(actor, action, run, subject_type="job", subject_label=run.name, after=after)


def _brief(params: dict[str, Any]) -> dict[str, Any]:
    """For the audit trail: long lists, such as the ids of a selection, by their number."""
    return {
        key: {"count": len(value)} if isinstance(value, list) and len(value) > 20 else value
        for key, value in params.items()
    }
