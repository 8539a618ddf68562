"""What waits to be saved, how fast Redis and the database answer: measured on the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgpack
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from server.backlog import Backlog
from server.broker import Broker
from server.context import Context, system_clock
from server.database import Database
from server.errors import Refused
from server.keys import PARTITIONS, partition_of
from server.outbox import add, sweep
from server.publication import Publish
from server.settings import Settings
from tests.integration.channels import ROOM, Known, line, until
from tests.integration.lines import TABLES, working


@pytest.fixture
async def ctx(settings: Settings, database: Database) -> AsyncIterator[Context]:
    broker = await Broker.open(settings, clock=system_clock, adoption=Known())
    yield Context(settings, database, None, broker)  # type: ignore[arg-type]
    await broker.close()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_unsaved_entries_of_ones_own_partitions_are_counted_with_their_age(
    ctx: Context,
) -> None:
    owned = set(range(PARTITIONS))
    backlog = Backlog(ctx, lambda: owned)
    for number in range(3):
        await ctx.broker.publish(line(str(number), gated=False))
    # Its clock is asked once a second, and is what Redis has certainly reached.
    begun = ctx.broker.redis_time
    await until(lambda: ctx.broker.redis_time > begun + 5)

    await backlog.measure_logs()
    ours = (value("hiroba_log_backlog_entries"), value("hiroba_log_backlog_seconds"))
    owned.discard(partition_of(ROOM))
    await backlog.measure_logs()

    assert ours[0] == 3
    assert ours[1] > 0
    assert value("hiroba_log_backlog_entries") == value("hiroba_log_backlog_seconds") == 0


async def test_rows_of_the_outbox_and_dead_letters_are_counted(ctx: Context) -> None:
    await ctx.db.run(
        """INSERT INTO outbox (kind, lane, payload, created_at)
           SELECT 'control', 'control', '', now() - interval '1 minute'
           FROM generate_series(1, 2)"""
    )
    await ctx.db.run(
        """INSERT INTO dead_letters (partition, entry_id, channel, payload, private, error)
           VALUES (1, '1-0', 'room:1', '', '', 'broken')"""
    )

    await Backlog(ctx, set).measure_tables()

    assert value("hiroba_outbox_waiting") == 2
    assert value("hiroba_outbox_waiting_seconds") >= 60
    assert value("hiroba_dead_letters") == 1


async def test_statements_are_timed_those_that_fail_too(ctx: Context) -> None:
    before = value("hiroba_statement_seconds_count")

    await ctx.db.value("SELECT 1")
    with pytest.raises(Refused):
        await ctx.db.value("SELECT pg_sleep(5)", timeout=0.01)

    assert value("hiroba_statement_seconds_count") == before + 2


async def test_each_link_times_redis_once_a_second_and_publishes_count(ctx: Context) -> None:
    before = value("hiroba_redis_seconds_count")
    placed = value("hiroba_publishes_total", outcome="placed")
    denied = value("hiroba_publishes_total", outcome="denied")
    timed = value("hiroba_publish_seconds_count")

    await ctx.broker.publish(line("one", deny=("m9", 2**52)))
    with pytest.raises(Refused):
        await ctx.broker.publish(line("two", "m9"))

    assert value("hiroba_publishes_total", outcome="placed") == placed + 1
    assert value("hiroba_publishes_total", outcome="denied") == denied + 1
    assert value("hiroba_publish_seconds_count") == timed + 2
    await until(lambda: value("hiroba_redis_seconds_count") > before)


async def test_what_a_worker_saves_and_puts_aside_is_counted_with_what_it_owns(
    ctx: Context, settings: Settings
) -> None:
    await ctx.db.run(TABLES)
    applied = value("hiroba_log_entries_applied_total")
    dead = value("hiroba_log_entries_dead_total")
    unknown = msgpack.packb({"event": "nobody.knows"})

    await ctx.broker.publish(line("one", gated=False))
    await ctx.broker.publish(Publish(channel=ROOM, body=unknown, publisher="m1"))
    async with working(settings, ctx.db):
        await until(lambda: value("hiroba_log_entries_dead_total") == dead + 1)
        await until(lambda: value("hiroba_log_partitions_owned") == PARTITIONS)

    assert value("hiroba_log_entries_applied_total") == applied + 1


async def test_rows_that_were_left_behind_are_counted_when_they_are_swept(ctx: Context) -> None:
    before = value("hiroba_outbox_swept_total")
    async with ctx.db.transaction() as transaction:
        await add(transaction, line("one", gated=False))

    await sweep(ctx, older_than=0)

    assert value("hiroba_outbox_swept_total") == before + 1


async def test_a_killed_subscription_counts_as_a_gap_of_redis(ctx: Context, redis: Redis) -> None:
    await ctx.broker.subscribe(ROOM)
    before = value("hiroba_redis_gaps_total")

    await redis.execute_command("CLIENT", "KILL", "TYPE", "PUBSUB")

    await until(lambda: value("hiroba_redis_gaps_total") > before)
