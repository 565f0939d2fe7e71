"""Real workers, killed and started again, on a database that really commits (X4, X6)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

import tests.jobs.handlers  # noqa: F401
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.models import AuditEntry
from jobs import lease, schedule, services, tasks
from jobs.models import JobRun
from jobs.runner import MAX_ATTEMPTS, execute_run
from tests import factories, workers

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def gate():
    """The name of this test's gate; nobody is left standing there."""
    name = str(uuid7())
    yield name
    workers.open_gate(name, 9)


@pytest.fixture
def firm():
    return factories.enterprise()


def queue(firm, name="tests.count", **params):
    with tenant(firm.pk):
        return services.enqueue(factories.super_admin(firm), name=name, params=params)


def counted(firm):
    with tenant(firm.pk):
        return [entry.subject_label for entry in AuditEntry.objects.filter(action="tests.counted").order_by("id")]


def sweep_until_found(database_name, run):
    """The database may need a moment to see that a killed worker's connection is gone."""
    workers.age(database_name)
    workers.eventually(lambda: (run.enterprise_id, run.pk) in lease.stale_runs())
    workers.eventually(lambda: lease.take_back(run.enterprise_id, run.pk))


@pytest.mark.parametrize("gate_at", ["gate_inside", "gate_after"])
def test_x4_killed_worker_goes_on_where_it_stopped(firm, gate, database_name, gate_at):
    """SIGKILL inside a step (its effects are rolled back) and between two steps (they stay): all exactly once."""
    run = queue(firm, upto=5, gate=gate, **{gate_at: 2})
    with workers.worker(database_name) as first:
        workers.reached(gate)
        first.kill()
    done = {"gate_inside": 2, "gate_after": 3}[gate_at]
    assert len(counted(firm)) == done
    sweep_until_found(database_name, run)
    workers.open_gate(gate)
    with workers.worker(database_name):
        tasks.run_job.delay(str(firm.pk), str(run.pk))
        ended = workers.ended(firm.pk, run.pk)
    assert (ended.state, ended.done, ended.result) == ("done", 5, {"counted": 5})
    assert counted(firm) == ["0", "1", "2", "3", "4"]


def test_x4_cancel_of_a_running_run_keeps_what_is_done(firm, gate, database_name):
    run = queue(firm, upto=5, gate=gate, gate_after=1)
    with workers.worker(database_name):
        workers.reached(gate)
        with tenant(firm.pk):
            services.cancel(factories.super_admin(firm), run=run)
        workers.open_gate(gate)
        ended = workers.ended(firm.pk, run.pk)
    assert (ended.state, ended.done) == ("cancelled", 2)
    assert counted(firm) == ["0", "1"]


def test_x6_two_workers_with_the_same_message_do_it_once(firm, gate, database_name):
    run = queue(firm, upto=3, gate=gate, gate_inside=1)
    with workers.worker(database_name), workers.worker(database_name):
        workers.reached(gate)
        for _ in range(5):
            tasks.run_job.delay(str(firm.pk), str(run.pk))
        # The other worker is through with all of them before the first goes on.
        workers.eventually(lambda: workers.broker().llen(workers.queue(database_name)) == 0)
        workers.open_gate(gate)
        workers.ended(firm.pk, run.pk)
    assert counted(firm) == ["0", "1", "2"]


def test_x6_parallel_execution_of_one_run_does_it_once(firm):
    run = queue(firm, upto=10)
    results = []

    def go():
        try:
            results.append(execute_run(firm.pk, run.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in results if one is not None]) == 1 and len(results) == 8
    assert counted(firm) == [str(number) for number in range(10)]


def test_x6_lost_message_is_found_by_the_sweeper(firm, database_name):
    run = queue(firm, upto=1)
    workers.broker().delete(workers.queue(database_name))  # Redis lost it
    tasks.sweep()
    assert workers.broker().llen(workers.queue(database_name)) == 0  # too early: it may still arrive
    workers.age(database_name)
    tasks.sweep()
    tasks.sweep()
    assert workers.broker().llen(workers.queue(database_name)) == 1
    with workers.worker(database_name):
        assert workers.ended(firm.pk, run.pk).state == "done"


def test_x6_waiting_runs_are_sent_again_ever_less_often(firm, database_name):
    """A long queue must not be made longer by the sweeper: the time between two messages doubles."""
    run = queue(firm, upto=1)
    sent = 0
    for _minute in range(60):
        workers.age(database_name)
        sent += len(lease.stale_runs()) and lease.take_back(firm.pk, run.pk)
    assert 6 <= sent <= 12


def test_x6_sweeper_leaves_a_worker_alone_that_is_inside_a_step(firm, gate, database_name):
    """However long a statement takes: the step's lock says that somebody is alive."""
    run = queue(firm, upto=2, gate=gate, gate_inside=0)
    with workers.worker(database_name):
        workers.reached(gate)
        workers.age(database_name, 3600)
        assert lease.stale_runs() == [(firm.pk, run.pk)]
        assert lease.take_back(firm.pk, run.pk) is False
        workers.open_gate(gate)
        assert workers.ended(firm.pk, run.pk).state == "done"
    assert counted(firm) == ["0", "1"]


def test_heart_beats_are_written_while_the_handler_is_at_work(firm, gate, monkeypatch):
    """Also between steps, where no lock says that somebody is alive; and they end with the run."""
    monkeypatch.setattr(lease, "BEAT", timedelta(milliseconds=50))
    run = queue(firm, upto=1, gate=gate, gate_after=0)
    thread = threading.Thread(target=_execute, args=(firm, run))
    thread.start()
    workers.reached(gate)
    first = _row(firm, run).heartbeat_at
    workers.eventually(lambda: _row(firm, run).heartbeat_at > first)
    workers.open_gate(gate)
    thread.join()
    ended = _row(firm, run)
    assert ended.state == "done"
    assert not [one for one in threading.enumerate() if one.name.startswith("lease-")]


def _execute(firm, run):
    try:
        execute_run(firm.pk, run.pk)
    finally:
        connection.close()


def _row(firm, run):
    with tenant(firm.pk):
        return JobRun.objects.get(pk=run.pk)


def test_poison_that_kills_its_worker_is_given_up(firm, database_name):
    run = queue(firm, "tests.die")
    with tenant(firm.pk):
        JobRun.objects.update(attempts=MAX_ATTEMPTS - 1)
    with workers.worker(database_name):
        workers.eventually(lambda: _state(firm, run) == "running")
        sweep_until_found(database_name, run)
        tasks.run_job.delay(str(firm.pk), str(run.pk))
        ended = workers.ended(firm.pk, run.pk)
    assert (ended.state, ended.error["code"]) == ("failed", "gave_up")


def _state(firm, run):
    with tenant(firm.pk):
        return JobRun.objects.get(pk=run.pk).state


def test_x6_fan_out_twice_and_in_parallel_is_one_run_per_enterprise_and_window(firm, database_name):
    second = factories.enterprise("第二家")
    threads = [threading.Thread(target=_fan_out) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _fan_out() == 0
    for one in (firm, second):
        with tenant(one.pk):
            assert JobRun.objects.filter(name="tests.scheduled").count() == 1
    with workers.worker(database_name):
        with tenant(firm.pk):
            run = JobRun.objects.get(name="tests.scheduled")
        assert workers.ended(firm.pk, run.pk).result == {"ran": True}


def _fan_out():
    try:
        return schedule.fan_out("tests.scheduled", at="00:00", spread=timedelta(seconds=1))
    finally:
        connection.close()
