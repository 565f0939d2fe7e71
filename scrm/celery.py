"""The Celery application."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready

from scrm.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")

app = Celery("scrm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_kwargs: Any) -> None:
    """Django's LOGGING is the one configuration."""


@worker_init.connect
def _check_role(**_kwargs: Any) -> None:
    from django.db import connection

    from common.postgres.roles import verify_runtime_role

    verify_runtime_role(connection)
    connection.close()


@worker_ready.connect
def _sweep(**_kwargs: Any) -> None:
    """A worker that starts looks at once for what the last one left."""
    app.send_task("jobs.sweep")
