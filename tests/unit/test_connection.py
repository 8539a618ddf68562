"""A connection carries out what a client asks for, one after another, and survives mistakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgpack
import pytest

from server.protocol import Encoding
from server.publication import Flag
from tests.unit.fake_product import Client, Town
from tests.unit.townsfolk import BOTH, ROOM, connected, error, settle
from tests.unit.waiting import until


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    town.gateway.start()
    yield town
    await town.gateway.close()


# Commands.


@pytest.mark.parametrize("encoding", BOTH)
async def test_commands_are_carried_out_one_after_another(town: Town, encoding: Encoding) -> None:
    client = await connected(town, encoding)
    town.product.gate = asyncio.Event()
    ids = [client.send("say", text="1"), client.send("wait"), client.send("say", text="2")]
    await settle()
    waiting = [client.reply(id) is not None for id in ids]
    town.product.gate.set()
    await settle()

    assert waiting == [True, False, False]
    assert [client.reply(id)["id"] for id in ids] == ids
    assert client.screen.order[-3:] == [f"reply {id}" for id in ids]
    assert client.connection._task is None


async def test_more_than_32_commands_may_not_wait(town: Town) -> None:
    client = await connected(town)
    town.product.gate = asyncio.Event()
    client.send("wait")
    await settle()
    for n in range(32):
        client.send("say", text=str(n))
    before = client.closed
    client.send("say", text="one too many")
    town.product.gate.set()
    await settle()

    assert before is None
    assert client.closed == 4006
    assert town.product.log == []


@pytest.mark.parametrize(
    ("cmd", "word"), [("fail", "internal"), ("odd", "internal"), ("nothing", "unknown_command")]
)
async def test_a_mistake_is_answered_and_the_connection_survives(
    town: Town, cmd: str, word: str
) -> None:
    client = await connected(town)
    failed, next_one = client.send(cmd), client.send("say", text="still here")
    await settle()

    assert error(client, failed) == word
    assert client.reply(next_one)["ok"]["said"] == "still here"


async def test_a_refusal_brings_its_word_and_when_to_try_again(town: Town) -> None:
    client = await connected(town)
    id = client.send("refuse")
    await settle()

    expected = {"code": "cooldown", "message": "Wait a moment.", "retry_after": 2000}
    assert client.reply(id)["error"] == expected


@pytest.mark.parametrize("encoding", BOTH)
async def test_a_malformed_command_with_an_id_is_answered_in_its_turn(
    town: Town, encoding: Encoding
) -> None:
    client = await connected(town, encoding)
    first = client.send("say", text="a")
    client.send_tree({"id": 50, "cmd": "say", "args": [1]})
    last = client.send("say", text="b")
    await settle()

    assert error(client, 50) == "malformed"
    expected = [f"reply {id}" for id in (1, first, 50, last)]
    assert client.screen.look().order == expected


@pytest.mark.parametrize("encoding", BOTH)
async def test_a_message_that_cannot_be_answered_ends_the_connection(
    town: Town, encoding: Encoding
) -> None:
    client = await connected(town, encoding)

    client.send_tree(["not", "an", "object"])

    assert client.closed == 4502


@pytest.mark.parametrize("encoding", BOTH)
async def test_the_other_kind_of_message_ends_the_connection(
    town: Town, encoding: Encoding
) -> None:
    client = await connected(town, encoding)

    data = msgpack.packb({"id": 1, "cmd": "say"})
    client.connection.on_frame(data, encoding is not Encoding.JSON)

    assert client.closed == 4502


async def test_a_peer_that_does_not_read_gets_no_more_answers_to_buffer(town: Town) -> None:
    client = Client(town.gateway, town.kernel.open(room=400), town.upgrade())
    client.send("connect")
    await settle()
    client.screen.look()

    for _ in range(20):
        client.send("say", text="x" * 100)
        await settle()
    carried_out = len(town.product.log)
    for _ in range(100):
        client.screen.look()
        await settle()

    assert carried_out < 5
    assert len(town.product.log) == 20


# Sessions.


async def test_a_session_is_refreshed_with_a_new_resume_token(town: Town) -> None:
    client = await connected(town, token=town.token("m42", rank=20))
    first = client.reply(1)["ok"]
    town.clock.advance(300_000)
    id = client.send("session.refresh")
    await settle()

    ok = client.reply(id)["ok"]
    assert (ok["expires_in"], ok["rank"]) == (600_000, 20)
    claims = town.keyring.verify(ok["resume"], town.clock())
    assert claims.expires == town.clock() + 600_000
    assert claims.session == first["session"]


async def test_a_refresh_brings_a_new_rank_with_a_new_token(town: Town) -> None:
    client = await connected(town, token=town.token("m42", rank=20))
    id = client.send("session.refresh", token=town.token("m42", rank=40))
    staff = client.send("subscribe", channel="room:42:staff")
    await settle()

    assert client.reply(id)["ok"]["rank"] == 40
    assert "ok" in client.reply(staff)


async def test_a_refresh_with_somebody_elses_token_is_refused(town: Town) -> None:
    client = await connected(town, token=town.token("m42"))
    id = client.send("session.refresh", token=town.token("m43"))
    await settle()

    assert error(client, id) == "forbidden"
    assert client.connection.publisher == "m42"


async def test_a_nameless_reader_gets_a_name_without_connecting_again(town: Town) -> None:
    client = await connected(town, subscribe=[{"channel": ROOM}])
    id = client.send("session.refresh", token=town.token("gAbc", rank=10))
    said = client.send("say", text="hello")
    await settle()
    await town.broker.notice(ROOM, "gAbc", msgpack.packb({"event": "told"}))
    await settle()

    assert client.reply(id)["ok"]["resume"]
    assert client.reply(said)["ok"]["by"] == "gAbc"
    assert client.screen.look().passed == [{"event": "told"}]


async def test_a_session_that_is_not_refreshed_ends(town: Town) -> None:
    town.gateway.expiring.seconds = 0.001
    client = await connected(town, token=town.token("m42"))
    nameless = await connected(town)

    await until(lambda: client.closed)

    assert client.closed == 4005
    assert nameless.closed is None


async def test_what_a_product_may_ask_of_a_connection(town: Town) -> None:
    client = await connected(town, subscribe=[{"channel": ROOM}])
    town.redis.publish(ROOM, "a", key="k1", publisher="m5", flags=Flag.KEEP)
    await settle()

    assert [p.publisher for p in client.connection.find(ROOM, "k1")] == ["m5"]
    assert client.connection.subscribed(ROOM)
    assert not client.connection.subscribed("room:43")
