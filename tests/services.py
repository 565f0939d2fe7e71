"""PostgreSQL and Redis for the tests: those named by DATABASE_OWNER_URL and REDIS_URL, or embedded ones.

Loaded by pytest before Django's settings. Each worker has a database of its own, made by the owner and used
by the runtime role, as in production (DESIGN.md 4.2).
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).resolve().parent.parent

if os.environ.get("DATABASE_OWNER_URL"):
    if not os.environ.get("DATABASE_URL"):
        _url = os.environ["DATABASE_OWNER_URL"]
        # The role belongs to the server, not to a run: two runs at once must agree on its password.
        _password = hashlib.sha256(f"scrm_app {conninfo_to_dict(_url).get('password', '')}".encode()).hexdigest()
        os.environ["DATABASE_URL"] = make_conninfo(_url, user="scrm_app", password=_password)
    EMBEDDED = False
else:
    os.environ.setdefault("SCRM_DATA", str(ROOT / "var" / "test"))
    EMBEDDED = True

from scrm import embedded  # noqa: E402  (the folder must be known first)

if EMBEDDED:
    # All three, so that xdist's workers, who inherit them, take them for given servers and start none.
    _urls = embedded.urls(embedded.data_folder())
    os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"], os.environ["REDIS_URL"] = _urls
os.environ.setdefault("SECRET_KEY", "tests")

TEMPLATE = "scrm_template"
_services: embedded.Embedded | None = None


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts the services; workers of xdist use them."""
    global _services
    if EMBEDDED and not hasattr(config, "workerinput") and not config.option.collectonly:
        try:
            _services = embedded.Embedded(embedded.data_folder(), durable=False).start()
        except embedded.EmbeddedError as error:
            pytest.exit(str(error), returncode=2)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _services is not None:
        _services.stop()
    elif not EMBEDDED and not hasattr(config, "workerinput") and not config.option.collectonly:
        with _one_at_a_time() as owner:  # somebody's server: nothing stays there
            _drop_templates(owner)


def owner_conninfo(database: str = "") -> str:
    """How the owner logs in, to the given database."""
    given = os.environ["DATABASE_OWNER_URL"]
    return make_conninfo(given, dbname=database) if database else given


def runtime_conninfo(database: str) -> str:
    """How the program logs in, to the given database."""
    url = os.environ.get("DATABASE_URL") or embedded.urls(embedded.data_folder()).database_url
    return make_conninfo(url, dbname=database)


def create_database(name: str, migrate: Callable[[str], None]) -> None:
    """A fresh database of the owner's, migrated.

    Migrations take longer than most rooms' tests, so they run once, into a template, for all workers and for all runs
    until something that they are made of changes; a database is a copy of it.
    """
    template = f"{TEMPLATE}_{_fingerprint()}"
    with _one_at_a_time() as owner:
        if not owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
            _drop_templates(owner)
            building = f"{TEMPLATE}_building"
            _drop(owner, building)
            owner.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(building))
            )
            migrate(building)
            owner.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(template))
            )
        _drop(owner, name)
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))


def _fingerprint() -> str:
    """Of the migrations and of what they import; two checkouts with the same have the same tables."""
    apps = sorted(folder.parent for folder in ROOT.glob("*/migrations"))
    parts = ("migrations/*.py", "models.py", "models/**/*.py", "rules.py", "rules/**/*.py")
    files = [path for app in apps for part in parts for path in sorted(app.glob(part))]
    files += [*sorted((ROOT / "common").rglob("*.py")), ROOT / "requirements-dev.lock", Path(__file__)]
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


@contextmanager
def _one_at_a_time() -> Iterator[psycopg.Connection]:
    """The owner, while no other worker makes a database here."""
    with psycopg.connect(owner_conninfo(), autocommit=True) as owner:
        owner.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [TEMPLATE])
        yield owner


def _drop_templates(owner: psycopg.Connection) -> None:
    old = owner.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{TEMPLATE}_"]).fetchall()
    for (name,) in old:
        _drop(owner, name)


def _drop(owner: psycopg.Connection, name: str) -> None:
    # Not WITH (FORCE): an autovacuum worker runs as the superuser, whose processes the owner may not end. The server
    # itself ends it for a plain DROP.
    owner.execute(
        """
        SELECT pg_terminate_backend(session.pid) FROM pg_stat_activity AS session
        JOIN pg_roles AS role ON role.oid = session.usesysid AND NOT role.rolsuper
        WHERE session.datname = %s
        """,
        [name],
    )
    owner.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def drop_database(name: str) -> None:
    """Leave nothing behind."""
    with psycopg.connect(owner_conninfo(), autocommit=True) as owner:
        _drop(owner, name)


def empty_tables(name: str) -> None:
    """What a test committed goes away again; what migrations put there stays."""
    keep = ("django_migrations", "django_content_type", "auth_permission", "quota_tierprice")
    with psycopg.connect(owner_conninfo(name), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY (%s)",
            [list(keep)],
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(table) for (table,) in tables)
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
