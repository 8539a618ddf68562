"""A publication reaches every viewer of a channel once and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.hot_list import Feed
from server.hub import Hub
from server.protocol import Encoding
from server.publication import Flag
from tests.unit.fake_broker import FakeBroker, FakeRedis
from tests.unit.hub_world import ROOM, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.hub.close()


async def test_everybody_on_a_channel_sees_a_publication(world: World) -> None:
    viewers = [await world.joined(encoding=encoding) for encoding in (*Encoding, *Encoding)]

    world.say("a", "b")
    await world.settle()

    for viewer in viewers:
        assert viewer.screen.look().texts(ROOM) == ["a", "b"]
        assert viewer.screen.position[ROOM][1] == 2


async def test_what_came_with_one_read_leaves_in_one_push(world: World) -> None:
    viewer = await world.joined()

    world.say("a", "b", "c")
    await world.settle()

    assert [(push["from"], push["to"]) for push in viewer.screen.look().pushes] == [(1, 3)]


async def test_nobody_hears_a_channel_that_was_left(world: World) -> None:
    viewer, other = await world.joined(), await world.joined()
    world.hub.leave(viewer, ROOM)

    world.say("a")
    await world.settle()

    assert viewer.screen.look().pushes == []
    assert other.screen.look().texts(ROOM) == ["a"]


async def test_passing_events_reach_everybody_and_are_not_kept(world: World) -> None:
    viewer = await world.joined()

    await world.broker.pass_on(ROOM, b"\x81\xa5event\xa7counted")
    world.hub.pass_on(ROOM, b"\x81\xa5event\xa7counted")
    await world.settle()
    late = await world.joined()

    assert viewer.screen.look().passed == [{"event": "counted"}] * 2
    assert late.screen.look().passed == []


async def test_passing_events_of_one_flush_are_bounded(world: World) -> None:
    viewer = await world.joined()

    for _ in range(500):
        world.hub.pass_on(ROOM, b"\x81\xa5event\xa7counted")
    await world.settle()

    assert len(viewer.screen.look().passed) == 100


async def test_a_notice_reaches_one_publisher_on_that_channel_only(world: World) -> None:
    named = [await world.joined(publisher="m7", encoding=encoding) for encoding in Encoding]
    elsewhere = world.viewer(publisher="m7")
    await world.join(elsewhere, channel="room:43")
    other, nameless = await world.joined(publisher="m8"), await world.joined()

    await world.broker.notice(ROOM, "m7", b"\x81\xa5event\xa4told")
    await world.settle()

    assert [viewer.screen.look().passed for viewer in named] == [[{"event": "told"}]] * 2
    for viewer in (elsewhere, other, nameless):
        assert viewer.screen.look().passed == []


async def test_what_is_known_already_is_not_told_again(world: World) -> None:
    viewer = await world.joined()
    world.say("a", "b")
    await world.settle()

    for entry in world.redis.windows[ROOM]:
        world.redis.send(ROOM, entry)
    await world.settle()

    assert viewer.screen.look().texts(ROOM) == ["a", "b"]


# Heartbeats and the sampled feed.


async def test_a_quiet_channel_gets_an_empty_push_every_15_seconds(world: World) -> None:
    viewer = await world.joined(encoding=Encoding.MSGPACK)
    world.say("a")
    await world.settle()

    world.turned.now += 14
    world.hub.tick()
    before = len(viewer.screen.look().pushes)
    world.turned.now += 1
    world.hub.tick()

    assert before == 1
    beat = viewer.screen.look().pushes[-1]
    assert (beat["from"], beat["to"], beat["pubs"]) == (2, 1, [])
    assert "of" not in beat
    assert viewer.screen.holes == []


async def test_what_passes_by_does_not_put_off_a_heartbeat(world: World) -> None:
    viewer = await world.joined()

    for _ in range(3):
        world.turned.now += 5
        world.hub.pass_on(ROOM, b"\x81\xa5event\xa7counted")
        await world.settle()
        world.hub.tick()

    assert len(viewer.screen.look().pushes) == 1


async def test_a_heartbeat_shows_who_stands_elsewhere_that_something_is_missing(
    world: World,
) -> None:
    viewer = await world.joined()
    world.say("a")
    await world.settle()
    viewer.screen.look().position[ROOM] = (world.redis.epoch, 0)

    world.turned.now += 15
    world.hub.tick()

    assert viewer.screen.look().holes == [ROOM]


async def test_the_sampled_feed_says_what_it_left_out_and_keeps_what_must_be_kept(
    world: World,
) -> None:
    sampled = [world.viewer(encoding=encoding) for encoding in Encoding]
    for viewer in sampled:
        await world.join(viewer, feed=Feed.SAMPLED)
    full = await world.joined()

    world.say(*map(str, range(100)))
    world.say("answer", flags=Flag.KEEP)
    await world.settle()

    assert len(full.screen.look().texts(ROOM)) == 101
    shown = [viewer.screen.look().texts(ROOM) for viewer in sampled]
    assert shown[0] == shown[1] == [*map(str, range(10)), "answer"]
    (push,) = sampled[0].screen.pushes
    assert (push["from"], push["to"], push["of"], push["why"]) == (1, 101, 101, "sampled")


async def test_a_sampled_push_that_would_show_nothing_is_put_off_for_a_second(
    world: World,
) -> None:
    sampled = world.viewer()
    await world.join(sampled, feed=Feed.SAMPLED)
    world.say(*map(str, range(10)))
    await world.settle()

    world.say("left out")
    await world.settle()
    world.turned.now += 0.9
    world.hub.tick()
    put_off = len(sampled.screen.look().pushes)
    world.turned.now += 0.2
    world.hub.tick()

    assert put_off == 1
    last = sampled.screen.look().pushes[-1]
    assert (last["from"], last["to"], last["pubs"], last["of"]) == (11, 11, [], 1)
    assert sampled.screen.holes == []


async def test_authorship_is_found_in_memory(world: World) -> None:
    await world.joined()
    world.say("a", key="k1", publisher="m5")
    await world.settle()

    assert [p.publisher for p in world.hub.find(ROOM, "k1")] == ["m5"]
    assert world.hub.find(ROOM, "k2") == world.hub.find("room:43", "k1") == []


def test_a_fake_broker_is_what_a_hub_needs() -> None:
    broker: Any = FakeBroker(FakeRedis())

    assert Hub(broker).channels.source is broker
