"""The database that is measured: embedded in a folder of its own, or the one of the environment's addresses.

With SCRM_DATA set the folder is that one and stays: what is in it is measured again without being filled again.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator

FOLDER = "SCRM_DATA"


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Services, tables, Django; children started inside find all of it in the environment."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "scrm.settings"
    os.environ["API_RATE"] = "100000000/min"
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("SECRET_KEY", "benchmarks")
    with contextlib.ExitStack() as stack:
        if not os.environ.get("DATABASE_URL"):
            from scrm import embedded

            if not os.environ.get(FOLDER):
                os.environ[FOLDER] = stack.enter_context(tempfile.TemporaryDirectory(prefix="scrm-bench-"))
            urls = stack.enter_context(embedded.ensure_running(embedded.data_folder()))
            os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = urls.database_url, urls.owner_url
            os.environ["REDIS_URL"] = urls.redis_url
        begin()
        from django.core.management import call_command

        call_command("migrate", database="owner", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)  # pages name their files by content
        yield


def begin() -> None:
    """Django in this process, or in a child of it. No worker is told of jobs: they are done where they are measured."""
    import django

    django.setup()
    from scrm.celery import app

    app.conf.broker_url = "memory://localhost/"
