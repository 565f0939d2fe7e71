"""PostgreSQL and Redis of our own, for the first start, development and tests.

Both programs come from Python wheels (Redis from PATH when it is there), keep everything in one data folder,
listen on sockets inside it only, and belong to the one process that started them: they stop when it ends.
Other processes connect by the addresses of ``urls``, which depend on the folder alone.

Nobody needs a password: PostgreSQL asks the kernel who is at the other end of the socket (``peer``) and lets
in the operating system user that started it, nobody else. It refuses to run as root, so root runs it as
another user.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import psycopg
from psycopg import sql

from common.postgres.roles import ensure_runtime_role
from scrm import embedded_host as host
from scrm.embedded_host import EmbeddedError, FolderInUse

DATABASE, OWNER, RUNTIME, SUPERUSER = "scrm", "scrm_owner", "scrm_app", "postgres"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_LONGEST_SOCKET = 100  # the kernel's limit is 107 bytes on Linux, 103 on macOS
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class Urls(NamedTuple):
    """Addresses of the embedded services (libpq URLs and a redis-py URL)."""

    database_url: str
    owner_url: str
    redis_url: str


def data_folder() -> Path:
    """Where the data is: SCRM_DATA, or `var` beside the program."""
    return Path(os.environ.get("SCRM_DATA") or Path(__file__).resolve().parent.parent / "var").resolve()


def runtime_folder(data: Path) -> Path:
    """The folder of the sockets: in the data folder, unless its path is too long or odd for an address."""
    inside = data.resolve() / "run"
    if len(bytes(inside / ".s.PGSQL.5432")) <= _LONGEST_SOCKET and _PLAIN_PATH.fullmatch(str(inside)):
        return inside
    # Not TMPDIR: every process must come to the same folder. make_private refuses a stranger's.
    return Path("/tmp") / f"scrm-{hashlib.sha256(bytes(data.resolve())).hexdigest()[:16]}"


def urls(data: Path) -> Urls:
    """The addresses of the services of a data folder, whether they run or not."""
    run = runtime_folder(data)

    def postgres(role: str) -> str:
        return f"postgresql://{role}@/{DATABASE}?host={quote(str(run), safe='')}"

    return Urls(postgres(RUNTIME), postgres(OWNER), f"unix://{run}/redis.sock?db=0")


class Embedded:
    """The services of one data folder. ``start`` and ``stop`` belong to one process and its main thread."""

    def __init__(self, data: Path, *, durable: bool = True, postgres: bool = True, redis: bool = True) -> None:
        self.data = data.resolve()
        self.durable = durable
        self.urls = urls(self.data)
        self._wanted = (postgres, redis)
        self._run = runtime_folder(self.data)
        self._lock: IO[str] | None = None
        self._postgres: subprocess.Popen[bytes] | None = None
        self._redis: subprocess.Popen[bytes] | None = None

    def start(self) -> Embedded:
        """Start what is wanted and wait until it answers. Raises EmbeddedError (FolderInUse: see there)."""
        host.make_folder(self.data)
        self._lock = host.lock_folder(self.data)
        try:
            (self.data / "log").mkdir(mode=0o700, exist_ok=True)
            account = host.postgres_account(self.data)
            host.make_private(self._run, account)
            if self._wanted[1]:
                self._start_redis()
            if self._wanted[0]:
                self._start_postgres(account)
        except BaseException:
            self.stop()
            raise
        return self

    def ended(self) -> str | None:
        """The name of a service that ended by itself, if one did."""
        for name, process in (("postgres", self._postgres), ("redis", self._redis)):
            if process is not None and process.poll() is not None:
                return f"The embedded {name} ended: {self._last_line(name)}"
        return None

    def stop(self) -> None:
        """Stop both cleanly (data is on disk afterwards); a second Ctrl-C does not interrupt it."""
        with host.undisturbed():
            host.end(self._redis, signal.SIGTERM, signal.SIGKILL)
            # PostgreSQL: SIGINT is the "fast shutdown", SIGQUIT the immediate one.
            host.end(self._postgres, signal.SIGINT, signal.SIGQUIT)
            self._redis = self._postgres = None
            if self._lock:
                if self._run.parent != self.data:
                    shutil.rmtree(self._run, ignore_errors=True)
                self._lock.truncate(0)
                self._lock.close()
                self._lock = None

    # --- Redis ---

    def _start_redis(self) -> None:
        folder = self.data / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        host.end_leftover(folder / "redis.pid", "redis-server", signal.SIGTERM)
        socket, pidfile = self._run / "redis.sock", folder / "redis.pid"
        save = ["--appendonly", "yes"] if self.durable else ["--save", "", "--appendonly", "no"]
        command = [
            str(host.redis_server()),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--unixsocketperm",
            "700",
        ]
        command += ["--dir", str(folder), "--pidfile", str(pidfile), "--daemonize", "no", *save]
        self._redis = self._spawn(command, "redis", folder, None)
        self._wait("Redis", self._redis, lambda: _redis_answers(self.urls.redis_url))

    # --- PostgreSQL ---

    def _start_postgres(self, account: pwd.struct_passwd | None) -> None:
        folder, programs = self.data / "postgres", host.postgres_programs()
        host.make_reachable(programs, folder, account)
        if not (folder / "PG_VERSION").exists():
            self._make_cluster(folder, programs, account)
        host.end_leftover(folder / "postmaster.pid", "postgres", signal.SIGINT)
        me = pwd.getpwuid(os.geteuid()).pw_name
        host.write_file(folder / "pg_hba.conf", "local all all peer map=scrm\n", account)
        host.write_file(folder / "pg_ident.conf", f'scrm "{me}" all\n', account)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._run),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_destination": "stderr",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] %u@%d ",
        }
        if not self.durable:
            settings |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "autovacuum": "off",
            }
        command = [str(programs / "postgres"), "-D", str(folder)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._postgres = self._spawn(command, "postgres", folder, account)
        self._wait("PostgreSQL", self._postgres, lambda: _postgres_answers(self._run))
        _make_database(self._run)
        ensure_runtime_role(self.urls.owner_url, self.urls.database_url)

    def _make_cluster(self, folder: Path, programs: Path, account: pwd.struct_passwd | None) -> None:
        if folder.exists() and any(folder.iterdir()):
            shutil.rmtree(folder)  # what is left of a first start that was cut off
        host.make_private(folder, account)
        command = [
            str(programs / "initdb"),
            "-D",
            str(folder),
            "-U",
            SUPERUSER,
            "--auth=peer",
            "--encoding=UTF8",
        ]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8"]  # sorts alike on every machine
        command += [] if self.durable else ["--no-sync"]
        process = self._spawn(command, "postgres", folder, account)
        if process.wait() != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise EmbeddedError(f"PostgreSQL could not make its files in {folder}: {self._last_line('postgres')}")

    # --- both ---

    def _spawn(
        self, command: list[str], name: str, folder: Path, account: pwd.struct_passwd | None
    ) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        environment |= {"LC_ALL": "C", "TZ": "UTC"}
        who: dict[str, Any] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        with open(self.data / "log" / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop them, in order
                preexec_fn=host.die_with_parent(signal.SIGINT if name == "postgres" else signal.SIGTERM),
                **who,
            )

    def _wait(self, label: str, process: subprocess.Popen[bytes], answers: object) -> None:
        deadline = time.monotonic() + START_SECONDS
        name = "redis" if label == "Redis" else "postgres"
        while not answers():  # type: ignore[operator]
            if process.poll() is not None:
                raise EmbeddedError(f"The embedded {label} did not start: {self._last_line(name)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"The embedded {label} does not answer; see {self.data / 'log' / f'{name}.log'}.")
            time.sleep(0.02)

    def _last_line(self, name: str) -> str:
        log = self.data / "log" / f"{name}.log"
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if re.search("error|fatal", line, re.IGNORECASE)]
        return f"{(telling or lines or ['no message'])[-1].strip()} ({log})"


@contextlib.contextmanager
def started(data: Path, *, durable: bool = True, postgres: bool = True, redis: bool = True) -> Iterator[Embedded]:
    """Run the services for the time of the block; raises EmbeddedError when another process runs them."""
    services = Embedded(data, durable=durable, postgres=postgres, redis=redis)
    services.start()
    try:
        yield services
    finally:
        services.stop()


@contextlib.contextmanager
def ensure_running(data: Path, *, postgres: bool = True, redis: bool = True) -> Iterator[Urls]:
    """For one command: use the services when another process runs them, else start them for the block.

    Whoever started them for a command waits at its end for the commands that came to use them.
    """
    data = data.resolve()
    host.make_folder(data)
    with open(data / "users.lock", "a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        services: Embedded | None = Embedded(data, postgres=postgres, redis=redis)
        try:
            services.start()  # type: ignore[union-attr]
        except FolderInUse:
            services = None
            _wait_for_other(data, postgres, redis)
        try:
            yield urls(data)
        finally:
            if services:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX)  # released by the last command that uses them
                finally:
                    services.stop()


def _wait_for_other(data: Path, postgres: bool, redis: bool) -> None:
    """Another process has the folder: it may still be starting."""
    deadline = time.monotonic() + START_SECONDS
    while (postgres and not _database_answers(urls(data).database_url)) or (
        redis and not _redis_answers(urls(data).redis_url)
    ):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Another process holds {data}, but its services do not answer.")
        time.sleep(0.1)


def _database_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _postgres_answers(run: Path) -> bool:
    return _database_answers(f"postgresql://{SUPERUSER}@/postgres?host={quote(str(run), safe='')}")


def _redis_answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _make_database(run: Path) -> None:
    """The database and its owner: no superuser; CREATEDB is for tests, CREATEROLE for making scrm_app."""
    with psycopg.connect(
        f"postgresql://{SUPERUSER}@/postgres?host={quote(str(run), safe='')}", autocommit=True
    ) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(sql.Identifier(OWNER)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
