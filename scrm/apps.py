"""Start of every process."""

import logging

from django.apps import AppConfig
from django.conf import settings


class ScrmConfig(AppConfig):
    name = "scrm"

    def ready(self) -> None:
        from scrm import celery  # noqa: F401  (makes our Celery application the current one)

        for name in settings.UNKNOWN_SCRM_VARIABLES:
            known = ", ".join(sorted(settings.KNOWN_SCRM_VARIABLES))
            logging.getLogger(__name__).warning("Unknown setting %s is ignored (known: %s)", name, known)
