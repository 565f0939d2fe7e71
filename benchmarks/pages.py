"""What a request costs in the server: milliseconds and queries, measured in this process through the whole stack."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from common.tenancy import tenant
from enterprises.models import Enterprise, Member
from enterprises.tokens import create_token

REPEATS = 15


@dataclass
class Cost:
    """Of one address: the median time, what of it the processor worked, queries, size and status of the answer.

    `worked`: in this process and in the database's (not in those that help it with a large statement). On a machine
    that others use as well, that is what a request costs; the rest is waiting for them. As the time, where unknown.
    """

    milliseconds: float
    worked: float
    queries: int
    kilobytes: float
    status: int
    body: bytes

    def __str__(self) -> str:
        return f"{self.milliseconds:.1f} ms ({self.worked:.1f} worked), {self.queries} queries, {self.kilobytes:.0f} kB"


class Counter:
    """Counts statements, and keeps them."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements.append(sql)
        return execute(sql, params, many, context)


def token(enterprise: Enterprise, member: Member | None = None) -> str:
    """An API token of the member; of the super admin when nobody is named."""
    from benchmarks import data

    with tenant(enterprise.pk):
        actor = data.actor(enterprise)
        whose = member or actor.member
        assert whose is not None
        return create_token(actor, member=whose, name="benchmarks")[1]


def api(enterprise: Enterprise, member: Member | None = None) -> Client:
    return Client(headers={"Authorization": f"Bearer {token(enterprise, member)}"}, SERVER_NAME="127.0.0.1")


def console(enterprise: Enterprise) -> Client:
    with tenant(enterprise.pk):
        user = Member.objects.select_related("user").get(role__builtin="super_admin").user
    assert user is not None
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def cost(client: Client, address: str, repeats: int = REPEATS) -> Cost:
    """The first answers warm up; then the median of `repeats`, and what each took of the processor."""
    for _warm in range(2):
        client.get(address)
    counter = Counter()
    with connection.execute_wrapper(counter):
        answer = client.get(address)
    times, began_work = [], _worked_here()
    for _repeat in range(repeats):
        began = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - began) * 1000)
    ended_work, middle = _worked_here(), statistics.median(times)
    took = middle if began_work is None or ended_work is None else (ended_work - began_work) * 1000 / repeats
    body = b"" if answer.streaming else answer.content
    return Cost(middle, took, len(counter.statements), len(body) / 1000, answer.status_code, body)


def _worked_here() -> float | None:
    connection.ensure_connection()
    try:
        return worked(connection.connection)
    except OSError:
        return None


def worked(by: psycopg.Connection) -> float:
    """Seconds that the processor has worked for this process and for the one that serves its connection.

    Raises OSError where that is not known: on another machine, or another system.
    """
    database = Path(f"/proc/{by.info.backend_pid}/schedstat").read_text()
    return time.process_time() + int(database.split()[0]) / 1e9


def console_addresses(code: str) -> Iterator[str]:
    """Every page of an enterprise that needs no further id."""

    def walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern, route)
            elif isinstance(pattern, URLPattern) and route.startswith("e/<slug:code>/"):
                rest = route.removeprefix("e/<slug:code>/")
                if "<" not in rest:
                    yield f"/e/{code}/{rest}"

    yield from sorted(set(walk(get_resolver(), "")))
