"""Each subscription has its own outcome, and no push precedes its reply."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.protocol import Encoding
from tests.unit.fake_product import Town
from tests.unit.townsfolk import BOTH, ROOM, connected, error, settle


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    town.gateway.start()
    yield town
    await town.gateway.close()


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
