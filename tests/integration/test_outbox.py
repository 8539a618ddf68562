"""The durable path against a real PostgreSQL and Valkey: announced exactly once, in order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from server.broker import Broker
from server.context import Context, system_clock
from server.database import Database
from server.errors import Refused
from server.outbox import Sweeper, add, durable, sweep
from server.publication import Flag
from server.settings import Settings
from tests import servers
from tests.integration.channels import ROOM, Known, Listener, line, until
from tests.integration.faults import start_again

FOREVER = 253402300799000


@pytest.fixture
async def ctx(settings: Settings, database: Database) -> AsyncIterator[Context]:
    broker = await Broker.open(settings, clock=system_clock, adoption=Known())
    yield Context(settings, database, None, broker)  # type: ignore[arg-type]
    await broker.close()


async def texts(ctx: Context, channel: str = ROOM) -> list[bytes]:
    window = await ctx.broker.window(channel, 0)
    return [publication.body for publication in window.entries]


async def rows(ctx: Context) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM outbox"))


async def test_what_was_committed_is_announced_and_the_row_is_gone(ctx: Context) -> None:
    listener = Listener(ctx.broker)
    await ctx.broker.subscribe(ROOM)
    await ctx.broker.subscribe(f"{ROOM}:notice")

    async with durable(ctx) as d:
        await d.run("INSERT INTO settings (name, value) VALUES ('accent', '1')")
        d.publish(line("one", flags=Flag.KEEP, key="k", deny=("m9", FOREVER)))
        d.publish(line("two", gates={"min_rank": 20}))
        d.notice(ROOM, "m9", {"event": "you.stopped"})
        d.control({"type": "changed", "what": "settings"})
        d.deny_everywhere("m8", FOREVER)
    await until(lambda: listener.told and len(listener.seen) == 3)

    assert [result.offset for result in d.results if result] == [1, 2]
    assert listener.told == [{"type": "changed", "what": "settings"}]
    assert listener.seen[0].flags == Flag.KEEP
    assert await rows(ctx) == 0
    for denied in ("m9", "m8"):
        with pytest.raises(Refused, match="may not"):
            await ctx.broker.publish(line(publisher=denied, rank=60))
    with pytest.raises(Refused, match="rank"):
        await ctx.broker.publish(line(rank=10))


async def test_an_exception_in_the_block_announces_nothing(ctx: Context) -> None:
    with pytest.raises(ValueError, match="no"):
        async with durable(ctx) as d:
            await d.run("INSERT INTO settings (name, value) VALUES ('accent', '1')")
            d.publish(line("never"))
            raise ValueError("no")

    assert await rows(ctx) == 0
    assert await texts(ctx) == []
    assert await ctx.db.value("SELECT count(*) FROM settings WHERE name = 'accent'") == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_around_the_publish_announces_exactly_once(ctx: Context, when: str) -> None:
    module = "tests.integration.crash_in_outbox"
    urls = (ctx.settings.database_url, ctx.settings.redis_url)
    crashed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", module, when, *urls], timeout=60, check=False
    )
    left, published = await rows(ctx), len(await texts(ctx))

    done = await sweep(ctx, older_than=0)
    again = await sweep(ctx, older_than=0)

    assert crashed.returncode == -9
    assert (left, published) == (1, 1 if when == "after" else 0)
    assert (done, again) == (1, 0)
    assert await texts(ctx) == [line("announced").body]
    assert await ctx.db.value("SELECT value FROM settings WHERE name = 'done'") is True
    assert await rows(ctx) == 0


async def test_what_is_younger_than_the_limit_is_left_to_its_process(ctx: Context) -> None:
    async with ctx.db.transaction() as transaction:
        await add(transaction, line("fresh"))

    assert await sweep(ctx) == 0
    assert await rows(ctx) == 1


async def test_a_nudged_sweeper_publishes_what_was_added_at_once(ctx: Context) -> None:
    sweeper = Sweeper(ctx)
    running = asyncio.create_task(sweeper.run())
    listener = Listener(ctx.broker)
    await ctx.broker.subscribe(ROOM)
    try:
        async with ctx.db.transaction() as transaction:
            await add(transaction, line("from a consumer"))
        sweeper.nudge()
        await until(lambda: listener.seen)
    finally:
        running.cancel()

    assert listener.seen[0].body == line("from a consumer").body


async def test_rows_of_one_channel_are_announced_in_the_order_of_their_commits(
    ctx: Context,
) -> None:
    async with ctx.db.transaction() as transaction:
        await add(transaction, line("first", gated=False, gates={"min_rank": 50}))

    async with durable(ctx) as d:
        d.publish(line("second", gated=False, gates={"min_rank": 10}))

    assert await texts(ctx) == [line("first").body, line("second").body]
    assert d.results[0] is not None and d.results[0].offset == 2
    assert (await ctx.broker.publish(line(rank=10))).offset == 3


async def test_many_actions_at_once_are_each_announced_once(ctx: Context) -> None:
    async def act(n: int) -> int:
        async with durable(ctx) as d:
            d.publish(line(f"{n}", channel=f"room:{n % 3}"))
        assert d.results[0] is not None
        return d.results[0].offset

    sweeps = asyncio.gather(*(sweep(ctx, older_than=0) for _ in range(3)))
    offsets = await asyncio.gather(*(act(n) for n in range(30)))
    await sweeps

    assert sorted(offsets) == sorted([*range(1, 11)] * 3)
    for room in range(3):
        assert len(await texts(ctx, f"room:{room}")) == 10
    assert await rows(ctx) == 0


async def test_what_can_never_be_announced_goes_to_the_dead_letters(ctx: Context) -> None:
    async with durable(ctx) as d:
        d.publish(line("to nowhere", channel="nowhere:1"))
        d.publish(line("here"))

    letter = await ctx.db.one("SELECT * FROM dead_letters")
    assert letter is not None
    assert letter["channel"] == "nowhere:1" and "not_found" in letter["error"]
    assert d.results[0] is None and d.results[1] is not None
    assert await rows(ctx) == 0


async def test_a_row_cannot_be_taken_over_by_a_publisher_who_guesses_its_key(
    ctx: Context,
) -> None:
    for number in range(1, 20):
        for guess in (f"o{number}", str(number), f"outbox-{number}"):
            publish = line("squatted", publisher="m1", client_message_id=guess, channel="room:9")
            await ctx.broker.publish(publish)

    async with durable(ctx) as d:
        d.publish(line("real", publisher="m1", channel="room:9"))

    assert d.results[0] is not None and d.results[0].offset == 58


async def test_without_redis_the_commit_stands_and_the_sweep_catches_up(
    database: Database, own_servers: servers.Own
) -> None:
    valkey = own_servers.valkey
    settings = Settings.for_tests(redis_url=valkey.url)
    broker = await Broker.open(settings, clock=system_clock, adoption=Known())
    ctx = Context(settings, database, None, broker)  # type: ignore[arg-type]
    try:
        own_servers.kill(valkey)
        async with durable(ctx) as d:
            d.publish(line("later"))
        left = await rows(ctx)
        await start_again(own_servers, broker)
        await sweep(ctx, older_than=0)

        assert d.results == [None]
        assert left == 1 and await rows(ctx) == 0
        assert await texts(ctx) == [line("later").body]
    finally:
        await broker.close()
