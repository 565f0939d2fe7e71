"""The real product for browser tests: embedded services, web and worker in a folder of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 300  # with the demo; two cores shared by everybody take their time


@dataclass
class Product:
    """A running instance, and what `run` made in it."""

    url: str
    environment: dict[str, str]
    data: dict = field(default_factory=dict)

    def run(self, script: str, *arguments: str) -> dict:
        """Run a module beside this file inside the product's surroundings; it prints one JSON object."""
        done = subprocess.run(
            [sys.executable, "-m", f"tests.e2e.{script}", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.strip().splitlines()[-1])


@contextmanager
def started(*, demo: bool = False) -> Iterator[Product]:
    """`manage.py run` on a free port with its own data, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="scrm-"))  # short: sockets live in it
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "PORT", "PYTEST_CURRENT_TEST"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ours},
        "SCRM_DATA": str(folder / "data"),
        "SCRM_DEMO": "1" if demo else "0",
        "STATIC_ROOT": str(folder / "static"),
        "DJANGO_SETTINGS_MODULE": "scrm.settings",
        "LOG_LEVEL": "WARNING",
    }
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run", "--port", str(port), "--concurrency", "1"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        product = Product(f"http://127.0.0.1:{port}", environment)
        _wait(process, product.url, folder / "log")
        yield product
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
        rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise AssertionError(f"The product did not start:\n{log.read_text()[-4000:]}")
