"""Whoever connects says who it is, in time and once; who may not is told whether to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.protocol import Encoding
from tests.unit.fake_product import Town
from tests.unit.townsfolk import BOTH, ROOM, connected, error, settle
from tests.unit.waiting import until


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    town.gateway.start()
    yield town
    await town.gateway.close()


@pytest.mark.parametrize("encoding", BOTH)
async def test_a_nameless_reader_connects_and_subscribes_in_one_round_trip(
    town: Town, encoding: Encoding
) -> None:
    town.redis.publish(ROOM, "before")

    client = await connected(town, encoding, subscribe=[{"channel": ROOM}])
    town.redis.publish(ROOM, "after")
    await settle()

    ok = client.reply(1)["ok"]
    assert (ok["you"], ok["rank"], ok["resume"], ok["expires_in"]) == (None, 0, None, None)
    assert ok["limits"] == {"frame": 8192, "channels": 32, "text": 500}
    outcome = ok["subscriptions"][ROOM]["ok"]
    assert (outcome["room"], outcome["you"]) == ({"title": ROOM}, {"rank": 0})
    assert outcome["recovered"] is False
    assert client.screen.texts(ROOM) == ["before", "after"]


async def test_a_signed_token_says_who_it_is(town: Town) -> None:
    client = await connected(town, token=town.token("m42", rank=20))

    ok = client.reply(1)["ok"]
    id = client.send("say", text="hello")
    await settle()

    assert (ok["you"], ok["rank"]) == ({"id": "m42", "name": "Mana"}, 20)
    assert client.reply(id)["ok"] == {"said": "hello", "by": "m42", "from": "198.51.100.1"}
    assert town.sessions.open_now["m42"] == {ok["session"]: f"{town.broker.id}:1"}


async def test_a_ticket_is_redeemed_once(town: Town) -> None:
    claims = town.keyring.verify(town.token("m42"), town.clock())
    town.sessions.tickets["t.abc"] = claims

    first = await connected(town, token="t.abc")
    second = await connected(town, token="t.abc")

    assert first.reply(1)["ok"]["you"]["id"] == "m42"
    assert second.closed == 4005


async def test_a_resume_token_goes_on_with_the_session(town: Town) -> None:
    first = await connected(town, token=town.token("m42", rank=20, language="ja"))
    ok = first.reply(1)["ok"]

    again = await connected(town, token=ok["resume"])

    resumed = again.reply(1)["ok"]
    assert (resumed["session"], resumed["you"], resumed["rank"]) == (ok["session"], ok["you"], 20)
    assert len(town.sessions.open_now["m42"]) == 1
    assert town.product.resolved[-1].kind == "resume"
    assert town.product.resolved[-1].language == "ja"


async def test_the_token_of_the_handshake_is_used_when_connect_brings_none(town: Town) -> None:
    bearer = town.token("m7", kind="bearer", rank=40)
    client = town.client(origin="", authorization=f"Bearer {bearer}")
    client.send("connect")
    await settle()

    assert client.reply(1)["ok"]["you"]["id"] == "m7"


@pytest.mark.parametrize(
    ("token", "code"),
    [("nonsense", 4501), ("", 4501), ("t.unknown", 4005)],
)
async def test_a_token_that_is_none_ends_the_connection(town: Town, token: str, code: int) -> None:
    client = await connected(town, token=token)

    assert client.closed == code


async def test_an_expired_token_may_come_back_with_another(town: Town) -> None:
    client = await connected(town, token=town.token(expires=town.clock() - 1))

    assert client.closed == 4005


async def test_somebody_who_is_denied_is_told_to_stay_away(town: Town) -> None:
    client = await connected(town, token=town.token("m-denied"))

    assert client.closed == 4505


async def test_another_version_is_told_so(town: Town) -> None:
    client = town.client()
    client.send("connect", version=2)
    await settle()

    assert client.closed == 4506


async def test_connect_comes_first(town: Town) -> None:
    client = town.client()
    client.send("say", text="hello")
    await settle()

    assert client.closed == 4503
    assert town.product.log == []


async def test_connect_comes_within_5_seconds(town: Town) -> None:
    town.gateway.newcomers.seconds = 0.001
    client, other = town.client(), town.client()
    other.send("connect")
    await settle()

    await until(lambda: client.closed)

    assert client.closed == 4503
    assert other.closed is None


async def test_a_loop_that_was_held_up_waits_again_for_connect(town: Town) -> None:
    client = town.client()

    client.connection.miss_connect(asyncio.get_running_loop().time() - 3)
    client.send("connect")
    await settle()

    assert client.closed is None
    assert "ok" in client.reply(1)


async def test_how_long_we_take_to_connect_somebody_is_no_reason_to_stay_away(town: Town) -> None:
    town.gateway.newcomers.seconds = 0.001
    town.broker.open_reads.clear()
    slow = await connected(town, subscribe=[{"channel": ROOM}])
    silent = town.client()

    await until(lambda: silent.closed)
    town.broker.open_reads.set()
    await settle()

    assert "ok" in slow.reply(1)["ok"]["subscriptions"][ROOM]
    assert slow.closed is None


@pytest.mark.parametrize("token", [True, False])
async def test_nobody_waits_for_one_who_left_while_connecting(town: Town, token: bool) -> None:
    town.broker.open_reads.clear()
    said = {"token": town.token("m42")} if token else {}
    client = await connected(town, subscribe=[{"channel": ROOM}], **said)
    refused = await connected(town, subscribe="nothing", **said)
    client.connection.end(1000)
    refused.connection.end(1000)
    town.broker.open_reads.set()
    await settle()

    assert len(town.gateway.newcomers) == len(town.gateway.expiring) == 0
    assert town.gateway.connections == set()


async def test_connecting_twice_is_refused_and_changes_nothing(town: Town) -> None:
    client = await connected(town, token=town.token("m42"))
    id = client.send("connect", token=town.token("m43"))
    await settle()

    assert error(client, id) == "invalid"
    assert town.gateway.hub.of_publisher("m42") == [client.connection]


async def test_a_connect_that_is_written_wrongly_can_be_repeated(town: Town) -> None:
    client = town.client()
    wrong = [
        client.send("connect", subscribe={"channel": ROOM}),
        client.send("connect", subscribe=["room:42"]),
        client.send("connect", subscribe=[{"channel": ROOM}, {"channel": ROOM}]),
        client.send("connect", version="1"),
        client.send("connect", token=7),
    ]
    too_many = client.send("connect", subscribe=[{"channel": f"room:{n}"} for n in range(33)])
    right = client.send("connect")
    await settle()

    assert [error(client, id) for id in wrong] == ["invalid"] * 5
    assert error(client, too_many) == "limit_reached"
    assert "ok" in client.reply(right)


async def test_when_we_cannot_say_who_it_is_the_client_is_sent_to_try_again(town: Town) -> None:
    client = await connected(town, token=town.token("m-unlucky"))
    town.sessions.away = True
    other = await connected(town, token=town.token("m42"))

    for each in (client, other):
        assert error(each, 1) == "unavailable"
        assert each.closed == 1013


async def test_one_publisher_has_so_many_connections_and_no_more(town: Town) -> None:
    clients = [await connected(town, token=town.token("m42")) for _ in range(11)]

    assert [client.closed for client in clients] == [None] * 10 + [4504]
    clients[0].socket.abort()
    await settle()
    assert (await connected(town, token=town.token("m42"))).closed is None


async def test_a_connection_that_ends_while_it_is_counted_is_counted_down(town: Town) -> None:
    client = town.client()
    client.send("connect", token=town.token("m42"))
    opened, town.sessions.open_now = asyncio.Event(), {}
    genuine = town.sessions.open

    async def slow(*args: Any, **options: Any) -> None:
        await opened.wait()
        await genuine(*args, **options)

    town.sessions.open = slow  # type: ignore[method-assign]
    await settle()
    client.socket.abort()
    await settle()
    opened.set()
    await settle()

    assert town.sessions.open_now == {"m42": {}}
