"""The persistence worker against a real PostgreSQL and Valkey: in order, each entry once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from server.broker import Broker
from server.context import system_clock
from server.database import Database
from server.keys import PARTITIONS, keys_of, tagged
from server.migrate import migrate
from server.publication import Publish
from server.settings import Settings
from tests import servers
from tests.integration.channels import ROOM, Known, line, until
from tests.integration.faults import start_again, written
from tests.integration.lines import TABLES, change, counted, eventually, texts, working


@pytest.fixture
async def db(database: Database) -> Database:
    await database.run(TABLES)
    return database


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[Broker]:
    broker = await Broker.open(settings, clock=system_clock, adoption=Known(), listen=False)
    yield broker
    await broker.close()


@contextmanager
def doomed(accident: str, settings: Settings) -> Iterator[psutil.Process]:
    """Start a worker process that meets with an accident."""
    module = "tests.integration.doomed_worker"
    command = [sys.executable, "-m", module, accident, settings.database_url, settings.redis_url]
    child = subprocess.Popen(command)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.kill()
        child.wait(20)


async def say(broker: Broker, *words: str, **more: Any) -> None:
    for word in words:
        await broker.publish(line(word, key=f"{more.get('channel', '')}{word}", **more))


async def log_is_empty(redis: Redis, channel: str = ROOM) -> bool:
    log = keys_of(channel).log
    try:
        pending = await redis.xpending(log, "workers")
    except ResponseError:
        return False
    return await redis.xlen(log) == 0 and pending["pending"] == 0


async def test_the_log_becomes_rows_in_order_and_is_emptied(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    await say(broker, "before", "the", "worker")
    async with working(settings, db) as [worker]:
        await say(broker, "and", "after")
        await eventually(lambda: log_is_empty(redis))

        assert await texts(db) == ["before", "the", "worker", "and", "after"]
        assert worker.applied == 5 and worker.dead == 0


async def test_an_edit_follows_its_line_also_within_one_batch(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    for n in range(100):
        await broker.publish(line(f"first {n}", key=f"k{n}", publisher=f"m{n}"))
        await broker.publish(change(f"k{n}", f"second {n}"))
        await broker.publish(change(f"k{n}", f"third {n}"))
    async with working(settings, db):
        await eventually(lambda: log_is_empty(redis))

    assert await texts(db) == [f"third {n}" for n in range(100)]


async def test_only_the_poison_is_put_aside(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    log = keys_of(ROOM).log
    for n in range(20):
        await say(broker, "poison" if n in (3, 11) else f"good {n}")
    await redis.xadd(log, {"c": ROOM, "p": b"\x00garbage", "x": b""})
    await redis.xadd(log, {"nothing": "known"})
    await broker.publish(Publish(ROOM, b"\x81\xa5event\xa3odd"))
    await say(broker, "last")
    async with working(settings, db) as [worker]:
        await eventually(lambda: log_is_empty(redis))

    letters = await db.all("SELECT * FROM dead_letters ORDER BY id")
    good = [f"good {n}" for n in range(20) if n not in (3, 11)]
    assert await texts(db) == [*good, "last"]
    assert worker.dead == len(letters) == 5
    errors = " ".join(letter["error"] for letter in letters)
    assert errors.count("CheckViolation") == 2 and "nothing handles 'odd'" in errors
    assert errors.count("not a publication") == 2
    assert {letter["partition"] for letter in letters} == {keys_of(ROOM).partition}


async def test_what_a_consumer_cannot_bear_is_put_aside_and_its_row_stays(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    await say(broker, "one", "not for the count", "two")
    async with working(settings, db):
        await eventually(lambda: log_is_empty(redis))

    assert await texts(db) == ["one", "not for the count", "two"]
    assert await counted(db) == {"m1": 2}
    assert await db.value("SELECT count(*) FROM dead_letters") == 1


async def test_two_workers_share_the_partitions_and_apply_each_entry_once(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    channels = [f"room:{n}" for n in range(40)]
    async with working(settings, db, 2) as (one, two):
        for n in range(5):
            await asyncio.gather(*(say(broker, f"a{n}", channel=each) for each in channels))
        await until(lambda: len(one.owned) == len(two.owned) == PARTITIONS // 2)
        for n in range(5):
            await asyncio.gather(*(say(broker, f"b{n}", channel=each) for each in channels))
        for channel in channels:
            await eventually(lambda channel=channel: log_is_empty(redis, channel))

        assert one.owned | two.owned == set(range(PARTITIONS))
        assert not one.owned & two.owned
        assert one.applied + two.applied == 400
    for channel in channels:
        assert await texts(db, channel) == [
            *(f"a{n}" for n in range(5)),
            *(f"b{n}" for n in range(5)),
        ]
    assert await counted(db) == {"m1": 400}


async def test_a_worker_that_stops_gives_its_partitions_back(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    async with working(settings, db, lease=60.0) as [worker]:
        await until(lambda: len(worker.owned) == PARTITIONS)

    leases = [await redis.exists(tagged(n, "owner")) for n in range(PARTITIONS)]
    readers = await redis.xinfo_consumers(keys_of(ROOM).log, "workers")
    assert not any(leases)
    assert readers == []
    assert await redis.zcard("workers") == 0


@pytest.mark.parametrize("accident", ["before-commit", "after-commit"])
async def test_a_killed_worker_leaves_every_row_once(
    settings: Settings, db: Database, broker: Broker, redis: Redis, accident: str
) -> None:
    await say(broker, *(f"line {n}" for n in range(50)))
    with doomed(accident, settings) as process:
        await asyncio.to_thread(process.wait, 20)
    at_death = await texts(db)
    in_hand = (await redis.xpending(keys_of(ROOM).log, "workers"))["pending"]

    await say(broker, "later")
    async with working(settings, db) as [worker]:
        await eventually(lambda: log_is_empty(redis))

    assert len(at_death) == (50 if accident == "after-commit" else 0)
    assert in_hand == 50
    assert await texts(db) == [*(f"line {n}" for n in range(50)), "later"]
    assert await counted(db) == {"m1": 51}
    assert worker.applied == (1 if accident == "after-commit" else 51)


async def test_a_worker_frozen_inside_its_transaction_does_no_harm(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    await say(broker, *(f"line {n}" for n in range(30)))
    with doomed("freeze", settings) as process:
        await until(lambda: process.status() == psutil.STATUS_STOPPED)
        async with working(settings, db) as [worker]:
            await eventually(lambda: log_is_empty(redis))
            process.send_signal(signal.SIGCONT)
            await say(broker, *(f"more {n}" for n in range(30)))
            await until(lambda: len(worker.owned) == PARTITIONS // 2)
            await say(broker, *(f"last {n}" for n in range(30)))
            await eventually(lambda: log_is_empty(redis))

    expected = [f"{word} {n}" for word in ("line", "more", "last") for n in range(30)]
    assert await texts(db) == expected
    assert await counted(db) == {"m1": 90}
    assert await db.value("SELECT count(*) FROM dead_letters") == 0


async def test_a_worker_frozen_while_it_waits_takes_nothing_when_it_wakes(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    with doomed("none", settings) as process:
        await say(broker, "first")
        await eventually(lambda: log_is_empty(redis))
        process.send_signal(signal.SIGSTOP)
        async with working(settings, db) as [worker]:
            await until(lambda: len(worker.owned) == PARTITIONS)
            process.send_signal(signal.SIGCONT)
            for n in range(200):
                await say(broker, f"line {n}")
            await eventually(lambda: log_is_empty(redis))

    assert await texts(db) == ["first", *(f"line {n}" for n in range(200))]
    assert await counted(db) == {"m1": 201}


async def test_while_postgres_is_away_nothing_is_acknowledged_and_then_nothing_is_missing(
    own_servers: servers.Own,
) -> None:
    postgres = own_servers.postgres
    settings = Settings.for_tests(
        database_url=postgres.dsn(), redis_url=own_servers.valkey.url, channel_rate=10_000
    )
    await migrate(settings.database_url, servers.MIGRATIONS)
    db = await Database.connect(settings.database_url, size=5)
    broker = await Broker.open(settings, clock=system_clock, adoption=Known(), listen=False)
    try:
        await db.run(TABLES)
        async with working(settings, db) as [worker], Redis.from_url(settings.redis_url) as redis:
            await say(broker, "before")
            await eventually(lambda: log_is_empty(redis))
            await asyncio.to_thread(own_servers.kill, postgres)
            await say(broker, *(f"line {n}" for n in range(50)))
            await until(lambda: worker.in_hand)
            kept = await redis.xlen(keys_of(ROOM).log)
            postgres.launch()
            await asyncio.to_thread(postgres.wait_ready)
            await eventually(lambda: log_is_empty(redis))

            assert kept == 50
        assert await texts(db) == ["before", *(f"line {n}" for n in range(50))]
        assert await counted(db) == {"m1": 51}
    finally:
        await broker.close()
        await db.close()


async def test_after_redis_was_emptied_the_log_goes_on(
    settings: Settings, db: Database, broker: Broker, redis: Redis
) -> None:
    async with working(settings, db):
        await say(broker, "before")
        await eventually(lambda: log_is_empty(redis))
        await redis.flushall()
        await say(broker, "after")
        await eventually(lambda: log_is_empty(redis))

    assert await texts(db) == ["before", "after"]


async def test_a_killed_redis_loses_nothing_on_its_way_to_the_rows(
    db: Database, own_servers: servers.Own, database_url: str
) -> None:
    valkey = own_servers.valkey
    settings = Settings.for_tests(database_url=database_url, redis_url=valkey.url)
    broker = await Broker.open(settings, clock=system_clock, adoption=Known(), listen=False)
    try:
        async with working(settings, db), Redis.from_url(valkey.url) as redis:
            await say(broker, *(f"line {n}" for n in range(100)))
            await written(own_servers)
            own_servers.kill(valkey)
            await start_again(own_servers, broker)
            await say(broker, "after")
            await eventually(lambda: log_is_empty(redis))
    finally:
        await broker.close()

    assert await texts(db) == [*(f"line {n}" for n in range(100)), "after"]
