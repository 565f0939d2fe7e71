"""The embedded services: addresses, start, stop, second start, and the messages when they cannot start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from common.postgres.roles import verify_runtime_role
from common.postgres.urls import celery_broker
from scrm import embedded
from scrm.embedded_host import EmbeddedError, FolderInUse

ROOT = Path(__file__).resolve().parents[2]


def holder(data: Path, *, ending: str = "sys.stdin.read()") -> subprocess.Popen[str]:
    """Another process that runs the services of the folder until its standard input closes."""
    program = (
        "import sys; from pathlib import Path; from scrm import embedded\n"
        f"with embedded.started(Path({str(data)!r}), durable=False):\n"
        f"    print('up', flush=True); {ending}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def processes_of(data: Path) -> list[psutil.Process]:
    """PostgreSQL and Redis processes that work on the folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(data) in part for part in process.info["cmdline"] or []) and process.pid != os.getpid():
            found.append(process)
    return found


def wait_until_gone(data: Path, seconds: float = 20) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while (left := processes_of(data)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    return left


@pytest.fixture
def data(place: Path) -> Iterator[Path]:
    yield place / "data"
    assert wait_until_gone(place) == []


def test_addresses_depend_on_the_folder_alone(tmp_path: Path) -> None:
    first, again, other = (
        embedded.urls(tmp_path / "a"),
        embedded.urls(tmp_path / "a"),
        embedded.urls(tmp_path / "b"),
    )
    assert first == again
    assert not set(first) & set(other)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["x" * 120, "with space", "客户", "a?b"])
def test_long_or_odd_folders_get_short_socket_addresses(tmp_path: Path, name: str) -> None:
    run = embedded.runtime_folder(tmp_path / name)
    assert run.parent == Path("/tmp")
    assert len(bytes(run / ".s.PGSQL.5432")) < 104


def test_services_of_an_odd_folder_start(data: Path) -> None:
    odd = data / ("長い名前 " * 12)
    with embedded.started(odd, durable=False) as services:
        with psycopg.connect(services.urls.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis.from_url(services.urls.redis_url).ping()
    assert not embedded.runtime_folder(odd).exists()


def test_second_start_continues_with_the_data(data: Path) -> None:
    with embedded.started(data) as services, psycopg.connect(services.urls.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()
        redis.Redis.from_url(services.urls.redis_url).set("kept", "7")
    assert wait_until_gone(data) == []
    with embedded.started(data) as services, psycopg.connect(services.urls.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
        assert redis.Redis.from_url(services.urls.redis_url).get("kept") == b"7"


def test_roles_are_arranged_for_the_tenant_wall(data: Path) -> None:
    """DESIGN 4.2: the runtime role owns nothing, the owner is no superuser."""
    with embedded.started(data, durable=False) as services:
        with psycopg.connect(services.urls.database_url) as connection:
            verify_runtime_role(connection)
        with psycopg.connect(services.urls.owner_url) as connection:
            row = connection.execute(
                "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    assert row == (False, False)


def test_only_our_own_user_gets_at_the_sockets(data: Path) -> None:
    with embedded.started(data, durable=False):
        assert embedded.runtime_folder(data).stat().st_mode & 0o077 == 0
        for name in ("postgres", "redis", "log"):
            assert (data / name).stat().st_mode & 0o077 == 0
        assert data.stat().st_mode & 0o066 == 0
        assert (data / "postgres" / "pg_hba.conf").read_text() == "local all all peer map=scrm\n"


def test_folder_in_use_names_folder_and_process(data: Path) -> None:
    other = holder(data)
    try:
        with pytest.raises(FolderInUse) as refused:
            embedded.Embedded(data, durable=False).start()
        assert str(data) in str(refused.value)
        assert f"process {other.pid}." in str(refused.value)
        assert "\n" not in str(refused.value)
        with embedded.ensure_running(data) as urls, psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis.from_url(embedded.urls(data).redis_url).ping(), "a guest must not stop the services"
    finally:
        other.communicate()
    assert other.returncode == 0


def test_a_command_starts_and_stops_what_nobody_runs(data: Path) -> None:
    with embedded.ensure_running(data) as urls:
        assert redis.Redis.from_url(urls.redis_url).ping()
    assert wait_until_gone(data) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_services_end_with_their_process_however_it_ends(data: Path, number: signal.Signals) -> None:
    process = holder(data)
    assert processes_of(data)
    process.send_signal(number)
    process.communicate()
    assert wait_until_gone(data) == []
    with embedded.started(data, durable=False) as services:
        assert redis.Redis.from_url(services.urls.redis_url).ping()


def test_a_cut_off_first_start_is_made_again(data: Path) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "half").write_text("made")
    with embedded.started(data, durable=False, redis=False) as services:
        psycopg.connect(services.urls.owner_url).close()


def test_a_folder_that_cannot_be_made_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError) as refused:
        embedded.Embedded(tmp_path / "file" / "data").start()
    assert str(tmp_path / "file" / "data") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_celery_spells_socket_addresses_in_its_own_way() -> None:
    assert celery_broker("unix:///a/b.sock?db=2") == "redis+socket:///a/b.sock?virtual_host=2"
    assert celery_broker("redis://host:1/0") == "redis://host:1/0"
