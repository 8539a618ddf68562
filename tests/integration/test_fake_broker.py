"""The broker in memory, which unit tests use, does as the real one does: one suite for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgpack
import pytest

from server.publication import Flag, Publication, decode
from tests.integration.channels import ROOM, Known, brokers, line, until
from tests.unit.fake_broker import FakeBroker, FakeRedis


class Pair(Protocol):
    """Two gateways' brokers, and a way to publish."""

    both: list[Any]

    async def say(self, text: str, **more: Any) -> None:
        """Publish a text."""


class RealPair:
    def __init__(self, both: list[Any]) -> None:
        self.both = both

    async def say(self, text: str, **more: Any) -> None:
        await self.both[0].publish(line(text, gated=False, **more))


class FakePair:
    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.both: list[FakeBroker] = [self.redis.broker(), self.redis.broker()]

    async def say(self, text: str, **more: Any) -> None:
        self.redis.publish(ROOM, text, **more)


class Heard:
    """What one broker handed on."""

    def __init__(self, broker: Any) -> None:
        self.payloads: list[tuple[str, Publication]] = []
        self.told: list[dict[str, Any]] = []
        broker.on_payload = lambda channel, data: self.payloads.append((channel, decode(data)))
        broker.on_control = self.told.append


@pytest.fixture(params=["fake", "real"])
async def pair(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Pair]:
    if request.param == "fake":
        yield FakePair()
        return
    async with brokers(redis_url, Known(), 2) as both:
        yield RealPair(both)


async def test_a_publication_reaches_those_who_listen_with_its_place(pair: Pair) -> None:
    heard = [Heard(broker) for broker in pair.both]
    await pair.both[0].subscribe(ROOM)

    await pair.say("a", publisher="m1", key="k1", flags=Flag.KEEP)
    await pair.say("b", publisher="m2")
    await until(lambda: len(heard[0].payloads) == 2)
    await pair.both[0].unsubscribe(ROOM)
    await pair.say("unheard")
    await pair.both[0].subscribe(ROOM)
    await pair.say("c")
    await until(lambda: len(heard[0].payloads) == 3)

    found = [(channel, p.offset, p.publisher) for channel, p in heard[0].payloads]
    assert found[:2] == [(ROOM, 1, "m1"), (ROOM, 2, "m2")]
    assert found[2][1] == 4
    first = heard[0].payloads[0][1]
    assert (first.key, first.flags) == ("k1", Flag.KEEP)
    assert first.epoch > 0
    assert msgpack.unpackb(first.body) == {"event": "line.said", "text": "a"}
    assert heard[1].payloads == []


async def test_a_channel_nobody_has_published_on_has_no_epoch(pair: Pair) -> None:
    for window in (await pair.both[0].window(ROOM, 0), await pair.both[0].newest(ROOM, 50)):
        assert (window.epoch, window.top, window.entries) == (0, 0, [])


async def test_a_window_is_read_from_either_end(pair: Pair) -> None:
    for n in range(10):
        await pair.say(str(n))

    after, newest, all_of_it = (
        await pair.both[1].window(ROOM, 7),
        await pair.both[1].newest(ROOM, 4),
        await pair.both[1].window(ROOM, 0),
    )

    assert [p.offset for p in after.entries] == [8, 9, 10]
    assert [p.offset for p in newest.entries] == [7, 8, 9, 10]
    assert [p.offset for p in all_of_it.entries] == list(range(1, 11))
    assert {(w.epoch > 0, w.top) for w in (after, newest, all_of_it)} == {(True, 10)}


async def test_what_passes_by_has_no_place(pair: Pair) -> None:
    heard = Heard(pair.both[1])
    await pair.both[1].subscribe(ROOM)
    await pair.both[1].subscribe(f"{ROOM}:notice")

    await pair.both[0].pass_on(ROOM, b"\x80")
    await pair.both[0].notice(ROOM, "m7", b"\x81\xa1a\x01")
    await until(lambda: len(heard.payloads) == 2)

    (passed_on, passed), (told_on, told) = heard.payloads
    assert (passed_on, passed.epoch, passed.offset, passed.body) == (ROOM, 0, 0, b"\x80")
    assert (told_on, told.epoch, told.key) == (f"{ROOM}:notice", 0, "m7")
    assert told.body == b"\x81\xa1a\x01"


async def test_control_reaches_every_process(pair: Pair) -> None:
    heard = [Heard(broker) for broker in pair.both]

    await pair.both[0].control({"type": "revoke", "publisher": "m1", "version": 2})
    await until(lambda: all(each.told for each in heard))

    assert all(each.told == [{"type": "revoke", "publisher": "m1", "version": 2}] for each in heard)


async def test_both_have_a_name_and_are_ready(pair: Pair) -> None:
    assert all(broker.ready for broker in pair.both)
    assert len({broker.id for broker in pair.both}) == 2
