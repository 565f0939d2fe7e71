"""`make run`: the whole product in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError

from common.postgres.roles import RoleError, verify_runtime_role
from scrm import embedded
from scrm.supervisor import Supervisor

READY_SECONDS = 60.0
# What the running program must not see: with the owner's address it could get round row-level security.
OWNER_ONLY = "DATABASE_OWNER_URL"


class Command(BaseCommand):
    help = "Runs database, Redis, web, worker and beat in the foreground; migrates and makes the demo first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--threads", type=int, default=8, help="requests at work at the same time")
        parser.add_argument("--concurrency", type=int, default=2, help="background tasks at the same time")

    def handle(self, *args: Any, **options: Any) -> None:
        # SIGINT too: started in the background by a script, we would have been told to ignore it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        host, port = options["host"], options["port"]
        _refuse_used_port(host, port)
        try:
            with self._services() as services:
                self._prepare()
                self._serve(services, host, port, options["threads"], options["concurrency"])
        except embedded.EmbeddedError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    @contextlib.contextmanager
    def _services(self) -> Iterator[embedded.Embedded | None]:
        database, redis = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
        if not database and not redis:
            yield None
            return
        with embedded.started(embedded.data_folder(), postgres=database, redis=redis) as services:
            self._say(f"Embedded services run, data in {services.data}")
            yield services

    def _prepare(self) -> None:
        owner = os.environ.get(OWNER_ONLY) or settings.EMBEDDED
        if not settings.EMBEDDED and owner:
            self._manage("bootstrap_database", quiet=True, as_owner=True)
        if owner:
            self._say("Bringing the tables up to date")
            self._manage("migrate", "--verbosity", "0", as_owner=True)
        else:
            self._manage("migrate", "--check", failed="The tables are not up to date: migrate as the owner first.")
        try:
            with psycopg.connect(settings.DATABASE_URL) as connection:
                verify_runtime_role(connection)
        except (RoleError, psycopg.OperationalError) as error:
            raise CommandError(str(error).strip()) from None
        self._manage("collectstatic", "--no-input", "--verbosity", "0")
        self._logins = ""
        if os.environ.get("SCRM_DEMO", "1") != "0" and "create_demo" in get_commands():
            self._say("Looking after the demo enterprises (the first time takes a moment)")
            self._logins = self._manage("create_demo", "--first-start", quiet=True)

    def _serve(self, services: embedded.Embedded | None, host: str, port: int, threads: int, concurrency: int) -> None:
        supervisor = Supervisor(cwd=settings.BASE_DIR, environment=_environment(as_owner=False))
        web = f"granian --interface wsgi --host {host} --port {port} --workers 1 --blocking-threads {threads}"
        web += " --workers-kill-timeout 5 --no-ws --log-level error scrm.wsgi:application"
        worker = f"celery -q -A scrm worker --concurrency {concurrency} --without-mingle --without-gossip"
        beat = ["celery", "-q", "-A", "scrm", "beat", "--pidfile", ""]
        beat += ["--schedule", str(_folder() / "celerybeat-schedule")]
        try:
            supervisor.start(
                {
                    "web": [sys.executable, "-m", *web.split()],
                    "worker": [sys.executable, "-m", *worker.split()],
                    "beat": [sys.executable, "-m", *beat],
                }
            )
            address = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
            if not self._wait_until_up(supervisor, address):
                return
            self.stdout.write(f"\n  SCRM runs on {address}  (Ctrl-C stops it)\n")
            for line in self._logins.strip().splitlines():
                self.stdout.write(f"  {line}")
            self.stdout.write("")
            self.stdout.flush()
            while not (ended := supervisor.wait(1)):
                if services and (fault := services.ended()):
                    raise CommandError(f"{fault} Everything was stopped.")
            self._fail(supervisor, ended)
        finally:
            supervisor.stop()

    def _wait_until_up(self, supervisor: Supervisor, address: str) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()  # noqa: S310 - our own address
                return True
            if ended := supervisor.wait(0.1):
                self._fail(supervisor, ended)
        raise CommandError(f"The web server does not answer on {address}.")

    def _fail(self, supervisor: Supervisor, name: str | None) -> NoReturn:
        code = supervisor.code(name) if name else None
        raise CommandError(f"{name} ended (code {code}), so everything was stopped; its last lines tell why.")

    def _manage(self, *command: str, quiet: bool = False, as_owner: bool = False, failed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env=_environment(as_owner=as_owner),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet or failed else None,
            stderr=subprocess.PIPE if failed else None,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C is for us; subprocess.run ends it
        )
        if done.returncode:
            raise CommandError(failed or f"`manage.py {' '.join(command)}` failed (see above).")
        return done.stdout or ""

    def _say(self, text: str) -> None:
        self.stdout.write(f"scrm   | {text}")
        self.stdout.flush()


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _folder() -> Path:
    folder = embedded.data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _environment(*, as_owner: bool) -> dict[str, str]:
    """Of our children: without names we do not know (warned of once), and without the owner's address."""
    left_out = {*settings.UNKNOWN_SCRM_VARIABLES, *([] if as_owner else [OWNER_ONLY])}
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "scrm.settings",
        # In a developer's container everybody is root; production runs as a user of its own (Dockerfile).
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }


def _refuse_used_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({error.strerror}). Choose another port: make run PORT=8001"
            ) from None
