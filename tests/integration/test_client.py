"""The Python client against a scripted server that loses, closes and refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.client import Client, Closed, Item, Missing, Passing, Position, Received, Refused
from tests.integration.fake_gate import eventually
from tests.integration.fake_live import EPOCH, FakeLive, live


@pytest.fixture
async def server() -> AsyncIterator[tuple[FakeLive, str]]:
    async with live() as running:
        yield running


@pytest.fixture
def fake(server: tuple[FakeLive, str]) -> FakeLive:
    return server[0]


def client(server: tuple[FakeLive, str], **options: Any) -> Client:
    """Make a client that never waits before it comes back."""
    return Client(server[1], random=lambda: 0.0, **{"token": "own", **options})


async def take(channel: Any, count: int) -> list[int]:
    """Read so many publications and give their offsets."""
    offsets: list[int] = []
    async with asyncio.timeout(10):
        while len(offsets) < count:
            item = await anext(channel)
            assert isinstance(item, Received), item
            offsets.append(item.offset)
    return offsets


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_commands_are_answered_and_pushes_arrive(
    server: tuple[FakeLive, str], fake: FakeLive, encoding: str
) -> None:
    async with client(server, encoding=encoding, token="t") as one:
        room = one.channel("room:1", feed="full")
        await room.subscribed()

        assert await one.call("line.post", {"text": "広場"}) == {"echo": {"text": "広場"}}
        await fake.push(3)

        assert await take(room, 3) == [1, 2, 3]
        assert room.position == Position(EPOCH, 3)
        assert room.room == {} and one.welcome["you"] == {"id": "m1", "name": "Mio"}
    assert fake.handshakes[0].headers["Authorization"] == "Bearer t"
    assert "Origin" not in fake.handshakes[0].headers
    assert fake.asked("connect")[0]["token"] == "t"


async def test_a_nameless_reader_sends_the_origin_of_the_server(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server, token="") as one:
        await fake.drop()
        await eventually(lambda: one.connections == 2)

    assert fake.handshakes[0].headers["Origin"] == server[1]
    assert "Authorization" not in fake.handshakes[0].headers
    assert all("token" not in args for args in fake.asked("connect"))


async def test_subscriptions_go_with_the_connect(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.top = 20
    one = client(server)
    room = one.channel("room:1", feed="full", position=Position(EPOCH, 15))

    async with one:
        assert await take(room, 5) == [16, 17, 18, 19, 20]

    wanted = {"channel": "room:1", "feed": "full", "epoch": EPOCH, "offset": 15}
    assert fake.asked("connect")[0]["subscribe"] == [wanted]
    assert fake.asked("subscribe") == []


async def test_a_refused_channel_raises_and_leaves_the_others(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.errors["subscribe"] = [{"code": "not_found", "message": "no such room"}]
    async with client(server) as one:
        lost = one.channel("room:2")
        with pytest.raises(Refused, match="no such room"):
            await lost.subscribed()
        room = one.channel("room:1")
        await room.subscribed()
        await fake.push(1)

        assert await take(room, 1) == [1]
        with pytest.raises(Refused):
            await anext(lost)


async def test_passing_trouble_at_a_subscription_is_tried_again(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.errors["subscribe"] = [{"code": "unavailable", "message": ""}] * 3
    async with client(server) as one:
        await one.channel("room:1").subscribed()

    assert len(fake.asked("subscribe")) == 4


async def test_a_lost_push_is_asked_for(server: tuple[FakeLive, str], fake: FakeLive) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        await fake.push(2)
        await fake.push(3, lose=True)
        await fake.push(1)

        assert await take(room, 6) == [1, 2, 3, 4, 5, 6]
    assert fake.asked("history") == [{"channel": "room:1", "epoch": EPOCH, "offset": 2}]


async def test_pushes_while_history_is_on_its_way_follow_it(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        fake.silent.clear()
        await fake.push(3, lose=True)
        await fake.push(1)
        await eventually(lambda: fake.asked("history"))
        await fake.push(2)
        await fake.push(2)
        fake.silent.set()

        assert await take(room, 8) == list(range(1, 9))
    assert len(fake.asked("history")) == 1


@pytest.mark.parametrize("code", [0, 4001, 4002, 4005, 4321])
async def test_it_comes_back_at_its_position(
    server: tuple[FakeLive, str], fake: FakeLive, code: int
) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        await fake.push(5)
        assert await take(room, 5) == [1, 2, 3, 4, 5]

        await fake.drop(code)
        fake.top = 700
        await eventually(lambda: fake.connections)
        await fake.push(1)

        assert await take(room, 696) == list(range(6, 702))
    assert one.connections == 2
    assert fake.asked("connect")[1]["token"] == "resume-1"
    assert fake.asked("connect")[1]["subscribe"][0]["offset"] == 5


async def test_being_away_too_long_is_told(server: tuple[FakeLive, str], fake: FakeLive) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        await fake.push(5)
        await take(room, 5)

        fake.top = 5000
        await fake.drop()

        assert await anext(room) == Missing("room:1", EPOCH, 6, 4950, 4945, "unrecovered")
        assert await take(room, 50) == list(range(4951, 5001))


@pytest.mark.parametrize("code", [4501, 4505, 4508, 4777])
async def test_it_stays_away_where_it_is_told_to(
    server: tuple[FakeLive, str], fake: FakeLive, code: int
) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        await fake.push(2)
        await fake.drop(code)

        assert await take(room, 2) == [1, 2]
        with pytest.raises(Closed) as caught:
            await anext(room)
        assert caught.value.code == code
        with pytest.raises(Closed):
            await one.call("line.post", {})
        assert one.closed is not None and one.closed.code == code
    assert one.connections == 1


async def test_a_refused_token_is_final(server: tuple[FakeLive, str], fake: FakeLive) -> None:
    fake.closes = [4501]

    with pytest.raises(Closed) as caught:
        async with client(server, token="forged"):
            pass

    assert caught.value.code == 4501
    assert len(fake.handshakes) == 1


async def test_a_refused_resume_token_falls_back_on_the_own_one(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server, token="own") as one:
        fake.errors["connect"] = [{"code": "unauthenticated", "message": "spent"}]
        await fake.drop()
        await eventually(lambda: one.connections == 2)

    tokens = [args["token"] for args in fake.asked("connect")]
    assert tokens == ["own", "resume-1", "own"]


async def test_a_ticket_is_fetched_for_each_connection_without_a_resume_token(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    tickets = iter(["t.one", "t.two"])

    async def ticket() -> str:
        return next(tickets)

    fake.expires_in = 0
    fake.errors["session.refresh"] = [{"code": "forbidden", "message": ""}]
    async with client(server, token=ticket) as one:
        await eventually(lambda: fake.asked("session.refresh"))
        await fake.drop()
        await eventually(lambda: one.connections == 2)

    assert [args["token"] for args in fake.asked("connect")] == ["t.one", "t.two"]
    # A ticket cannot be verified without I/O, so it is no bearer of the handshake.
    assert all("Authorization" not in each.headers for each in fake.handshakes)
    assert all(each.headers["Origin"] == server[1] for each in fake.handshakes)


async def test_the_resume_token_is_refreshed_at_half_of_its_time(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.expires_in = 20
    async with client(server) as one:
        await eventually(lambda: fake.asked("session.refresh"))
        await one.call("line.post", {})
        await fake.drop()
        await eventually(lambda: one.connections == 2)

    assert fake.asked("connect")[1]["token"] == "refreshed"


async def test_a_busy_server_is_tried_again(server: tuple[FakeLive, str], fake: FakeLive) -> None:
    fake.status = [503, 429, 500]

    async with client(server) as one:
        assert one.connections == 1

    assert len(fake.handshakes) == 4


@pytest.mark.parametrize("status", [403, 404, 426])
async def test_a_handshake_refused_for_good_is_final(
    server: tuple[FakeLive, str], fake: FakeLive, status: int
) -> None:
    fake.status = [status]

    with pytest.raises(Closed, match=str(status)):
        async with client(server):
            pass


async def test_a_client_that_gave_up_waiting_leaves_no_connection_behind(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.lets_in.clear()

    with pytest.raises(TimeoutError):
        await client(server).open(seconds=0.2)
    fake.lets_in.set()

    assert len(fake.asked("connect")) == 1
    await eventually(lambda: not fake.open)


async def test_a_call_that_loses_its_connection_says_that_it_may_have_happened(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server) as one:
        fake.silent.clear()
        call = asyncio.create_task(one.call("history", {"channel": "room:1"}))
        await eventually(lambda: fake.asked("history"))
        await fake.drop()

        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.code == "unavailable"
        fake.silent.set()
        assert await one.call("line.post", {"n": 1}) == {"echo": {"n": 1}}


async def test_a_call_waits_for_an_answer_only_so_long(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server) as one:
        fake.silent.clear()
        with pytest.raises(Refused, match="No answer"):
            await one.call("history", {"channel": "room:1"}, seconds=0.05)


async def test_a_refusal_carries_its_word_and_its_details(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    error = {"code": "slow_mode", "message": "Wait.", "retry_after": 12000, "until": 5}
    fake.errors["line.post"] = [error]
    async with client(server) as one:
        with pytest.raises(Refused) as caught:
            await one.call("line.post", {})

    assert (caught.value.code, caught.value.retry_after) == ("slow_mode", 12000)
    assert caught.value.as_wire() == error


async def test_a_command_above_the_limit_is_not_sent(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    fake.max_frame = 200
    async with client(server) as one:
        with pytest.raises(Refused) as caught:
            await one.call("line.post", {"text": "x" * 200})

    assert caught.value.code == "too_large"
    assert fake.asked("line.post") == []


async def test_many_calls_at_once_keep_the_bound_of_the_server(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server) as one:
        fake.silent.clear()
        calls = [asyncio.create_task(one.call("history", {"offset": n})) for n in range(100)]
        await eventually(lambda: fake.asked("history"))
        assert one._link is not None
        assert len(one._link._calls) <= 24
        fake.silent.set()

        assert len(await asyncio.gather(*calls)) == 100


async def test_a_handler_gets_items_and_what_is_passing(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    seen: list[Item] = []
    async with client(server) as one:
        room = one.channel("room:1", handler=seen.append)
        await room.subscribed()
        await fake.push(2)
        await fake.send({"ch": "room:1", "now": [{"event": "viewers.counted", "count": 3}]})
        await eventually(lambda: len(seen) == 3)

    assert seen[-1] == Passing("room:1", {"event": "viewers.counted", "count": 3})


async def test_leaving_a_channel_ends_its_iteration(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    async with client(server) as one:
        room = one.channel("room:1")
        await room.subscribed()
        await one.leave(room)

        assert [item async for item in room] == []
    assert fake.asked("unsubscribe") == [{"channel": "room:1"}]


async def test_closing_ends_iterations_and_calls(
    server: tuple[FakeLive, str], fake: FakeLive
) -> None:
    one = client(server)
    room = one.channel("room:1")
    async with one:
        reading = asyncio.create_task(anext(room, None))
    async with asyncio.timeout(5):
        assert await reading is None
    with pytest.raises(Closed):
        await one.call("line.post", {})
    await eventually(lambda: not fake.connections)


async def test_a_wrong_address_is_refused_at_once() -> None:
    for url in ("shop.example", "ftp://shop.example", "https://"):
        with pytest.raises(ValueError, match="address"):
            Client(url)
    assert Client("https://shop.example").url == "wss://shop.example/v1/live"
    assert Client("ws://a:1/other").url == "ws://a:1/other"
