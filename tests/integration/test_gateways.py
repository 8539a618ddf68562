"""Two gateways, real sockets and a real Redis: nothing is lost, whatever breaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import uvloop
from redis.asyncio import Redis

from server.client import Closed, Passing, Refused
from server.gateway import Gateway
from tests.integration.channels import ROOM
from tests.integration.fake_gate import RawClient, request
from tests.integration.pausing import PausingViewer
from tests.integration.towns import Reader, Town, packed, town, until

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def towns(redis_url: str) -> AsyncIterator[list[Town]]:
    """Two gateways on ports of their own."""
    async with town(redis_url) as first, town(redis_url) as second:
        yield [first, second]


@asynccontextmanager
async def readers(towns: list[Town], count: int = 1) -> AsyncIterator[list[Reader]]:
    """Open readers of both encodings on every gateway."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Reader(each.url, encoding=encoding))
            for each in towns
            for encoding in ("json", "msgpack")
            for _ in range(count)
        ]


async def test_one_publication_reaches_both_encodings_on_two_gateways(towns: list[Town]) -> None:
    async with (
        readers(towns, 3) as all_readers,
        Reader(towns[0].url, token=towns[0].token("m42", rank=20)) as speaker,
    ):
        reply = await speaker.client.call("line.say", {"text": "こんにちは"})

        await until(lambda: all(reader.offsets == [reply["offset"]] for reader in all_readers))

    assert all(reader.texts == ["こんにちは"] for reader in (*all_readers, speaker))
    assert all(reader.received == all_readers[0].received for reader in all_readers)


async def test_all_see_the_same_order_when_two_gateways_publish_at_once(
    towns: list[Town],
) -> None:
    async with readers(towns) as all_readers:
        await asyncio.gather(
            towns[0].say(*(f"a{n}" for n in range(150))),
            towns[1].say(*(f"b{n}" for n in range(150))),
        )
        await until(lambda: all(len(reader.received) == 300 for reader in all_readers))

    assert all(reader.texts == all_readers[0].texts for reader in all_readers)
    assert all(reader.offsets == list(range(1, 301)) for reader in all_readers)
    assert all(reader.others == [] for reader in all_readers)


async def test_a_client_that_is_cut_off_again_and_again_recovers_everything(
    towns: list[Town],
) -> None:
    random = Random(7)
    token = towns[0].token("m42")

    async with readers(towns) as steady, Reader(towns[0].url, token=token) as unlucky:
        for number in range(400):
            await towns[number % 2].say(str(number))
            if random.random() < 0.03:
                for connection in towns[0].gateway.hub.of_publisher("m42"):
                    connection.socket.abort()
        await until(lambda: len(unlucky.received) == 400)
        await until(lambda: all(len(reader.received) == 400 for reader in steady))

    assert unlucky.texts == [str(number) for number in range(400)]
    assert unlucky.others == []
    assert unlucky.client.connections > 3


@pytest.mark.parametrize("seed", range(3))
async def test_a_reader_paused_at_random_points_sees_every_offset_without_asking(
    redis_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is slow the pauses may be long; here they are about bytes.
    monkeypatch.setattr("server.hub.SLOW_SECONDS", 600)
    monkeypatch.setattr("server.hot_list.MAX_SECONDS", 600)
    random = Random(seed)
    async with town(redis_url, sndbuf=4096) as one:
        with PausingViewer(one.port) as viewer, PausingViewer(one.port) as other:
            await viewer.open()
            await other.open()
            hub = one.gateway.hub
            paused = reading = 0
            for _ in range(250):
                await one.say(*("x" * random.randrange(400) for _ in range(random.randrange(6))))
                paused += bool(hub.off)
                if not reading:
                    reading = random.randrange(-40, 10)
                reading += 1 if reading < 0 else -1
                if reading >= 0:
                    viewer.read(random.randrange(1, 20_000))
                other.read()
            await one.say("the end")
            top = hub.channels.by_name[ROOM].seen
            for each in (viewer, other):
                await until(lambda each=each: each.read() and each.offsets[-1:] == [top])  # type: ignore[misc]

            assert paused > 5
            assert viewer.offsets == other.offsets == list(range(1, top + 1))
            assert hub.off == {}


async def test_a_viewer_that_stops_reading_is_let_go_and_the_others_miss_nothing(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.hub.SLOW_SECONDS", 0.2)
    async with town(redis_url, sndbuf=4096) as one, readers([one]) as others:
        with PausingViewer(one.port) as stuck:
            await stuck.open()
            for _ in range(10):
                await one.say(*["x" * 400] * 30)
            await until(lambda: one.gateway.closed[4002] == 1)
            await one.say("after")
            await until(lambda: all(reader.texts[-1:] == ["after"] for reader in others))

        assert all(reader.offsets == list(range(1, 302)) for reader in others)
        assert all(reader.others == [] for reader in others)
        assert all(reader.client.connections == 1 for reader in others)


async def test_a_page_of_a_foreign_origin_gets_a_whole_answer_and_no_socket(
    towns: list[Town],
) -> None:
    host = f"127.0.0.1:{towns[0].port}"
    for origin in ("https://evil.example.com", "null", f"https://{host}"):
        async with RawClient(towns[0].port) as raw:
            head = request("/v1/live", f"Origin: {origin}")
            await raw.send(head.replace(b"Host: 127.0.0.1\r\n", f"Host: {host}\r\n".encode()))
            status, headers, body = await raw.response()

            assert status == 403
            assert headers["connection"] == "close"
            assert b'"forbidden"' in body
            assert await raw.rest() == b""
    assert towns[0].gateway.connections == set()


async def test_a_killed_gateway_loses_nothing_of_what_was_acknowledged(
    redis_url: str,
) -> None:
    async with town(redis_url) as survivor:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.lone_gateway",
            redis_url,
            str(survivor.port),
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(20):
                assert await process.stdout.readline() == b"ready\n"
            async with AsyncExitStack() as stack:
                there: list[Reader] = []
                while len(there) < 40 and len(there) - len(survivor.gateway.connections) < 3:
                    there.append(await stack.enter_async_context(Reader(survivor.url)))
                await survivor.say(*(f"before {n}" for n in range(50)))
                process.kill()
                await survivor.say(*(f"after {n}" for n in range(50)))
                await until(lambda: all(len(reader.received) == 100 for reader in there))

                assert all(reader.offsets == list(range(1, 101)) for reader in there)
                assert all(reader.others == [] for reader in there)
                assert sum(reader.client.connections > 1 for reader in there) >= 3
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_killed_subscriptions_of_redis_leave_no_hole(towns: list[Town], redis: Redis) -> None:
    async with readers(towns) as all_readers:
        for number in range(300):
            await towns[number % 2].say(str(number))
            if number % 60 == 30:
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: all(len(reader.received) == 300 for reader in all_readers))
        await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        # Nothing follows that would show the hole.
        await towns[0].say("300", "301", "302")
        await until(lambda: all(len(reader.received) == 303 for reader in all_readers))

    for reader in all_readers:
        assert reader.texts == [str(number) for number in range(303)]
        assert reader.others == []
        assert reader.client.connections == 1


async def test_who_is_revoked_is_gone_from_every_gateway_and_cannot_resume(
    towns: list[Town],
) -> None:
    token = towns[0].token("m42", version=1)
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(Reader(t.url, token=token)) for t in towns]
        other = await stack.enter_async_context(Reader(towns[1].url, token=towns[0].token("m43")))

        await towns[0].broker.control({"type": "revoke", "publisher": "m42", "version": 2})
        await until(lambda: all(reader.client.closed for reader in both))

        assert [reader.client.closed.code for reader in both if reader.client.closed] == [4508] * 2
        assert other.client.closed is None
    for each in towns:
        with pytest.raises(Closed) as caught:
            async with Reader(each.url, token=token):
                pass
        assert caught.value.code == 4508


async def test_who_is_denied_is_gone_from_every_gateway(towns: list[Town]) -> None:
    token = towns[0].token("m42")
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(Reader(t.url, token=token)) for t in towns]
        end = towns[0].broker.redis_time + 60_000

        await towns[1].broker.control({"type": "deny", "publisher": "m42", "until": end})
        await until(lambda: all(reader.client.closed for reader in both))

    with pytest.raises(Closed) as caught:
        async with Reader(towns[0].url, token=token):
            pass
    assert caught.value.code == 4505


async def test_connections_of_one_publisher_are_counted_over_all_gateways(
    towns: list[Town],
) -> None:
    token = towns[0].token("m42")
    async with AsyncExitStack() as stack:
        for number in range(10):
            await stack.enter_async_context(Reader(towns[number % 2].url, token=token))

        with pytest.raises(Closed) as caught:
            async with Reader(towns[0].url, token=token):
                pass

    assert caught.value.code == 4504

    def left(gateway: Gateway) -> int:
        return len(gateway.connections)

    await until(lambda: not any(left(each.gateway) for each in towns))
    async with Reader(towns[1].url, token=token) as again:
        assert again.client.welcome["you"]["id"] == "m42"


async def test_a_ticket_opens_one_connection(towns: list[Town]) -> None:
    keyring, sessions = towns[0].gateway.keyring, towns[0].gateway.sessions
    claims = keyring.verify(towns[0].token("m42"), 0)
    ticket = await sessions.issue_ticket(claims)

    assert await towns[1].gateway.sessions.redeem(ticket) == claims
    with pytest.raises(Refused):
        await sessions.redeem(ticket)


async def test_draining_sends_everybody_to_another_gateway_without_a_hole(
    redis_url: str,
) -> None:
    async with town(redis_url) as stays, AsyncExitStack() as stack:
        async with town(redis_url, port=stays.port) as leaves:
            there: list[Reader] = []
            while len(there) < 40 and len(leaves.gateway.connections) < 3:
                there.append(await stack.enter_async_context(Reader(stays.url)))
            await stays.say("before")
            leaves.server.servers[0].close()
            saying = asyncio.create_task(stays.say(*map(str, range(100))))
            await leaves.gateway.drain(0.2)
            await saying
        await until(lambda: all(len(reader.received) == 101 for reader in there))

        assert leaves.gateway.closed[4001] >= 3
        assert all(reader.others == [] for reader in there)


async def test_viewers_are_counted_over_all_gateways(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.presence.VIEWERS_EVERY", 0.05)
    monkeypatch.setattr("server.presence.TALLY_EVERY", 0.05)
    counted = Passing(ROOM, {"event": "viewers.counted", "count": 4})
    async with (
        town(redis_url) as first,
        town(redis_url) as second,
        readers([first, second]) as all_readers,
    ):
        await until(lambda: all(counted in reader.items for reader in all_readers))


async def test_what_passes_by_reaches_all_and_a_notice_only_its_addressee(
    towns: list[Town],
) -> None:
    token = towns[0].token("m42")
    async with readers(towns) as all_readers, Reader(towns[1].url, token=token) as named:
        await towns[0].broker.notice(ROOM, "m42", packed(event="told"))
        await towns[0].broker.pass_on(ROOM, packed(event="passed"))
        for reader in (*all_readers, named):
            await until(lambda r=reader: Passing(ROOM, {"event": "passed"}) in r.items)  # type: ignore[misc]

        told = Passing(ROOM, {"event": "told"})
        assert told in named.items
        assert not any(told in reader.items for reader in all_readers)
