"""`python manage.py create_demo`: the demo enterprises, once; prints who can log in."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from enterprises.models import User
from scrm import demo
from scrm.celery import app


class Command(BaseCommand):
    """Standard output: the log-ins, which `run` shows. What is being done goes to standard error."""

    help = "Create the two demo enterprises, unless they are there already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--first-start", action="store_true", help="do nothing where people work already")

    def handle(self, *args: Any, **options: Any) -> None:
        # The demo does its jobs itself, at the moments of its story; no worker is told, and no mail is sent.
        app.conf.broker_url = "memory://localhost/"
        began = time.monotonic()
        if not demo.exists():
            if options["first_start"] and User.objects.exists():
                return
            demo.create(self._say)
            self._say(f"done in {time.monotonic() - began:.0f} s")
        if not demo.complete():
            self.stdout.write("The demo is incomplete: making it was interrupted. Start afresh with an empty database")
            self.stdout.write(f"(make run: remove {settings.DATA_DIR}), or work without it.")
        self.stdout.write(f"Demo log-ins, password {demo.PASSWORD}")
        for login in demo.LOGINS:
            self.stdout.write(f"  {login.email:<26} {login.place}, {login.role}")

    def _say(self, text: str) -> None:
        self.stderr.write(f"demo   | {text}")
        self.stderr.flush()
