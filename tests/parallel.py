"""Real parallel transactions: threads that start together, each with a connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

WAIT = 60  # seconds until a test that hangs fails
_here = threading.local()


def in_parallel(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all works at the same moment and return their results in order; raises what a work raised.

    Needs the `committed_db` fixture: the threads see only what is committed.
    """
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        _here.barrier = barrier
        barrier.wait(WAIT)
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(run, work) for work in works]
    return [future.result() for future in futures]


def meet() -> None:
    """Inside of a work: go on when all works have come this far."""
    _here.barrier.wait(WAIT)
