"""`python manage.py run_job NAME [--enterprise ID] [--now ISO8601]`: a job at once, as if it were that moment."""

import contextlib
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from common.errors import NotFound
from common.tenancy import tenant
from enterprises.access import find_enterprise
from enterprises.models import Enterprise
from jobs import registry
from jobs.models import JobRun
from jobs.runner import execute_run
from jobs.tasks import active_enterprises


class Command(BaseCommand):
    """Runs in this process and prints what it did as JSON, a line per enterprise."""

    help = "Run a scheduled job at once, for one or all enterprises."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=sorted(name for name, job in registry.JOBS.items() if job.window))
        parser.add_argument("--enterprise", help="id or code; all enterprises when left out")
        parser.add_argument("--now", help="ISO 8601; without an offset in the enterprise's time zone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = [find_enterprise(options["enterprise"])] if options["enterprise"] else active_enterprises()
        except NotFound as error:
            raise CommandError("There is no such enterprise.") from error
        failed = False
        for enterprise in chosen:
            with self._clock(options["now"], enterprise):
                run = _run(enterprise, options["name"])
            failed = failed or run.state != JobRun.State.DONE
            line = {
                "enterprise": str(enterprise.pk),
                "name": enterprise.name,
                "job": run.name,
                "state": run.state,
                "result": run.result,
                "error": run.error,
            }
            self.stdout.write(json.dumps(line, ensure_ascii=False, default=str))
        if failed:
            raise CommandError("At least one run failed.")

    @staticmethod
    def _clock(text: str | None, enterprise: Enterprise) -> contextlib.AbstractContextManager[None]:
        if text is None:
            return contextlib.nullcontext()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise CommandError("--now takes ISO 8601, such as 2026-01-31T08:00") from error
        return clock.at(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(enterprise.timezone)))


def _run(enterprise: Enterprise, name: str) -> JobRun:
    with tenant(enterprise.pk):
        run = JobRun.objects.create(name=name, via="command", created_at=clock.now())
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        # Still queued when the enterprise is suspended, or the database gave out: it is done later.
        return JobRun.objects.get(pk=run.pk)
