"""Connection addresses: from one libpq URL to what Django, Celery and the Redis client want."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

ENGINE = "common.postgres"
_SETTINGS = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def django_database(url: str, *, engine: str = ENGINE, pooled: bool = False) -> dict[str, Any]:
    """A Django ``DATABASES`` entry for any address that libpq understands.

    Statements are not compiled by the server (``jit``): ours take milliseconds, and compiling one takes half a second
    as soon as the planner thinks it dear. A transaction pooler (``pooled``) takes no options, so there the database is
    told (docs/operations.md).

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
        database["OPTIONS"]["options"] = f"-c jit=off {database['OPTIONS'].get('options', '')}".strip()
    return database


def celery_broker(redis_url: str) -> str:
    """The same Redis as a Celery broker or result address (``unix://`` becomes ``redis+socket://``)."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{unquote(parts.path)}?virtual_host={database}"
