"""What Celery calls. Everything it needs stands on the run's row; the message only names it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.tenancy import tenant
from enterprises.models import Enterprise
from jobs import lease, retention, runner, schedule
from jobs.registry import daily, job
from jobs.runner import JobContext
from jobs.sending import outbox, worker


def active_enterprises() -> QuerySet[Enterprise]:
    """Those whose work goes on."""
    return Enterprise.objects.filter(status=Enterprise.Status.ACTIVE).order_by("id")


def enterprise_task(name: str) -> Callable[[Callable[[Enterprise], object]], Any]:
    """A short piece of work for one enterprise that leaves no run behind: `watch.delay(str(enterprise_id))`.

    One transaction in its scope; an enterprise that is suspended is left alone. Nothing repeats it when its message
    is lost, so a scheduled job must find what it would have done.
    """

    def register(work: Callable[[Enterprise], object]) -> Any:
        def task(enterprise_id: str) -> None:
            with tenant(UUID(enterprise_id)):
                enterprise = active_enterprises().filter(pk=UUID(enterprise_id)).first()
                if enterprise is not None:
                    work(enterprise)

        return shared_task(name=name)(task)

    return register


@shared_task(name="jobs.run")
def run_job(enterprise_id: str, run_id: str) -> None:
    """Do one run, unless somebody else has it."""
    runner.execute_run(UUID(enterprise_id), UUID(run_id))


@shared_task(name="jobs.fan_out")
def fan_out(name: str, at: str, spread_minutes: float) -> None:
    """Queue a scheduled job for every enterprise that is due, once per window (see jobs.schedule)."""
    schedule.fan_out(name, at=at, spread=timedelta(minutes=spread_minutes))


@shared_task(name="jobs.fan_out_waiting")
def fan_out_waiting(name: str) -> None:
    """Queue a job for every enterprise that has work for it now (see jobs.schedule)."""
    schedule.fan_out_waiting(name)


@shared_task(name="jobs.sweep")
def sweep() -> None:
    """Find lost work: runs that no worker fetched, runs whose worker died, and what is due to go out."""
    for enterprise_id, run_id in lease.stale_runs():
        if lease.take_back(enterprise_id, run_id):
            run_job.delay(str(enterprise_id), str(run_id))
    for enterprise_id in outbox.enterprises_waiting():
        deliver.delay(str(enterprise_id))


@shared_task(name="jobs.deliver")
def deliver(enterprise_id: str) -> None:
    """Send the mails and webhook calls of one enterprise that are due."""
    if worker.deliver(UUID(enterprise_id)):
        deliver.delay(enterprise_id)


@job("jobs.clean_up", label=_("Delete old files and jobs"), window=daily)
def clean_up(context: JobContext) -> dict[str, Any]:
    """Keep files and runs no longer than the policy says."""
    return dict(retention.clean_up(context))
