"""`hiroba doctor` names what is wrong, and only that."""

from __future__ import annotations

import asyncio
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis import Redis

from server.embedded import Embedded
from server.migrate import migrate
from server.settings import Settings
from tests.servers import MIGRATIONS, Own
from web.cli import doctor, doctor_servers
from web.cli.findings import Finding


@pytest.fixture(scope="module")
def servers() -> Iterator[Settings]:
    """Servers that are configured as they should be, with all migrations."""
    with tempfile.TemporaryDirectory(prefix="hiroba-doctor-") as folder:
        own = Own(Path(folder) / "data")
        settings = Settings.for_tests(database_url=own.postgres.dsn(), redis_url=own.valkey.url)
        asyncio.run(migrate(settings.database_url, MIGRATIONS))
        yield settings
        own.close()


def findings(settings: Settings) -> list[Finding]:
    async def ask() -> list[Finding]:
        checks = (doctor_servers.database, doctor_servers.redis, doctor_servers.clocks)
        return [finding for check in checks async for finding in check(settings)]

    return [*doctor.configuration(settings), *asyncio.run(ask())]


def faults(settings: Settings) -> list[str]:
    return [f"{f.about}: {f.text}" for f in findings(settings) if not f.ok]


async def execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def test_a_healthy_machine_has_no_fault(
    servers: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(servers, Namespace()) == 0

    shown = capsys.readouterr().out
    assert "WRONG" not in shown
    for about in ("address", "database", "migrations", "redis", "clock"):
        assert f"ok     {about}" in shown


def test_a_fault_is_printed_and_gives_status_1(
    servers: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(replace(servers, public_url="http://shop.example"), Namespace()) == 1

    assert "WRONG  address       PUBLIC_URL is http://shop.example" in capsys.readouterr().out


def test_a_public_address_needs_encryption_and_the_proxys_network(servers: Settings) -> None:
    public = replace(servers, public_url="http://shop.example", max_connections=10)

    assert [fault.split(":")[0] for fault in faults(public)] == ["address", "proxies"]
    proxied = replace(
        public, public_url="https://shop.example", trusted_proxies=(ip_network("10.0.0.0/8"),)
    )
    assert faults(proxied) == []


def test_too_few_open_files_are_a_fault_only_where_strangers_come(servers: Settings) -> None:
    greedy = replace(servers, max_connections=2**30)

    assert faults(greedy) == []
    public = replace(greedy, public_url="https://a.example", trusted_proxies=(ip_network("::1"),))
    assert "ulimit -n" in faults(public)[0]


def test_servers_that_are_away_are_named_once_each() -> None:
    away = Settings.for_tests(
        database_url="postgresql://a@127.0.0.1:1/b", redis_url="redis://127.0.0.1:1"
    )

    assert [fault.split(":")[0] for fault in faults(away)] == ["database", "redis"]


def test_missing_migrations_are_named(servers: Settings, empty_database_url: str) -> None:
    (fault,) = faults(replace(servers, database_url=empty_database_url))

    assert "0001_people.sql" in fault
    assert "hiroba migrate" in fault


def test_entries_that_could_not_be_saved_are_told(servers: Settings, database_url: str) -> None:
    asyncio.run(
        execute(
            database_url,
            "INSERT INTO dead_letters (partition, entry_id, channel, payload, private, error) "
            "VALUES (1, '1-1', 'room:1', '', '', 'no such event')",
        )
    )

    (fault,) = faults(replace(servers, database_url=database_url))

    assert fault == "dead letters: 1 entries could not be saved; the last: no such event"


def test_too_few_connections_are_told(servers: Settings) -> None:
    (fault,) = faults(replace(servers, gateways=64))

    assert "max_connections is 300" in fault


@pytest.mark.parametrize(
    ("name", "value", "good", "words"),
    [
        ("appendonly", "no", "yes", "appendonly is off"),
        ("appendfsync", "no", "everysec", "appendfsync is no"),
        ("maxmemory-policy", "allkeys-lru", "noeviction", "maxmemory-policy is allkeys-lru"),
    ],
)
def test_a_redis_that_would_lose_messages_is_told(
    servers: Settings, name: str, value: str, good: str, words: str
) -> None:
    with Redis.from_url(servers.redis_url) as redis:
        redis.config_set(name, value)
        try:
            (fault,) = faults(servers)
        finally:
            redis.config_set(name, good)

    assert words in fault


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14 is too old"),
        ({"redis_version": "7.0.0"}, None),
        ({"redis_version": "7.2.4", "valkey_version": "7.1.0"}, "Valkey 7.1.0 is too old"),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, None),
    ],
)
def test_the_version_of_redis_is_judged(info: dict[str, Any], fault: str | None) -> None:
    finding = doctor_servers._redis_version("redis", info)

    assert finding.ok == (fault is None)
    assert (fault or "") in finding.text


def test_a_replica_is_refused() -> None:
    assert not doctor_servers._role("redis", {"role": "slave"}).ok


@pytest.mark.parametrize(("seconds", "ok"), [(0.0, True), (5.0, False), (-5.0, False)])
def test_a_clock_that_is_wrong_is_told(seconds: float, ok: bool) -> None:
    async def theirs() -> float:
        return (time.time() + seconds) * 1000

    finding = asyncio.run(doctor_servers._clock("redis", theirs))

    assert finding.ok == ok
    if not ok:
        assert ("ahead of" if seconds > 0 else "behind") in finding.text


def test_before_the_first_start_there_is_nothing_to_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(Settings.for_tests(data_dir=tmp_path / "data"), Namespace()) == 0

    assert "nothing was started yet" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


def test_private_servers_that_stand_still_are_started_for_the_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tempfile.TemporaryDirectory(prefix="hiroba-doctor-") as folder:
        data = Path(folder) / "data"
        embedded = Embedded(data)
        embedded.start()
        asyncio.run(migrate(embedded.dsn, MIGRATIONS))
        embedded.stop()

        status = doctor.run(Settings.for_tests(data_dir=data), Namespace())

    assert status == 0
    assert "appendonly is on" in capsys.readouterr().out
