"""Connections to Redis that end, stand still or say nothing are noticed, and nothing is missed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis

from server.context import system_clock
from server.errors import Refused
from server.publication import Published
from server.recovery import Window
from server.redis_link import RedisLink
from tests import servers
from tests.integration.channels import ROOM, Known, Listener, brokers, line, until
from tests.integration.fault_reader import Reader, attempt
from tests.integration.faults import start_again
from tests.integration.lines import eventually


async def test_killed_subscriptions_are_noticed_and_nothing_is_missing(
    redis_url: str, redis: Redis
) -> None:
    async with brokers(redis_url, Known(), 2, channel_rate=100_000) as (here, there):
        reader = Reader(there, ROOM)
        await there.subscribe(ROOM)
        for burst in range(5):
            for n in range(100):
                await here.publish(line(f"{burst}.{n}"))
                if n == 50:
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: here.ready and there.ready)
        await here.publish(line("last"))
        await until(lambda: reader.position == 501)

    assert None in reader.gaps
    assert [publication.offset for publication in reader.taken] == list(range(1, 502))


async def test_killed_commands_are_repeated_with_one_effect(redis_url: str, redis: Redis) -> None:
    async with brokers(redis_url, Known(), channel_rate=100_000) as broker:
        results = []
        for n in range(20):
            flying = [
                asyncio.create_task(attempt(broker, f"{n}.{k}", client_message_id=f"{n}.{k}"))
                for k in range(20)
            ]
            await asyncio.sleep(0)
            await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            results += await asyncio.gather(*flying)
            await until(lambda: broker.ready)
        read: list[Window] = []

        async def is_read() -> bool:
            # The last connection may have been killed without our having heard of it.
            with suppress(Refused):
                read.append(await broker.window(ROOM, 0))
            return bool(read)

        await eventually(is_read)

    [window] = read
    placed = [result for result in results if isinstance(result, Published)]
    refused = [result for result in results if isinstance(result, Refused)]
    assert {error.code for error in refused} <= {"unavailable"}
    assert sorted(place.offset for place in placed) == [p.offset for p in window.entries]
    assert len({publication.body for publication in window.entries}) == len(window.entries)


async def test_on_uvloop_too_killed_connections_lose_nothing(redis_url: str) -> None:
    async def scenario() -> list[int]:
        async with (
            brokers(redis_url, Known(), channel_rate=100_000) as broker,
            Redis.from_url(redis_url) as redis,
        ):
            reader = Reader(broker, ROOM)
            await broker.subscribe(ROOM)
            for n in range(300):
                await broker.publish(line(str(n)))
                if n in (100, 200):
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    await until(lambda: broker.ready)
            await until(lambda: reader.position == 300)
            return [publication.offset for publication in reader.taken]

    taken = await asyncio.to_thread(uvloop.run, scenario())

    assert taken == list(range(1, 301))


async def test_a_confirmation_nobody_waited_for_is_a_gap(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        listener = Listener(broker)
        await broker.subscribe(ROOM)
        broker._subscriber._wire.send(b"SUBSCRIBE", ROOM.encode())
        await until(lambda: listener.gaps)

    assert listener.gaps == [ROOM]


async def test_what_a_listener_cannot_take_is_a_gap_of_that_channel_only(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        listener = Listener(broker)

        def cannot(channel: str, payload: bytes) -> None:
            broker.on_payload = listener._payload
            raise ValueError("a defect")

        broker.on_payload = cannot
        await broker.subscribe(ROOM)
        await broker.publish(line("one"))
        await broker.publish(line("two"))
        await until(lambda: listener.seen)

    assert listener.gaps == [ROOM]
    assert listener.offsets == [2]


async def test_what_a_frozen_redis_did_not_answer_never_appears(own_servers: servers.Own) -> None:
    valkey = own_servers.valkey
    async with brokers(valkey.url, Known()) as broker:
        await broker.publish(line("before"))
        own_servers.freeze(valkey)
        results = await asyncio.gather(
            *(attempt(broker, f"a{n}", client_message_id=f"a{n}") for n in range(10)),
            *(attempt(broker, f"b{n}") for n in range(10)),
        )
        later = [await attempt(broker, "c") for _ in range(3)]
        was_ready = broker.ready
        own_servers.thaw(valkey)
        await until(lambda: broker.ready)
        after = await broker.publish(line("after"))
        window = await broker.window(ROOM, 0)

    assert {each.code for each in [*results, *later]} == {"unavailable"}
    assert not was_ready
    assert after.offset == 2
    assert [entry.body for entry in window.entries] == [line("before").body, line("after").body]


async def test_a_probe_that_does_not_come_back_is_told_as_a_gap(own_servers: servers.Own) -> None:
    async with brokers(own_servers.valkey.url, Known()) as broker:
        reader = Reader(broker, ROOM)
        await broker.subscribe(ROOM)
        await broker.publish(line("before"))
        own_servers.freeze(own_servers.valkey)
        await until(lambda: not broker._subscriber.ready)
        told_at_once = list(reader.gaps)
        own_servers.thaw(own_servers.valkey)
        await until(lambda: broker.ready and reader.gaps)
        await broker.publish(line("after"))
        await until(lambda: reader.position == 2)

    assert told_at_once == []
    assert reader.gaps == [None]


async def test_a_gateway_that_hears_no_control_lets_nobody_publish(
    own_servers: servers.Own,
) -> None:
    async with (
        brokers(own_servers.valkey.url, Known()) as broker,
        Redis.from_url(own_servers.valkey.url) as redis,
    ):
        await broker.publish(line("before"))
        await redis.execute_command("ACL", "SETUSER", "default", "resetchannels")
        await until(lambda: broker._control.silent())
        cut_off = await attempt(broker, "no")
        window = await broker.window(ROOM, 0)
        await redis.execute_command("ACL", "SETUSER", "default", "allchannels")
        await until(lambda: broker.ready)
        back = await attempt(broker, "yes")

    assert isinstance(cut_off, Refused) and cut_off.code == "unavailable"
    assert window.top == 1
    assert isinstance(back, Published)


async def test_without_redis_subscribing_is_unavailable_and_later_works(
    own_servers: servers.Own,
) -> None:
    async with brokers(own_servers.valkey.url, Known()) as broker:
        listener = Listener(broker)
        own_servers.kill(own_servers.valkey)
        with pytest.raises(Refused) as caught:
            await broker.subscribe(ROOM)
        await broker.unsubscribe("room:7")
        await start_again(own_servers, broker)
        await broker.subscribe(ROOM)
        await broker.publish(line("hello"))
        await until(lambda: listener.seen)

    assert caught.value.code == "unavailable"


async def test_who_is_alive_is_known_after_listening_for_a_while(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        early = here.alive()
        await until(lambda: set(here.alive()) == {here.id, there.id})
        await there.close()
        await until(lambda: here.alive() == [here.id])

    assert early == []


async def test_the_deadline_follows_the_clock_of_redis(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        ahead = broker.redis_time - system_clock()

    assert -1000 < ahead <= 1


async def test_a_link_that_nobody_uses_notices_a_frozen_redis(own_servers: servers.Own) -> None:
    link = await RedisLink.open(own_servers.valkey.url)
    try:
        own_servers.freeze(own_servers.valkey)
        await until(lambda: not link.ready)
        own_servers.thaw(own_servers.valkey)
        await until(lambda: link.ready)

        assert await link.call("ECHO", "again") == b"again"
    finally:
        await link.close()


async def test_the_clock_of_redis_is_looked_at_again_and_again(redis_url: str) -> None:
    link = await RedisLink.open(redis_url)
    try:
        link._clock_gaps.clear()
        link._clock_gap = -1e15
        wrong = link.server_time()
        await until(lambda: link.server_time() > 1_600_000_000_000)
    finally:
        await link.close()

    assert wrong < 0
    assert -1000 < link.server_time() - system_clock() <= 1


async def test_the_time_goes_on_until_a_new_connection_has_told_it(redis_url: str) -> None:
    link = await RedisLink.open(redis_url)
    silent: Any = SimpleNamespace(call=lambda *_: asyncio.get_running_loop().create_future())
    before = link.server_time()
    connecting = asyncio.create_task(link._on_connected(silent))
    try:
        await asyncio.sleep(0)

        assert 0 <= link.server_time() - before < 60_000
    finally:
        connecting.cancel()
        await link.close()
