"""A real Celery worker on the test database, to be killed and started again.

`with worker(database_name):` runs one in a process of its own, with the product's jobs and those of
tests/jobs/handlers.py. Handlers meet the test in Redis: `reached()` waits until one stands at a gate.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import redis
from django.conf import settings
from django.core.cache import caches

from common.tenancy import tenant
from jobs import lease, tasks
from jobs.models import JobRun
from scrm.celery import app
from tests import services

PATIENCE = 60  # seconds; only a broken test waits so long


def queue(database: str) -> str:
    """Each test database has a queue of its own: workers of xdist share one Redis."""
    return f"tests-{database}"


class Worker:
    """A running worker process with its children."""

    def __init__(self, database: str) -> None:
        self.database = database
        environment = {
            **os.environ,
            "DATABASE_URL": services.runtime_conninfo(database),
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "TEST_QUEUE": queue(database),
            "PYTHONPATH": str(services.ROOT),
        }
        environment.pop("DATABASE_OWNER_URL", None)
        command = [sys.executable, "-m", "celery", "-A", "tests.worker_app", "worker", "--loglevel", "warning"]
        command += ["--concurrency", "1", "--queues", queue(database), "--without-gossip", "--without-mingle"]
        self.process = subprocess.Popen(command, cwd=services.ROOT, env=environment, start_new_session=True)

    def kill(self) -> None:
        """SIGKILL, parent and children: nothing gets a chance to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """As an operator would, and harder when that takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def worker(database: str) -> Iterator[Worker]:
    """A worker for the time of the block."""
    started = Worker(database)
    try:
        yield started
    finally:
        started.stop()


def use_redis(database: str) -> None:
    """Messages (of control, too) and cached values get names of their own: xdist's workers share one Redis."""
    app.conf.task_default_queue = app.conf.control_exchange = queue(database)
    broker().delete(queue(database))
    settings.CACHES["default"]["KEY_PREFIX"] = database
    caches["default"].key_prefix = database


def empty_cache() -> None:
    """Delete the cached values of this process's tests. (cache.clear() would delete the others' messages too.)"""
    with broker() as redis_:
        if keys := list(redis_.scan_iter(f"{caches['default'].key_prefix}:*", count=1000)):
            redis_.delete(*keys)


def broker() -> redis.Redis:
    """The Redis of the tests."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE + 5)


def eventually(check: Callable[[], Any]) -> Any:
    """The first true answer of `check`; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"never happened: {check}")


def ended(enterprise_id: UUID, run_id: UUID) -> JobRun:
    """The run, once it has ended."""

    def look() -> JobRun | None:
        with tenant(enterprise_id):
            run = JobRun.objects.get(pk=run_id)
        return None if run.is_open else run

    return eventually(look)


def taken_over(database: str, enterprise_id: UUID, run_id: UUID) -> JobRun:
    """The run of a killed worker, found stale and ended by the next one."""
    age(database)
    eventually(lambda: (enterprise_id, run_id) in lease.stale_runs())
    eventually(lambda: lease.take_back(enterprise_id, run_id))
    with worker(database):
        tasks.run_job.delay(str(enterprise_id), str(run_id))
        return ended(enterprise_id, run_id)


def reached(gate: str) -> None:
    """Wait until a handler stands at the gate."""
    assert broker().blpop([f"reached:{gate}"], timeout=PATIENCE), f"nobody came to {gate}"


def open_gate(gate: str, times: int = 1) -> None:
    """Let a handler through."""
    broker().rpush(f"open:{gate}", *["go"] * times)


def age(database: str, seconds: int = 60) -> None:
    """Let that much time pass for the leases and messages of all runs."""
    with psycopg.connect(services.owner_conninfo(database), autocommit=True) as connection:
        connection.execute(
            "UPDATE jobs_jobrun SET heartbeat_at = heartbeat_at - %(age)s, dispatched_at = dispatched_at - %(age)s,"
            " created_at = created_at - %(age)s",
            {"age": timedelta(seconds=seconds)},
        )
