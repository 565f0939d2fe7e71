"""X4, X6: a run goes on where it stopped, whoever goes on, and never does a step twice."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from common import clock
from common.errors import Conflict
from common.sql import execute
from common.tenancy import tenant
from enterprises.models import AuditEntry, Enterprise
from jobs import files, lease, registry, runner, services
from jobs.models import JobRun
from jobs.runner import JobContext
from tests import factories

pytestmark = pytest.mark.usefixtures("committed_db")
STEPS = 4


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@pytest.fixture
def enterprise(committed_db: None) -> Enterprise:
    return factories.enterprise()


@pytest.fixture
def handler() -> Iterator[Callable[..., JobRun]]:
    """Registers a handler for the test and queues a run of it."""

    def use(enterprise: Enterprise, work: Callable[[JobContext], Any]) -> JobRun:
        registry.JOBS["tests.work"] = registry.Job("tests.work", "Tests", work)
        with tenant(enterprise.pk):
            return services.enqueue(factories.super_admin(enterprise), name="tests.work")

    yield use
    registry.JOBS.pop("tests.work", None)


def leave(enterprise: Enterprise, run: JobRun) -> None:
    """The lease of the run is over."""
    with tenant(enterprise.pk):
        long_ago = clock.real() - 2 * lease.LEASE
        JobRun.objects.filter(pk=run.pk).update(heartbeat_at=long_ago, dispatched_at=long_ago)


def steps(context: JobContext, inside: Callable[[int], None] = lambda number: None) -> dict[str, Any]:
    """Four steps; each writes one row that shows that it was done."""
    context.total = STEPS
    while context.done < STEPS:
        with context.step():
            number = context.done + 1
            AuditEntry.objects.create(action=f"step.{number}", actor_kind="system", via="job", subject_type="test")
            inside(number)
            context.done = number
        context.result = {"steps": context.done}
    return {"steps": context.done}


def written(enterprise: Enterprise) -> list[str]:
    with tenant(enterprise.pk):
        actions = AuditEntry.objects.filter(action__startswith="step.").values_list("action", flat=True)
        return sorted(actions)


def test_x4_a_killed_run_goes_on_where_it_stopped(enterprise, handler):
    deaths = [2, 3, 3]

    def inside(number: int) -> None:
        if deaths and deaths[0] == number:
            deaths.pop(0)
            raise Killed

    run = handler(enterprise, lambda context: steps(context, inside))
    for _death in range(3):
        with pytest.raises(Killed):
            runner.execute_run(enterprise.pk, run.pk)
        assert runner.execute_run(enterprise.pk, run.pk) is None, "the lease of the dead one still holds"
        leave(enterprise, run)
        assert lease.stale_runs() == [(enterprise.pk, run.pk)]
        assert lease.take_back(enterprise.pk, run.pk)
    ended = runner.execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.done, ended.result, ended.attempts) == ("done", 4, {"steps": 4}, 0)
    assert written(enterprise) == ["step.1", "step.2", "step.3", "step.4"]
    assert runner.execute_run(enterprise.pk, run.pk) is None, "an ended run is not done again"


def test_x4_a_step_that_lost_a_deadlock_is_done_again(enterprise, handler):
    lost = []

    def inside(number: int) -> None:
        if number == 3 and len(lost) < 2:
            lost.append(number)
            execute("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")

    run = handler(enterprise, lambda context: steps(context, inside))
    ended = runner.execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.done, len(lost)) == ("done", 4, 2)
    assert written(enterprise) == ["step.1", "step.2", "step.3", "step.4"]


def test_x4_a_run_that_lost_the_database_waits_for_the_sweeper(enterprise, handler):
    lost = []

    def inside(number: int) -> None:
        if number == 2 and not lost:
            lost.append(number)
            connection.connection.close()

    run = handler(enterprise, lambda context: steps(context, inside))
    assert runner.execute_run(enterprise.pk, run.pk) is None
    connections.close_all()
    assert written(enterprise) == ["step.1"]
    leave(enterprise, run)
    lease.take_back(enterprise.pk, run.pk)
    assert runner.execute_run(enterprise.pk, run.pk).state == "done"
    assert written(enterprise) == ["step.1", "step.2", "step.3", "step.4"]


def test_x6_nobody_takes_a_run_from_a_worker_inside_a_long_step(enterprise, handler):
    entered, may_leave = threading.Event(), threading.Event()

    def inside(number: int) -> None:
        if number == 1:
            entered.set()
            assert may_leave.wait(30)

    run = handler(enterprise, lambda context: steps(context, inside))

    def worker() -> None:
        try:
            runner.execute_run(enterprise.pk, run.pk)
        finally:
            connections.close_all()

    thread = threading.Thread(target=worker)
    thread.start()
    assert entered.wait(30)
    leave(enterprise, run)
    assert runner.execute_run(enterprise.pk, run.pk) is None
    assert lease.take_back(enterprise.pk, run.pk) is False
    may_leave.set()
    thread.join()
    with tenant(enterprise.pk):
        ended = JobRun.objects.get(pk=run.pk)
    assert (ended.state, ended.attempts) == ("done", 0)
    assert written(enterprise) == ["step.1", "step.2", "step.3", "step.4"]


def test_x4_cancelled_half_way_keeps_what_is_done(enterprise, handler):
    def work(context: JobContext) -> dict[str, Any]:
        with context.step():
            AuditEntry.objects.create(action="step.1", actor_kind="system", via="job", subject_type="test")
            context.done = 1
            context.updates["undo_until"] = clock.now() + timedelta(days=30)
        context.result = {"steps": 1}
        with tenant(enterprise.pk):
            services.cancel(factories.super_admin(enterprise), run=JobRun.objects.get(pk=context.run_id))
        return steps(context)

    run = handler(enterprise, work)
    ended = runner.execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.done, ended.result) == ("cancelled", 1, {"steps": 1})
    assert ended.undo_until is not None and ended.finished_at is not None
    assert written(enterprise) == ["step.1"]


def test_a_failed_step_leaves_nothing_on_the_run(enterprise, handler):
    def work(context: JobContext) -> dict[str, Any]:
        with context.step():
            context.done = 7
            context.updates["undo_until"] = clock.now()
            raise Conflict("No.", code="no_way", left=[1])
        return {}

    run = handler(enterprise, work)
    ended = runner.execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.done, ended.undo_until) == ("failed", 0, None)
    assert ended.error == {"code": "no_way", "detail": "No.", "left": [1]}


def test_a_report_is_kept_as_a_file_of_the_run(enterprise, handler):
    def work(context: JobContext) -> dict[str, Any]:
        with context.report("refused.csv") as file:
            file.write("行,原因\r\n".encode())
        return {}

    run = handler(enterprise, work)
    ended = runner.execute_run(enterprise.pk, run.pk)
    assert ended.report_name == "refused.csv"
    assert ended.report.startswith(f"jobs/{enterprise.pk}/{run.pk}/report-") and ended.report.endswith(".csv")
    assert b"".join(files.download(ended).streaming_content).decode() == "行,原因\r\n"
    files.remove(enterprise.pk, run.pk)
