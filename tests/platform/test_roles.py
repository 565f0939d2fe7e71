"""The runtime role: what makes it, and every arrangement that the start-up check must refuse (DESIGN 4.2)."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from common.postgres.roles import RoleError, ensure_runtime_role, verify_runtime_role
from common.postgres.urls import django_database
from scrm import embedded


@pytest.fixture(scope="module")
def urls(module_place: Path) -> Iterator[embedded.Urls]:
    with embedded.started(module_place / "data", durable=False, redis=False) as services:
        with psycopg.connect(services.urls.owner_url) as owner:
            owner.execute("CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY, name text)")
        yield services.urls


@pytest.fixture
def superuser(urls: embedded.Urls) -> Iterator[psycopg.Connection]:
    """The superuser; what a test changes is put back by the test's own `undo`."""
    with psycopg.connect(make_conninfo(urls.owner_url, user=embedded.SUPERUSER), autocommit=True) as connection:
        yield connection


def check(urls: embedded.Urls) -> None:
    with psycopg.connect(urls.database_url) as connection:
        verify_runtime_role(connection)


def test_runtime_role_reads_and_writes_what_the_owner_makes_later(urls: embedded.Urls) -> None:
    with psycopg.connect(urls.owner_url) as owner:
        owner.execute("CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY, name text)")
        owner.execute("CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
    with psycopg.connect(urls.database_url) as app:
        app.execute("INSERT INTO later (name) VALUES ('a')")
        app.execute("UPDATE later SET name = 'b'")
        assert app.execute("SELECT id, name, answer() FROM later").fetchall() == [(1, "b", 42)]
        app.execute("DELETE FROM later")
        app.execute("CREATE TEMPORARY TABLE scratch (id int)")
        verify_runtime_role(app)


@pytest.mark.parametrize(
    "statement",
    ["TRUNCATE customers", "DROP TABLE customers", "CREATE TABLE mine (id int)",
     "ALTER TABLE customers ADD x int", "SET ROLE scrm_owner",
     "CREATE ROLE friend", "CREATE DATABASE mine", "ALTER ROLE scrm_app BYPASSRLS"],
)  # fmt: skip
def test_runtime_role_may_not(urls: embedded.Urls, statement: str) -> None:
    with psycopg.connect(urls.database_url, autocommit=True) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


@pytest.mark.parametrize(
    ("statement", "undo", "fault"),
    [
        ("ALTER ROLE scrm_app SUPERUSER", "ALTER ROLE scrm_app NOSUPERUSER", "is a superuser"),
        ("ALTER ROLE scrm_app BYPASSRLS", "ALTER ROLE scrm_app NOBYPASSRLS", "has BYPASSRLS"),
        ("ALTER ROLE scrm_app CREATEROLE", "ALTER ROLE scrm_app NOCREATEROLE", "has CREATEROLE"),
        ("CREATE ROLE maker; ALTER TABLE customers OWNER TO maker; GRANT maker TO scrm_app",
         "ALTER TABLE customers OWNER TO scrm_owner; REVOKE maker FROM scrm_app; DROP ROLE maker",
         "is a member of maker"),
        ("ALTER TABLE customers OWNER TO scrm_app", "ALTER TABLE customers OWNER TO scrm_owner",
         "owns customers"),
        ("CREATE SCHEMA mine AUTHORIZATION scrm_app", "DROP SCHEMA mine", "owns the schema mine"),
        ("ALTER DATABASE scrm OWNER TO scrm_app", "ALTER DATABASE scrm OWNER TO scrm_owner",
         "owns the database"),
        ("GRANT TRUNCATE ON customers TO scrm_app", "REVOKE TRUNCATE ON customers FROM scrm_app",
         "may TRUNCATE"),
        ("GRANT TRUNCATE ON customers TO PUBLIC", "REVOKE TRUNCATE ON customers FROM PUBLIC",
         "may TRUNCATE"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
         "may create"),
        ("ALTER ROLE scrm_app SET role = 'pg_monitor'; GRANT pg_monitor TO scrm_app",
         "ALTER ROLE scrm_app RESET role; REVOKE pg_monitor FROM scrm_app", "switches to another role"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO scrm_app",
         "DROP FUNCTION f()", "owns the function f"),
    ],
)  # fmt: skip
def test_start_is_refused(
    urls: embedded.Urls, superuser: psycopg.Connection, statement: str, undo: str, fault: str
) -> None:
    superuser.execute(statement.encode())
    try:
        with pytest.raises(RoleError, match=fault) as refused:
            check(urls)
        assert "bootstrap_database" in str(refused.value)
    finally:
        superuser.execute(undo.encode())
    check(urls)


def test_start_as_owner_is_refused(urls: embedded.Urls) -> None:
    with (
        psycopg.connect(urls.owner_url) as connection,
        pytest.raises(RoleError, match=r'"scrm_owner".*owns the database'),
    ):
        verify_runtime_role(connection)


def test_bootstrap_takes_away_what_the_role_must_not_have(urls: embedded.Urls, superuser: psycopg.Connection) -> None:
    superuser.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    superuser.execute("REVOKE SELECT ON customers FROM scrm_app")
    ensure_runtime_role(make_conninfo(urls.owner_url, user=embedded.SUPERUSER), urls.database_url)
    superuser.execute("ALTER ROLE scrm_app CREATEDB")
    ensure_runtime_role(urls.owner_url, urls.database_url)
    check(urls)
    with psycopg.connect(urls.database_url) as app:
        assert app.execute("SELECT count(*) FROM customers").fetchone() == (0,)
        assert app.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = 'scrm_app'").fetchone() == (False,)


def test_bootstrap_refuses_one_role_for_both(urls: embedded.Urls) -> None:
    with pytest.raises(RoleError, match="must not own"):
        ensure_runtime_role(urls.owner_url, urls.owner_url)


def test_bootstrap_says_what_an_owner_without_rights_needs(urls: embedded.Urls, superuser: psycopg.Connection) -> None:
    superuser.execute("CREATE ROLE poor LOGIN")
    try:
        with pytest.raises(RoleError, match="Let a superuser run: CREATE ROLE newcomer"):
            ensure_runtime_role(
                make_conninfo(urls.owner_url, user="poor"), make_conninfo(urls.owner_url, user="newcomer")
            )
    finally:
        superuser.execute("DROP ROLE poor")


def test_statements_are_planned_for_many_quick_ones_unless_an_address_asks_for_something_else(
    urls: embedded.Urls,
) -> None:
    options = django_database(urls.database_url)["OPTIONS"]["options"]
    with psycopg.connect(urls.database_url, options=options) as connection:
        assert connection.execute("SHOW jit").fetchone() == ("off",)
        assert connection.execute("SHOW max_parallel_workers_per_gather").fetchone() == ("0",)
        assert connection.execute("SHOW random_page_cost").fetchone() == ("1.1",)
    asking = django_database(make_conninfo(urls.database_url, options="-c jit=on -c work_mem=8MB"))["OPTIONS"][
        "options"
    ]
    with psycopg.connect(urls.database_url, options=asking) as connection:
        assert connection.execute("SELECT current_setting('jit'), current_setting('work_mem')").fetchone() == (
            "on",
            "8MB",
        )
    assert "options" not in django_database(urls.database_url, pooled=True)["OPTIONS"]  # a pooler refuses them
