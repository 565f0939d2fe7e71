"""`make run` as an operator meets it: start, ready, stop, start again, and the refusals (API.md "Starting")."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scrm import embedded

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240  # a machine that does much else is slow to start; only a hanging program needs as long


@pytest.fixture(scope="module")
def folder(module_place: Path) -> Path:
    return module_place


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, **more: str) -> dict[str, str]:
    ours = ("DATABASE_", "REDIS_", "SCRM_", "SECRET_KEY", "PORT", "DJANGO_SETTINGS", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "SCRM_DATA": str(folder / "data"), "STATIC_ROOT": str(folder / "static"), "SCRM_DEMO": "0", **more}


@contextlib.contextmanager
def running(folder: Path, port: int, **more: str) -> Iterator[subprocess.Popen[str]]:
    """The program, from the moment that it says it runs; asked to stop at the end."""
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=ROOT, env=environment(folder, **more), stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS
        while "SCRM runs on" not in (folder / "log").read_text():
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS)


def answer(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while answer(port, "/readyz") != 200:  # the check itself waits for a worker
        assert time.monotonic() < deadline


def refused(folder: Path, port: int) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "run", "--port", str(port)],
        cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_start_refusals_and_stop(folder: Path) -> None:
    port = free_port()
    with running(folder, port, SCRM_DTA="x") as process:
        log = (folder / "log").read_text()
        assert f"http://127.0.0.1:{port}" in log
        assert log.count("Unknown setting SCRM_DTA") == 1

        wait_until_ready(port)
        children = psutil.Process(process.pid).children(recursive=True)
        names = " ".join(" ".join(child.cmdline()) for child in children)
        for part in ("granian", "celery -q -A scrm worker", "celery -q -A scrm beat", "postgres", "redis-server"):
            assert part in names
        for child in children:
            if "granian" in child.cmdline() or "celery" in child.cmdline():
                assert "DATABASE_OWNER_URL" not in child.environ()

        assert re.search(rf"127\.0\.0\.1:{port} .*in use", refused(folder, port), re.IGNORECASE)
        line = refused(folder, free_port())
        assert str(folder / "data") in line
        assert str(process.pid) in line

        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert psutil.wait_procs(children, timeout=5)[1] == []
    assert (folder / "log").read_text().rstrip().endswith("Stopped.")


def test_second_start_continues_with_the_data(folder: Path) -> None:
    made = [sys.executable, "manage.py", "create_enterprise", "--name", "Kept"]
    made += ["--admin-email", "kept@example.com", "--admin-password", "correct horse battery"]
    port = free_port()
    with running(folder, port):
        done = subprocess.run(made, cwd=ROOT, env=environment(folder), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    with embedded.started(folder / "data") as services:
        import psycopg

        with psycopg.connect(services.urls.owner_url) as connection:
            names = connection.execute("SELECT name FROM enterprises_enterprise").fetchall()
    assert names == [("Kept",)]
    with running(folder, port):
        wait_until_ready(port)


def test_owner_url_is_kept_from_the_running_program(folder: Path) -> None:
    """An external database: the owner migrates, but web, worker and beat never see its address (DESIGN 4.2)."""
    port = free_port()
    with embedded.started(folder / "other", durable=False) as services:
        urls = services.urls
        given = {
            "DATABASE_URL": urls.database_url, "DATABASE_OWNER_URL": urls.owner_url,
            "REDIS_URL": urls.redis_url, "SECRET_KEY": "x" * 50,
        }  # fmt: skip
        with running(folder, port, **given) as process:
            children = psutil.Process(process.pid).children(recursive=True)
            assert len(children) >= 4
            assert [child.pid for child in children if "DATABASE_OWNER_URL" in child.environ()] == []
            wait_until_ready(port)
