"""Brokers and workers on a Redis Cluster of three nodes, also while slots move and nodes die."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtest.redis_cluster import RedisCluster, redis_cluster
from server.broker import Broker
from server.context import system_clock
from server.database import Database
from server.keys import PARTITIONS, keys_of
from server.publication import Flag
from server.sessions import Sessions
from server.settings import Settings
from server.topology import slot_of
from tests.integration.channel_reader import Reader
from tests.integration.channels import Known, Listener, brokers, line, refusal, until
from tests.integration.lines import TABLES, counted, eventually, texts, working

CHANNELS = [f"room:{number}" for number in range(12)]
"""Enough that every node has some."""


@pytest.fixture(scope="module")
def running() -> Iterator[RedisCluster]:
    """Three nodes for all tests of this module."""
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-cluster-") as folder,
        redis_cluster(Path(folder)) as cluster,
    ):
        yield cluster


@pytest.fixture
def cluster(running: RedisCluster) -> RedisCluster:
    """The nodes without a key."""
    running.flush()
    return running


@asynccontextmanager
async def reading(url: str, *channels: str, **limits: Any) -> AsyncIterator[tuple[Broker, Reader]]:
    """Open a broker that publishes and another that reads."""
    async with brokers(url, Known(), 2, channel_rate=100_000, **limits) as (here, there):
        yield here, await Reader(there, *channels).listen()


def some_channel(cluster: RedisCluster, owner: Any) -> str:
    """Find a channel that a node serves."""
    return next(c for c in CHANNELS if cluster.owner(keys_of(c).channel) is owner)


async def test_all_nodes_are_found_through_one_and_listen_on_both_sides(
    cluster: RedisCluster,
) -> None:
    async with reading(cluster.url, *CHANNELS) as (broker, reader):
        for number in range(3):
            for channel in CHANNELS:
                await broker.publish(line(f"{number}", channel=channel))
        await until(lambda: all(len(taken) == 3 for taken in reader.taken.values()))

        assert {cluster.owner(keys_of(c).channel).name for c in CHANNELS} == set(broker.nodes())
        assert all(broker.nodes().values()) and len(broker.nodes()) == 3
        assert all(reader.texts(channel) == ["0", "1", "2"] for channel in CHANNELS)
        assert reader.repairs == 0


async def test_notices_and_what_passes_by_reach_the_other_side(cluster: RedisCluster) -> None:
    async with brokers(cluster.url, Known(), 2) as (here, there):
        listener = Listener(there)
        for channel in CHANNELS:
            await there.subscribe(channel)
            await there.subscribe(f"{channel}:notice")
        for channel in CHANNELS:
            await here.pass_on(channel, b"passing")
            await here.notice(channel, "m7", b"notice")
        await until(lambda: len(listener.seen) == 2 * len(CHANNELS))

        notices = [
            p.key
            for name, p in zip(listener.channels, listener.seen, strict=True)
            if name.endswith(":notice")
        ]
        assert notices == ["m7"] * len(CHANNELS)


async def test_every_process_is_told_once_through_control(cluster: RedisCluster) -> None:
    async with brokers(cluster.url, Known(), 2) as (here, there):
        listeners = [Listener(here), Listener(there)]
        for number in range(5):
            await here.control({"type": "told", "number": number})
        await here.control({"type": "last"})
        await until(lambda: all({"type": "last"} in each.told for each in listeners))

        told = [{"type": "told", "number": number} for number in range(5)]
        for listener in listeners:
            in_order = sorted(listener.told[:-1], key=lambda body: body["number"])
            assert in_order == told and listener.told[-1] == {"type": "last"}


async def test_a_retry_has_one_effect_and_the_window_is_recovered(cluster: RedisCluster) -> None:
    async with brokers(cluster.url, Known()) as broker:
        for channel in CHANNELS[:4]:
            first = await broker.publish(line("one", channel=channel, client_message_id="c1"))
            again = await broker.publish(line("one", channel=channel, client_message_id="c1"))
            other = line("two", channel=channel, client_message_id="c1")
            error = await refusal(broker.publish(other))
            await broker.publish(line("three", channel=channel))
            window = await broker.window(channel, 1)
            newest = await broker.newest(channel, 10)

            assert (again.epoch, again.offset, again.repeated) == (first.epoch, 1, True)
            assert error.code == "duplicate_conflict"
            assert [entry.offset for entry in window.entries] == [2] and window.whole
            assert [entry.offset for entry in newest.entries] == [1, 2]


async def test_a_denial_everywhere_holds_on_every_node(cluster: RedisCluster) -> None:
    async with brokers(cluster.url, Known()) as broker:
        await broker.deny_everywhere("m1", system_clock() + 60_000)
        errors = [await refusal(broker.publish(line(channel=channel))) for channel in CHANNELS]
        await broker.deny_everywhere("m1", 0)
        places = [await broker.publish(line(channel=channel)) for channel in CHANNELS]

    assert {error.code for error in errors} == {"denied"}
    assert all(place.offset == 1 for place in places)


async def test_no_offset_of_the_denied_is_above_the_denial(cluster: RedisCluster) -> None:
    async with brokers(cluster.url, Known(), 2, channel_rate=100_000) as (here, there):
        for channel in CHANNELS[:3]:
            racing = [
                asyncio.create_task(broker.publish(line(f"{n}", channel=channel)))
                for n in range(40)
                for broker in (here, there)
            ]
            denial = await here.publish(
                line(
                    "denied",
                    channel=channel,
                    gated=False,
                    publisher="staff",
                    deny=("m1", system_clock() + 60_000),
                )
            )
            await asyncio.gather(*racing, return_exceptions=True)
            window = await there.window(channel, 0)

            late = [e for e in window.entries if e.publisher == "m1" and e.offset > denial.offset]
            assert not late and window.entries


async def test_tickets_and_sessions_lie_on_whatever_node_their_key_says(
    cluster: RedisCluster,
) -> None:
    async with brokers(cluster.url, Known()) as broker:
        sessions = Sessions(broker)
        for number in range(20):
            await sessions.open(f"m{number}", "s", "here:1", version=1, most=10)
            await sessions.close(f"m{number}", "s", "here:1")
        counts = [node.client.dbsize() for node in cluster.nodes]
        delay = await broker.saving_delay()

    assert delay == 0
    assert sum(counts) == 0


@pytest.mark.parametrize("how", ["by keys", "at once"])
async def test_while_slots_move_every_publication_arrives_once_and_none_is_called_lost(
    cluster: RedisCluster, how: str
) -> None:
    async with reading(cluster.url, *CHANNELS) as (broker, reader):
        said: dict[str, list[str]] = {channel: [] for channel in CHANNELS}
        stop = asyncio.Event()

        async def talk(channel: str) -> None:
            number = 0
            while not stop.is_set() or number < 20:
                await broker.publish(line(f"{number}", channel=channel, key=f"{number}"))
                said[channel].append(f"{number}")
                number += 1
                await asyncio.sleep(0.005)

        talking = [asyncio.create_task(talk(channel)) for channel in CHANNELS]
        await until(lambda: all(len(each) > 3 for each in said.values()))
        for channel in CHANNELS[:4]:
            key = keys_of(channel).channel
            to = cluster.other(cluster.owner(key))
            if how == "by keys":
                await asyncio.to_thread(cluster.move_by_keys, key, to)
            elif not await asyncio.to_thread(cluster.move_at_once, key, to):
                pytest.skip("this server does not move slots at once")
        stop.set()
        await asyncio.gather(*talking)
        await until(lambda: all(reader.texts(c) == said[c] for c in CHANNELS), 20)

        everything = [p for taken in reader.taken.values() for p in taken]
        assert not any(publication.flags & Flag.GAP for publication in everything)
        assert reader.repairs >= 1


async def test_what_lies_half_here_and_half_there_is_found_and_nothing_is_published_by_halves(
    cluster: RedisCluster,
) -> None:
    channel = CHANNELS[5]
    keys = keys_of(channel)
    async with brokers(cluster.url, Known()) as broker:
        await broker.publish(line("before", channel=channel))
        await broker.call("SET", f"{keys.channel}:note", "kept")
        to = cluster.other(cluster.owner(keys.channel))
        source = cluster.begin_move(keys.channel, to)
        cluster.move_keys(source, to, keys.channel, keys.window, f"{keys.channel}:note")

        note = await broker.call("GET", f"{keys.channel}:note")
        window = await broker.window(channel, 0)
        refused = await refusal(broker.publish(line("refused", channel=channel)))
        waiting = asyncio.create_task(broker.publish(line("after", channel=channel)))
        rest = source.client.execute_command("CLUSTER GETKEYSINSLOT", slot_of(keys.channel), 99)
        cluster.move_keys(source, to, *rest)
        cluster.end_move(keys.channel, source, to)
        place = await waiting
        newest = await broker.newest(channel, 10)

    assert note == b"kept"
    assert [entry.offset for entry in window.entries] == [1]
    assert refused.code == "unavailable"
    assert place.offset == 2
    assert [entry.offset for entry in newest.entries] == [1, 2]


async def test_a_slot_that_moved_while_nobody_spoke_is_heard_at_its_new_owner(
    cluster: RedisCluster,
) -> None:
    async with reading(cluster.url, *CHANNELS) as (broker, reader):
        for channel in CHANNELS:
            await broker.publish(line("before", channel=channel))
        key = keys_of(CHANNELS[0]).channel
        to = cluster.other(cluster.owner(key))
        await asyncio.to_thread(cluster.move_by_keys, key, to)
        # Straight past every broker, so that only the listening side can have noticed.
        await until(lambda: reader.repairs >= 1)
        to.client.execute_command("SPUBLISH", key, b"heard")

        heard: list[bytes] = []
        reader.broker.on_payload = lambda channel, payload: heard.append(payload)
        await until(lambda: to.client.execute_command("SPUBLISH", key, b"heard") and heard)


async def test_the_worker_saves_from_all_nodes_also_while_slots_move(
    cluster: RedisCluster, database_url: str, database: Database
) -> None:
    await database.run(TABLES)
    settings = Settings.for_tests(
        database_url=database_url, redis_url=cluster.url, channel_rate=100_000
    )

    async def saved() -> bool:
        return all(
            cluster.owner(log).client.xlen(log) == 0
            for log in (keys_of(channel).log for channel in CHANNELS)
        )

    async with (
        brokers(cluster.url, Known(), channel_rate=100_000) as broker,
        working(settings, database) as [worker],
    ):
        for number in range(30):
            for channel in CHANNELS:
                key = f"{channel} {number}"
                await broker.publish(line(f"{number}", channel=channel, key=key))
            if number % 10 == 5:
                log = keys_of(CHANNELS[number // 10]).log
                to = cluster.other(cluster.owner(log))
                await asyncio.to_thread(cluster.move_by_keys, log, to)
        await eventually(saved)

        assert len(worker.owned) == PARTITIONS
        assert worker.dead == 0

    for channel in CHANNELS:
        assert await texts(database, channel) == [f"{number}" for number in range(30)]
    assert await counted(database) == {"m1": 30 * len(CHANNELS)}


async def test_without_one_node_the_others_go_on_and_it_comes_back_whole(
    cluster: RedisCluster, database_url: str, database: Database
) -> None:
    await database.run(TABLES)
    settings = Settings.for_tests(
        database_url=database_url, redis_url=cluster.url, channel_rate=100_000
    )
    lost = cluster.nodes[1]
    gone = some_channel(cluster, lost)
    there = some_channel(cluster, cluster.nodes[2])
    known = Known()
    known.everywhere = {"denied": system_clock() + 600_000}
    async with (
        brokers(cluster.url, known, 2, channel_rate=100_000) as (here, listening),
        working(settings, database),
    ):
        reader = await Reader(listening, gone, there).listen()
        await here.publish(line("before", channel=gone, key="a"))
        lost.kill()
        refused = await refusal(here.publish(line("refused", channel=gone)))
        for number in range(20):
            await here.publish(line(f"{number}", channel=there, key=f"b{number}"))
        await eventually(lambda: has_texts(database, there, 20))
        nodes, is_ready = here.nodes(), here.ready
        lost.start()
        await asyncio.to_thread(cluster.wait_whole)
        await until(lambda: all([*here.nodes().values(), *listening.nodes().values()]))
        place = await here.publish(line("after", channel=gone, key="c"))
        denied = await refusal(here.publish(line("no", channel=gone, publisher="denied")))
        await until(lambda: reader.texts(gone) == ["before", "after"])
        await eventually(lambda: has_texts(database, gone, 2))

    assert refused.code == "unavailable" and denied.code == "denied"
    assert is_ready and nodes[lost.name] is False and sum(nodes.values()) == 2
    assert reader.texts(there) == [f"{number}" for number in range(20)]
    assert place.offset > 1_000_000
    assert any(publication.flags & Flag.GAP for publication in reader.taken[gone])


async def has_texts(database: Database, channel: str, count: int) -> bool:
    return len(await texts(database, channel)) == count
