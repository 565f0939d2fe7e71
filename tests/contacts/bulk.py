"""What the tests of bulk work share."""

import csv
import io
from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage

from common import clock
from common.tenancy import tenant
from contacts.models import CleanUp, Contact
from contacts.services import bulk, cleanups
from enterprises.actors import Actor
from enterprises.models import Enterprise
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.services import verify_counts
from tests import factories


def do(enterprise: Enterprise, action: str, *, actor: Actor | None = None, **asked: Any) -> JobRun:
    """Ask for bulk work and do it; the run as it ended."""
    with tenant(enterprise.pk):
        run = bulk.start(actor or factories.super_admin(enterprise), action=action, **asked)
    return finish(enterprise, run)


def undo(enterprise: Enterprise, run: JobRun, *, actor: Actor | None = None) -> JobRun:
    """Take a job back; the undoing run as it ended."""
    with tenant(enterprise.pk):
        undoing = jobs.undo(actor or factories.super_admin(enterprise), run=JobRun.objects.get(pk=run.pk))
    return finish(enterprise, undoing)


def finish(enterprise: Enterprise, run: JobRun) -> JobRun:
    ended = execute_run(enterprise.pk, run.pk)
    assert ended is not None
    consistent(enterprise)
    return ended


def consistent(enterprise: Enterprise) -> int:
    """Ledger sum = counter = counted contacts (Q14); returns how many are served."""
    with tenant(enterprise.pk):
        counted = verify_counts()
    assert counted["ok"], counted
    return counted["counter"]


def report(run: JobRun) -> list[list[str]]:
    """The rows of the run's report, without the header."""
    with default_storage.open(run.report) as file:
        rows = list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"))))
    return rows[1:]


def silent(actor, number=1, **fields):
    """So many silent contacts of the actor."""
    made = [factories.contact(actor, added_at=factories.NOON - timedelta(days=200), **fields) for _n in range(number)]
    Contact.objects.filter(pk__in=[one.pk for one in made]).update(inactive=True)
    return made


def end_round(enterprise: Enterprise, made: CleanUp) -> int:
    """The time of a clean-up is over, and its archiving is done; how many it gave to that."""
    with tenant(enterprise.pk), clock.at(made.due_at):
        counted = cleanups.carry_out(factories.super_admin(enterprise), now=made.due_at)
        runs = list(JobRun.objects.filter(name="contacts.archive", state="queued").values_list("pk", flat=True))
    for run in runs:
        execute_run(enterprise.pk, run)
    return counted["archived"]
