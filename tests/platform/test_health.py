"""`/healthz` and `/readyz` (API.md "Starting")."""

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

DEAD = "unix:///nonexistent/redis.sock?db=0"


def test_healthz_needs_nothing_and_no_known_host() -> None:
    response = Client().get("/healthz", headers={"host": "10.1.2.3:8000"})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_names_the_missing_worker() -> None:
    response = Client().get("/readyz", headers={"host": "10.1.2.3:8000"})
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "missing": ["worker"]})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_readyz_names_missing_redis(settings: Settings) -> None:
    settings.REDIS_URL = DEAD
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["missing"]) == (503, ["redis", "worker"])


def test_readyz_names_the_missing_database(committed_db: None, tmp_path: Path) -> None:
    before = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        response = Client().get("/readyz")
    finally:
        connection.close()
        connection.settings_dict["HOST"] = before
    assert (response.status_code, response.json()["missing"]) == (503, ["database", "worker"])
