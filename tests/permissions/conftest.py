"""One world for all tests of the matrix; each request in it is rolled back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.permissions.world import World, build, rolled_back


@pytest.fixture(scope="package")
def worlds(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[World, World]]:
    """Our enterprise and another one, in a transaction that never commits."""
    with django_db_blocker.unblock(), rolled_back():
        yield build()
