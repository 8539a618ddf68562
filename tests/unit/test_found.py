"""Those who come together are given the same, and nobody is given what is no longer true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.channel import Channel
from server.found import MOST, Found
from server.parts import Ready
from server.product import Grant
from server.protocol import Encoding, encode
from server.publication import Flag
from tests.unit.fake_product import Client, Town

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


async def come(town: Town, encoding: Encoding = Encoding.JSON, **args: Any) -> Client:
    client = town.client(encoding)
    client.send("connect", subscribe=[{"channel": ROOM, **args}])
    await settle()
    return client


def outcome(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.reply(1)["ok"]["subscriptions"][ROOM]["ok"]
    return found


def texts(client: Client) -> list[Any]:
    return [body and body.get("text") for _, _, body in outcome(client)["pubs"]]


def channel(town: Town) -> Channel:
    return town.gateway.hub.channels.by_name[ROOM]


def found(town: Town) -> list[Found]:
    return list(channel(town).found.values())


@pytest.mark.parametrize("encoding", BOTH)
async def test_those_who_come_together_are_given_what_was_found_once(
    town: Town, encoding: Encoding
) -> None:
    await come(town)
    for text in ("a", "b", "c"):
        town.redis.publish(ROOM, text)
    await settle()
    epoch = channel(town).epoch

    fresh = [await come(town, encoding) for _ in range(3)]
    back = [await come(town, encoding, epoch=epoch, offset=1) for _ in range(3)]

    assert [texts(client) for client in fresh] == [["a", "b", "c"]] * 3
    assert [texts(client) for client in back] == [["b", "c"]] * 3
    assert [outcome(client)["recovered"] for client in fresh + back] == [False] * 3 + [True] * 3
    assert len(found(town)) == 3
    assert town.gateway.hub.channels.recoveries == {"fresh": 4, "recovered": 3}


async def test_what_was_said_or_hidden_meanwhile_is_given_to_the_next(town: Town) -> None:
    town.redis.publish(ROOM, "a", key="k1")
    before = await come(town)
    town.redis.publish(ROOM, "b", key="k2")
    town.redis.publish(ROOM, "", key="k1", flags=Flag.HIDE | Flag.KEEP)
    await settle()

    after = await come(town)

    assert texts(before) == ["a"]
    assert texts(after)[:2] == [None, "b"]


async def test_what_was_hidden_and_not_yet_written_is_pushed_after_the_reply(town: Town) -> None:
    await come(town)
    town.redis.publish(ROOM, "a", key="k1")
    await settle()
    town.redis.publish(ROOM, "", key="k1", flags=Flag.HIDE | Flag.KEEP)

    client = await come(town)

    assert client.screen.look().offsets(ROOM)[-1] == 2


async def test_a_room_that_began_anew_gives_nothing_of_before(town: Town) -> None:
    town.redis.publish(ROOM, "a")
    before = await come(town)
    town.redis.epoch += 1
    town.redis.begin_anew(ROOM)
    town.redis.publish(ROOM, "b")
    await settle()

    after = await come(town)
    back = await come(town, epoch=outcome(before)["epoch"], offset=1)

    assert texts(after) == texts(back) == ["b"]
    assert not outcome(back)["recovered"]


async def test_places_are_remembered_for_a_second_and_not_without_end(town: Town) -> None:
    await come(town)
    for n in range(2 * MOST):
        town.redis.publish(ROOM, str(n))
    await settle()
    for offset in range(2 * MOST):
        again = await come(town, epoch=channel(town).epoch, offset=offset)
        assert texts(again) == [str(n) for n in range(offset, 2 * MOST)]

    assert len(found(town)) <= MOST
    town.gateway.hub.tick()

    assert found(town) == []


async def test_a_smaller_share_of_the_reply_is_not_given_to_who_may_have_more(town: Town) -> None:
    await come(town)
    for n in range(40):
        town.redis.publish(ROOM, str(n))
    await settle()
    epoch = channel(town).epoch

    whole = await come(town, epoch=epoch, offset=0)
    id = whole.send("history", channel=ROOM, epoch=epoch, offset=0, limit=5)
    await settle()
    again = await come(town, epoch=epoch, offset=0)

    assert len(whole.reply(id)["ok"]["pubs"]) == 5
    assert texts(whole) == texts(again) == [str(n) for n in range(40)]


@pytest.mark.parametrize("encoding", BOTH)
def test_one_grant_is_encoded_once_and_another_is_not_mixed_up_with_it(
    encoding: Encoding,
) -> None:
    place = Found({"offset": 1}, 0, "fresh", None)
    one = Grant({"title": "Tea"}, Ready({"rank": 0}))
    other = Grant({"title": "Tea"}, Ready({"rank": 40}))
    named = Grant({"title": "Tea"}, {"rank": 0, "name": "Mana"})

    told = [encode(encoding, {"ok": place.told(grant)}) for grant in (one, other, one, named)]

    def as_told(you: dict[str, Any]) -> bytes:
        return encode(encoding, {"ok": {"offset": 1, "room": {"title": "Tea"}, "you": you}})

    trees = ({"rank": 0}, {"rank": 40}, {"rank": 0}, {"rank": 0, "name": "Mana"})
    assert told == [as_told(you) for you in trees]
    assert place.told(one) is place.told(one)
