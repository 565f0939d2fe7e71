"""The product's Celery application with the jobs of the tests, on the queue of one test database."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")

from scrm.celery import app

# Its control messages too: a worker of another test process must not answer for this one.
app.conf.task_default_queue = app.conf.control_exchange = os.environ["TEST_QUEUE"]


@app.on_after_finalize.connect
def _register(**_kwargs: object) -> None:
    import django

    django.setup()
    import tests.jobs.handlers  # noqa: F401
