"""So many requests a minute, counted exactly, for each caller; few log-ins for each address and account."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from common import clock, rest
from common.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 6, 15, 4, 0, 30, tzinfo=UTC)


@pytest.fixture
def three(monkeypatch):
    rates = {"caller": "3/min", "login": "3/min"}
    monkeypatch.setattr(rest.api_settings, "DEFAULT_THROTTLE_RATES", rates, raising=False)
    monkeypatch.setattr(clock, "real", lambda: MOMENT)


def statuses(client, times=5, path="/api/v1/me", **kwargs):
    return [client.get(path, **kwargs).status_code for _ in range(times)]


def test_429_says_when_to_come_back(api, three):
    assert statuses(api) == [200, 200, 200, 429, 429]
    answer = api.get("/api/v1/me")
    assert (answer["Content-Type"], answer.json()["code"]) == (rest.PROBLEM_TYPE, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_the_next_minute_is_a_new_one(api, three, monkeypatch):
    assert statuses(api)[-1] == 429
    monkeypatch.setattr(clock, "real", lambda: MOMENT + timedelta(minutes=1))
    assert statuses(api, 1) == [200]


def test_each_member_has_their_own(api, three, enterprise):
    with tenant(enterprise.pk):
        colleague = factories.member()
    assert statuses(api)[-1] == 429
    assert statuses(factories.api_client(enterprise, colleague), 3) == [200, 200, 200]


def test_many_at_once_are_counted_exactly(three):
    throttle = rest.CallerThrottle()
    request = type("Request", (), {"auth": None, "_request": type("R", (), {"META": {"REMOTE_ADDR": "10.0.0.1"}})()})()
    allowed = []

    def ask():
        allowed.append(throttle.allow_request(request, None))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (allowed.count(True), len(allowed)) == (3, 20)


def log_in(client, email, **headers):
    body = {"email": email, "password": "wrong wrong wrong"}
    return client.post("/api/v1/auth/token", body, content_type="application/json", headers=headers).status_code


def test_guessing_from_one_address_is_slow_whatever_it_claims_to_be(enterprise, three):
    answers = [
        log_in(Client(), f"somebody{number}@example.com", **{"X-Forwarded-For": f"10.1.1.{number}"})
        for number in range(5)
    ]
    assert answers == [401, 401, 401, 429, 429]


def test_guessing_one_account_from_many_addresses_is_slow(enterprise, three):
    answers = [log_in(Client(REMOTE_ADDR=f"10.1.1.{number}"), "Boss@example.com") for number in range(5)]
    assert answers == [401, 401, 401, 429, 429]


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings, rf):
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    assert rest.client_address(request) == "10.0.0.1"
    settings.BEHIND_PROXY = True
    assert rest.client_address(request) == "203.0.113.9"
