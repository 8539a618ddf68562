"""A connection carries out what a client asks for, one after another, and survives mistakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from server.protocol import Encoding
from server.publication import Flag
from tests.unit.fake_product import Client, Town
from tests.unit.waiting import until

ROOM = "room:42"
BOTH = list(Encoding)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    town.gateway.start()
    yield town
    await town.gateway.close()


async def settle() -> None:
    """Let everything run that needs no time to pass."""
    for _ in range(20):
        await asyncio.sleep(0)


async def connected(town: Town, encoding: Encoding = Encoding.JSON, **args: Any) -> Client:
    client = town.client(encoding)
    client.send("connect", version=1, **args)
    await settle()
    return client


def error(client: Client, id: int) -> str:
    return str(client.reply(id)["error"]["code"])


# Connecting.


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


# Subscriptions.


async def test_each_subscription_of_connect_has_its_own_outcome(town: Town) -> None:
    names = [ROOM, "room:42:staff", "elsewhere:1", "room:broken"]
    client = await connected(town, subscribe=[{"channel": name} for name in names])

    outcomes = client.reply(1)["ok"]["subscriptions"]
    assert "ok" in outcomes[ROOM]
    assert outcomes["room:42:staff"]["error"]["code"] == "forbidden"
    assert outcomes["elsewhere:1"]["error"]["code"] == "not_found"
    assert outcomes["room:broken"]["error"]["code"] == "internal"
    assert list(client.connection.seats) == [ROOM]


async def test_reconnecting_recovers_all_channels_in_one_round_trip(town: Town) -> None:
    for channel in (ROOM, "room:43"):
        for n in range(5):
            town.redis.publish(channel, str(n))
    epoch = town.redis.epoch

    client = await connected(
        town,
        subscribe=[
            {"channel": ROOM, "epoch": epoch, "offset": 2},
            {"channel": "room:43", "epoch": epoch, "offset": 5},
        ],
    )

    outcomes = client.reply(1)["ok"]["subscriptions"]
    assert [pub[0] for pub in outcomes[ROOM]["ok"]["pubs"]] == [3, 4, 5]
    assert outcomes["room:43"]["ok"]["pubs"] == []
    assert all(outcome["ok"]["recovered"] for outcome in outcomes.values())


async def test_one_reply_brings_at_most_about_300_publications(town: Town) -> None:
    channels = [f"room:{n}" for n in range(4)]
    for channel in channels:
        for n in range(200):
            town.redis.publish(channel, str(n))
    epoch = town.redis.epoch
    wishes = [{"channel": channel, "epoch": epoch, "offset": 0} for channel in channels]

    client = await connected(town, subscribe=wishes)

    outcomes = client.reply(1)["ok"]["subscriptions"].values()
    assert [len(outcome["ok"]["pubs"]) for outcome in outcomes] == [200, 100, 10, 10]
    assert [outcome["ok"].get("more") for outcome in outcomes] == [None, True, True, True]


@pytest.mark.parametrize("encoding", BOTH)
async def test_no_push_of_a_channel_precedes_its_reply(town: Town, encoding: Encoding) -> None:
    client = await connected(town, encoding)
    town.broker.open_reads.clear()
    client.send("subscribe", channel=ROOM)
    await settle()

    town.redis.publish(ROOM, "meanwhile")
    town.broker.open_reads.set()
    town.redis.publish(ROOM, "and more")
    await settle()
    town.redis.publish(ROOM, "after")
    await settle()

    order = client.screen.look().order
    assert order == ["reply 1", "reply 2 with pubs", f"push {ROOM}"]
    client.screen.take_reply(ROOM, client.reply(2)["ok"])
    assert client.screen.texts(ROOM)[:2] == ["meanwhile", "and more"]


async def test_unsubscribing_ends_the_pushes_and_may_be_repeated(town: Town) -> None:
    client = await connected(town, subscribe=[{"channel": ROOM}])
    ids = [client.send("unsubscribe", channel=ROOM) for _ in range(2)]
    await settle()

    town.redis.publish(ROOM, "unheard")
    await settle()

    assert [client.reply(id)["ok"] for id in ids] == [{}, {}]
    assert client.screen.look().pushes == []


async def test_subscribing_again_changes_the_feed(town: Town) -> None:
    client = await connected(town, subscribe=[{"channel": ROOM}])
    client.send("subscribe", channel=ROOM, feed="sampled")
    await settle()

    for n in range(50):
        town.redis.publish(ROOM, str(n))
    await settle()

    assert client.screen.look().pushes[-1]["of"] == 50
    assert len(client.screen.pushes) == 1


async def test_a_connection_reads_so_many_channels_and_no_more(town: Town) -> None:
    client = await connected(town, subscribe=[{"channel": f"room:{n}"} for n in range(32)])
    more = client.send("subscribe", channel="room:99")
    again = client.send("subscribe", channel="room:5")
    await settle()

    assert error(client, more) == "limit_reached"
    assert "ok" in client.reply(again)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ({}, "invalid"),
        ({"channel": 42}, "invalid"),
        ({"channel": "x" * 200}, "invalid"),
        ({"channel": "room"}, "not_found"),
        ({"channel": "room:"}, "not_found"),
        ({"channel": "room:あ"}, "not_found"),
        ({"channel": "room:4\n2"}, "not_found"),
        ({"channel": ROOM, "feed": "all"}, "invalid"),
        ({"channel": ROOM, "feed": 1}, "invalid"),
        ({"channel": ROOM, "epoch": 5}, "invalid"),
        ({"channel": ROOM, "offset": 5}, "invalid"),
        ({"channel": ROOM, "epoch": 5, "offset": -1}, "invalid"),
        ({"channel": ROOM, "epoch": 5.5, "offset": 1}, "invalid"),
        ({"channel": ROOM, "epoch": True, "offset": 1}, "invalid"),
    ],
)
async def test_a_wrong_argument_is_named_and_the_connection_goes_on(
    town: Town, args: dict[str, Any], word: str
) -> None:
    client = await connected(town)
    wrong = client.send("subscribe", **args)
    right = client.send("say", text="still here")
    await settle()

    assert error(client, wrong) == word
    assert client.reply(right)["ok"]["said"] == "still here"


async def test_history_pages_through_what_the_window_holds(town: Town) -> None:
    for n in range(700):
        town.redis.publish(ROOM, str(n))
    client = await connected(town, subscribe=[{"channel": ROOM}])

    found, place, more = [], {"epoch": town.redis.epoch, "offset": 0}, True
    while more:
        id = client.send("history", channel=ROOM, **place)
        await settle()
        ok = client.reply(id)["ok"]
        found += [pub[0] for pub in ok["pubs"]]
        place, more = {"epoch": ok["epoch"], "offset": ok["offset"]}, ok.get("more", False)

    assert found == list(range(1, 701))


async def test_history_brings_the_newest_without_a_position(town: Town) -> None:
    for n in range(100):
        town.redis.publish(ROOM, str(n))
    client = await connected(town, subscribe=[{"channel": ROOM}])
    id = client.send("history", channel=ROOM, limit=7)
    await settle()

    ok = client.reply(id)["ok"]
    assert (ok["recovered"], ok["offset"]) == (False, 100)
    assert [pub[0] for pub in ok["pubs"]] == list(range(94, 101))


@pytest.mark.parametrize("limit", [0, 301, -1, 2**53])
async def test_history_has_a_limit(town: Town, limit: int) -> None:
    client = await connected(town, subscribe=[{"channel": ROOM}])
    id = client.send("history", channel=ROOM, limit=limit)
    await settle()

    assert error(client, id) == "invalid"


async def test_history_is_of_a_channel_that_is_read(town: Town) -> None:
    client = await connected(town)
    id = client.send("history", channel=ROOM)
    await settle()

    assert error(client, id) == "invalid"


async def test_a_connection_that_ends_while_joining_leaves_nothing_behind(town: Town) -> None:
    client = await connected(town)
    town.broker.open_subscribes.clear()
    client.send("subscribe", channel=ROOM)
    await settle()

    client.socket.abort()
    town.broker.open_subscribes.set()
    await settle()
    town.turned.now += 6
    town.gateway.hub.tick()
    await settle()

    assert town.gateway.hub.channels.by_name == {}
    assert town.broker.subscribed == set()


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
