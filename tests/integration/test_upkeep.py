"""`hiroba migrate` and `hiroba secret rotate`, and how a command finds its servers."""

from __future__ import annotations

import asyncio
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from redis.asyncio import Redis

from server.database import Database
from server.embedded import Embedded
from server.errors import HirobaError
from server.identity import RETIRED_FOR, SETTLE, Claims, Keyring
from server.settings import Settings
from tests.clock import FakeClock
from web.cli.servers import reachable
from web.cli.upkeep import rotate, run_migrate


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hiroba-upkeep-") as folder:
        yield Path(folder) / "data"


def test_migrating_says_what_it_applied(
    settings: Settings, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = replace(settings, database_url=empty_database_url)

    run_migrate(empty, Namespace())
    run_migrate(empty, Namespace())

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "applied 0001_people.sql"
    assert lines[-1] == "the database is up to date"


async def test_after_a_rotation_old_tokens_are_accepted_for_a_day(
    settings: Settings, database: Database
) -> None:
    clock = FakeClock(await database.value("SELECT (extract(epoch FROM now()) * 1000)::bigint"))
    keyring = await Keyring.load(database, clock)
    old = keyring.sign(Claims("bearer", "m1", expires=clock() + 30 * RETIRED_FOR))

    await rotate(settings)
    await keyring.reload(database)
    clock.advance(2 * SETTLE)
    new = keyring.sign(Claims("bearer", "m1", expires=clock() + 30 * RETIRED_FOR))

    assert keyring.verify(old, clock()).publisher == "m1"
    clock.advance(RETIRED_FOR)
    with pytest.raises(HirobaError, match="out of use"):
        keyring.verify(old, clock())
    assert keyring.verify(new, clock()).publisher == "m1"


async def test_every_process_is_told_of_a_rotation(settings: Settings, redis: Redis) -> None:
    async with redis.pubsub() as listener:
        await listener.subscribe("control")
        assert await listener.get_message(timeout=5)

        await rotate(settings)
        heard = await listener.get_message(timeout=5)

    assert heard is not None
    body = msgpack.unpackb(heard["data"])
    assert body.pop("once") and body == {"type": "secrets"}


def test_a_command_finds_the_servers_of_a_running_hiroba(data_dir: Path) -> None:
    embedded = Embedded(data_dir)
    embedded.start()

    with reachable(Settings.for_tests(data_dir=data_dir), start=False) as found:
        addresses = (found.database_url, found.redis_url)

    assert addresses == (embedded.dsn, embedded.redis_url)
    assert embedded.postgres.pid
    embedded.stop()


def test_a_command_starts_the_servers_for_itself_when_none_run(data_dir: Path) -> None:
    settings = Settings.for_tests(data_dir=data_dir)

    with reachable(settings) as found:
        used = asyncio.run(version(found.database_url))
    with (
        pytest.raises(HirobaError, match="no servers are running"),
        reachable(settings, start=False),
    ):
        pass

    assert used.startswith("PostgreSQL 18")


async def version(dsn: str) -> str:
    database = await Database.connect(dsn, size=1)
    try:
        return str(await database.value("SELECT version()"))
    finally:
        await database.close()


def test_chosen_servers_are_left_as_they_are(settings: Settings) -> None:
    with reachable(settings, start=False) as found:
        assert found == settings
