"""`make casestudy`: the retailer's case against a running instance, through its REST API.

Starts an instance on a data folder of its own, or uses the one at BASE_URL (whose settings, such as SCRM_DATA or
DATABASE_URL, must then be in the environment too: enterprises are made by `manage.py create_enterprise`). Exits
with 1 when a number is another one than expected, and with 2 when the data is missing.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.case import DATA, MISSING, Case, Line

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, JOB_SECONDS = 180, 300


@dataclass
class Instance:
    """The REST API of a running instance, and its command line."""

    base: str
    environment: dict[str, str]
    enterprise: str = ""
    token: str = ""

    def log_in(self) -> None:
        """Make an enterprise of our own and get a token of its super admin."""
        email, password = f"case-{secrets.token_hex(4)}@retailer.example", secrets.token_urlsafe(18)
        self.enterprise = self.manage(
            "create_enterprise", "--name", "Online Retail", "--verified",
            "--admin-email", email, "--admin-password", password,
        ).strip()  # fmt: skip
        self.token = self.call("POST", "auth/token", {"email": email, "password": password})["token"]

    def manage(self, *arguments: str) -> str:
        """What a management command prints."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self._send(method, f"{self.base}/api/v1/{path}", data, "application/json"))

    def upload(self, path: str, filename: str, content: bytes, **fields: str) -> Any:
        mark = secrets.token_hex(16)
        parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
        parts.append(f'name="file"; filename="{filename}"\r\nContent-Type: text/csv\r\n\r\n'.encode() + content)
        body = b"".join(f"--{mark}\r\nContent-Disposition: form-data; ".encode() + part + b"\r\n" for part in parts)
        body += f"--{mark}--\r\n".encode()
        answer = self._send("POST", f"{self.base}/api/v1/{path}", body, f"multipart/form-data; boundary={mark}")
        return json.loads(answer)

    def fetch(self, url: str) -> bytes:
        return self._send("GET", url, None, "")

    def nightly(self, name: str, now: str | None = None) -> dict[str, Any]:
        moment = ["--now", now] if now else []
        printed = self.manage("run_job", name, "--enterprise", self.enterprise, *moment)
        return json.loads(printed.strip().splitlines()[-1])["result"]

    def finished(self, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + JOB_SECONDS
        while True:
            found = self.call("GET", f"jobs/{job}")
            if found["state"] not in ("queued", "running"):
                return found
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found['name']} has not ended after {JOB_SECONDS} s; does a worker run?")
            time.sleep(0.25)

    def _send(self, method: str, url: str, data: bytes | None, kind: str) -> bytes:
        request = urllib.request.Request(url, data, method=method)
        if data is not None:
            request.add_header("Content-Type", kind)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if method == "POST":
            request.add_header("Idempotency-Key", secrets.token_hex(16))
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {url}: {error.code} {error.read().decode()[:500]}") from None


@contextlib.contextmanager
def running() -> Iterator[Instance]:
    """The instance at BASE_URL, or one of our own, stopped and removed at the end."""
    if base := os.environ.get("BASE_URL"):
        yield Instance(base.rstrip("/"), dict(os.environ))
        return
    with tempfile.TemporaryDirectory(prefix="scrm-case-") as folder:
        environment = {**os.environ, "SCRM_DATA": f"{folder}/data", "SCRM_DEMO": "0"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "manage.py", "run", "--port", str(port)]
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            instance = Instance(f"http://127.0.0.1:{port}", environment)
            _wait(instance.base, process, Path(log.name))
            yield instance
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait(base: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/readyz", timeout=5):
            return
        time.sleep(0.5)
    raise SystemExit(f"The instance did not start:\n{log.read_text()[-3000:]}")


def _print(line: Line) -> None:
    mark = "ok" if line.holds else "DIFFERS"
    print(f"{line.step:<28} {line.what:<36} {_text(line.expected):<28} {_text(line.actual):<28} {mark}", flush=True)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    return f"{value:,}".replace(",", " ") if isinstance(value, int) and not isinstance(value, bool) else str(value)


def main() -> int:
    if not DATA.exists():
        print(f"{MISSING}.", file=sys.stderr)
        return 2
    began = time.monotonic()
    with running() as instance:
        instance.log_in()
        print(f"{'step':<28} {'what':<36} {'expected':<28} {'actual':<28}")
        held = Case(instance, _print).play()
    print(f"{'Everything holds' if held else 'Something differs'}; {time.monotonic() - began:.0f} s.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
