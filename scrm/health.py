"""`/healthz` (the process answers) and `/readyz` (it can work), for load balancers and containers."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

REDIS_SECONDS = 2.0
WORKER_SECONDS = 2.0


class HealthMiddleware:
    """Answers the two paths before anything else: probes send no host name we know, no session, no tenant."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return JsonResponse({"status": "ok"})
        if request.path_info == "/readyz":
            return readyz()
        return self.get_response(request)


def readyz() -> HttpResponse:
    """200 when database, Redis and a worker answer, else 503 naming what is missing."""
    missing = [name for name, answers in CHECKS.items() if not answers()]
    response = JsonResponse(
        {"status": "unavailable" if missing else "ok", "missing": missing}, status=503 if missing else 200
    )
    response["Cache-Control"] = "no-store"
    return response


def database_answers() -> bool:
    """Whether the runtime role can ask the database anything."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return False
    return True


def redis_answers() -> bool:
    """Whether Redis answers a PING within REDIS_SECONDS."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def worker_answers() -> bool:
    """Whether a Celery worker answers within WORKER_SECONDS (it does while its processes are at work)."""
    if not redis_answers():
        return False  # Celery would retry for long
    from scrm.celery import app

    return bool(app.control.ping(timeout=WORKER_SECONDS, limit=1))


CHECKS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "redis": redis_answers,
    "worker": worker_answers,
}
