"""Fixtures of all tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from hypothesis import HealthCheck, settings

from common.postgres.roles import ensure_runtime_role
from common.tenancy import tenant
from enterprises.models import Enterprise
from tests import factories, services, workers

# No test asserts times: not how long an example takes, nor how soon examples are found. A fixture of one test serves
# all of its examples, which undo what they did.
settings.register_profile(
    "scrm", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("scrm")


@pytest.fixture(scope="session")
def database_name(request: pytest.FixtureRequest) -> str:
    """The database of this worker."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return f"scrm_test_{worker}"


@pytest.fixture(scope="session")
def django_db_setup(database_name: str, django_db_blocker: Any) -> Iterator[None]:
    """Made and migrated by the owner, used by the runtime role."""

    def use(name: str) -> None:
        for alias in ("default", "owner"):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
            connections.settings[alias]["NAME"] = name

    def migrate(name: str) -> None:
        ensure_runtime_role(services.owner_conninfo(name), services.runtime_conninfo(name))
        use(name)
        with django_db_blocker.unblock():
            call_command("migrate", database="owner", verbosity=0)
            connections["owner"].close()

    services.create_database(database_name, migrate)
    ensure_runtime_role(services.owner_conninfo(database_name), services.runtime_conninfo(database_name))
    use(database_name)
    workers.use_redis(database_name)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
    services.drop_database(database_name)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any, database_name: str) -> Iterator[None]:
    """A database in which tests really commit: for threads, workers and everything about transactions."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
    services.empty_tables(database_name)


@pytest.fixture(autouse=True)
def _empty_query_log() -> None:
    """Django keeps the last 9 000 captured statements of a process; a test that counts its own starts at none."""
    for connection in connections.all(initialized_only=True):
        connection.queries_log.clear()


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> None:
    """Throttles and sessions of one test are none of the next one's business."""
    if request.node.get_closest_marker("django_db") or {"db", "committed_db", "worlds"} & set(request.fixturenames):
        workers.empty_cache()


@pytest.fixture
def enterprise(db: None) -> Enterprise:
    """A verified enterprise: 2 000 free places."""
    return factories.enterprise(verified=True)


@pytest.fixture
def other_enterprise(db: None) -> Enterprise:
    """Another tenant, whose rows nobody else may see."""
    return factories.enterprise(name="另一家企业", verified=True)


@pytest.fixture
def scope(enterprise: Enterprise) -> Callable[[], AbstractContextManager[None]]:
    """`with scope():` opens the enterprise's tenant scope."""
    return lambda: tenant(enterprise.pk)


@pytest.fixture
def api(enterprise: Enterprise) -> Client:
    """An API client of the enterprise's super admin."""
    return factories.api_client(enterprise)
