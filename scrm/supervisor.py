"""Several programs in the foreground of one terminal: prefixed output, and one end for all of them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from scrm.embedded_host import die_with_parent

GENTLY_SECONDS = 8.0  # for requests and tasks at work; tasks left undone are taken up again at the next start
HARD_SECONDS = 3.0
_COLOURS = ("36", "33", "35", "32")


class Supervisor:
    """Starts programs, prints what they write with their name before it, and ends all when one ends."""

    def __init__(self, *, cwd: Path, environment: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._environment = dict(environment)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._printing = threading.Lock()
        self._readers: list[threading.Thread] = []

    def start(self, programs: Mapping[str, Sequence[str]]) -> None:
        """Start programs, each in a session of its own: Ctrl-C comes to us alone, and we stop them."""
        for name, command in programs.items():
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # threads come after, so this is safe
            )
        for number, (name, process) in enumerate(self._processes.items()):
            prefix = f"{name:<6} | "
            if sys.stdout.isatty():
                prefix = f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{prefix}\x1b[0m"
            reader = threading.Thread(target=self._print, args=(name, process, prefix), daemon=True)
            self._readers.append(reader)
            reader.start()

    def _print(self, name: str, process: subprocess.Popen[str], prefix: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._printing:
                sys.stdout.write(prefix + line)
                sys.stdout.flush()
        process.wait()
        self._ended.put(name)

    def wait(self, seconds: float | None = None) -> str | None:
        """The name of a program that ended, or None when all still run after ``seconds``."""
        try:
            return self._ended.get(timeout=seconds)
        except queue.Empty:
            return None

    def code(self, name: str) -> int | None:
        """How a program ended: exit code, or minus the signal; None while it runs."""
        return self._processes[name].poll()

    def stop(self) -> None:
        """End all: ask, then insist, then kill with everything they started. Cannot be interrupted."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            for number, seconds in (
                (signal.SIGTERM, GENTLY_SECONDS),
                (signal.SIGQUIT, HARD_SECONDS),
                (signal.SIGKILL, HARD_SECONDS),
            ):
                running = [process for process in self._processes.values() if process.poll() is None]
                for process in running:
                    process.send_signal(number)
                deadline = time.monotonic() + seconds
                while any(process.poll() is None for process in running) and time.monotonic() < deadline:
                    time.sleep(0.05)
            for process in self._processes.values():
                _kill_session(process.pid)
            for reader in self._readers:
                reader.join(1)
        finally:
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])


def _kill_session(leader: int) -> None:
    """What a program that was killed left behind (each was the leader of its own process group)."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
