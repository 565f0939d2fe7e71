"""What Celery calls. Everything it needs stands on the run's row; the message only names it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise
from jobs import lease, retention, runner, schedule
from jobs.registry import daily, job
from jobs.runner import JobContext


def active_enterprises() -> Iterator[Enterprise]:
    """Those whose scheduled work goes on."""
    return Enterprise.objects.filter(status=Enterprise.Status.ACTIVE).order_by("id").iterator()


@shared_task(name="jobs.run")
def run_job(enterprise_id: str, run_id: str) -> None:
    """Do one run, unless somebody else has it."""
    runner.execute_run(UUID(enterprise_id), UUID(run_id))


@shared_task(name="jobs.fan_out")
def fan_out(name: str, at: str, spread_minutes: float) -> None:
    """Queue a scheduled job for every enterprise that is due, once per window (see jobs.schedule)."""
    schedule.fan_out(name, at=at, spread=timedelta(minutes=spread_minutes))


@shared_task(name="jobs.sweep")
def sweep() -> None:
    """Find lost work: runs that no worker fetched, and runs whose worker died."""
    for enterprise_id, run_id in lease.stale_runs():
        if lease.take_back(enterprise_id, run_id):
            run_job.delay(str(enterprise_id), str(run_id))


@job("jobs.clean_up", label=_("Delete old files and jobs"), window=daily)
def clean_up(context: JobContext) -> dict[str, Any]:
    """Keep files and runs no longer than the policy says."""
    return dict(retention.clean_up(context))
