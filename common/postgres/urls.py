"""Connection addresses: from one libpq URL to what Django, Celery and the Redis client want."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

ENGINE = "common.postgres"
# Statements of ours take milliseconds. Compiling one takes the server half a second, as soon as the planner thinks it
# dear. Helpers hold back what they find until they have hundreds of rows, so a list that needs twenty reads a million.
# A page anywhere costs what the next one costs on today's disks; priced for turning ones, a thousand look-ups seem to
# cost as much as walking down twenty-five thousand rows, and the statistics of the day decide.
_SESSION = "-c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1"
_SETTINGS = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def django_database(url: str, *, engine: str = ENGINE, pooled: bool = False) -> dict[str, Any]:
    """A Django ``DATABASES`` entry for any address that libpq understands.

    Statements are neither compiled nor worked on by several processes of the server, unless the address asks for it.
    A transaction pooler (``pooled``) takes no options, so there the database is told (docs/operations.md).

    libpq itself takes the URL apart, so socket folders (``?host=/run/pg``), IPv6, several hosts, ``sslmode``
    and percent-encoded passwords all mean what they mean for psql. Raises psycopg.ProgrammingError.
    """
    database: dict[str, Any] = {"ENGINE": engine, "OPTIONS": {}}
    for name, value in conninfo_to_dict(url).items():
        if value is None:
            continue
        if name in _SETTINGS:
            database[_SETTINGS[name]] = str(value)
        else:
            database["OPTIONS"][name] = value
    if not pooled:
        database["OPTIONS"]["options"] = f"{_SESSION} {database['OPTIONS'].get('options', '')}".strip()
        database["OPTIONS"]["prepare_threshold"] = 0  # those of `planned_cursor`; no other statement is kept
    return database


def celery_broker(redis_url: str) -> str:
    """The same Redis as a Celery broker or result address (``unix://`` becomes ``redis+socket://``)."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{unquote(parts.path)}?virtual_host={database}"
