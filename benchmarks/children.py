"""Work in processes of their own: clients that add contacts, and jobs whose memory is looked at."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

CLIENTS = 8


@contextmanager
def clients() -> Iterator[Callable[[str, list[UUID], float], tuple[float, float]]]:
    """Eight processes; `rates("ours", enterprises, seconds)` lets all of them add.

    It returns contacts a second, and contacts a second that the processors worked, in programs and in the database.
    """
    with ProcessPoolExecutor(CLIENTS, mp_context=get_context("spawn"), initializer=_begin) as pool:

        def rates(whose: str, enterprises: list[UUID], seconds: float) -> tuple[float, float]:
            start = time.time() + 0.3
            jobs = [
                pool.submit(_add, whose, enterprises[number % len(enterprises)], start, seconds)
                for number in range(CLIENTS)
            ]
            added, worked = (sum(found) for found in zip(*(job.result() for job in jobs), strict=True))
            return added / seconds, added / worked

        for job in [pool.submit(_warm) for _each in range(CLIENTS * 2)]:
            job.result()
        yield rates


def alone(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Run a function in a new process: its result, seconds, and the megabytes that its memory rose at the peak."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin) as pool:
        return pool.submit(_measured, function, arguments).result()


def import_file(enterprise_id: UUID, kind: str, path: str) -> dict[str, Any]:
    """As many as fit: a batch, a transaction."""
    from benchmarks import data
    from enterprises.models import Enterprise

    return data.load(Enterprise.objects.get(pk=enterprise_id), kind, Path(path), "partial")


def export_file(enterprise_id: UUID, filter: dict[str, Any], format: str) -> dict[str, Any]:
    from benchmarks import data
    from common.tenancy import tenant
    from contacts.services.exports import start_export
    from enterprises.models import Enterprise

    enterprise = Enterprise.objects.get(pk=enterprise_id)
    with tenant(enterprise.pk):
        run = start_export(data.actor(enterprise), filter=filter, format=format)
    return data.done(enterprise.pk, run.pk)


def _begin() -> None:
    from benchmarks import setup

    setup.begin()


def _warm() -> None:
    from django.db import connection

    connection.ensure_connection()
    time.sleep(0.1)


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    result = function(*arguments)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result, took, (after - before) / 1024


def _add(whose: str, enterprise_id: UUID, start: float, seconds: float) -> tuple[int, float]:
    from django.db import connection

    from benchmarks import raw
    from benchmarks.pages import worked

    if whose == "ours":
        add, by = _ours(enterprise_id), connection.connection
    else:
        add, by = raw.adder(enterprise_id)
    for number in range(5):
        add(f"w{os.getpid()}{time.time_ns()}{number}")
    time.sleep(max(0.0, start - time.time()))
    count, until, began = 0, time.time() + seconds, worked(by)
    while time.time() < until:
        add(f"wm{os.getpid()}{time.time_ns()}")
        count += 1
    return count, worked(by) - began


def _ours(enterprise_id: UUID) -> Callable[[str], None]:
    from benchmarks import data
    from common.tenancy import tenant
    from contacts.services.contacts import add_contact
    from enterprises.models import Enterprise

    enterprise = Enterprise.objects.get(pk=enterprise_id)
    with tenant(enterprise_id):
        actor = data.actor(enterprise)

    def add(key: str) -> None:
        with tenant(enterprise_id):
            add_contact(actor, external_userid=key, name="王小明")

    return add
