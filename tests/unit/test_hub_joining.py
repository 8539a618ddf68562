"""Whoever joins amid a stream gets all that follows, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from server.hot_list import Feed
from server.joining import Joining
from server.protocol import Encoding, reply
from server.websocket_frames import frame
from tests.unit.fake_sockets import Viewer
from tests.unit.hub_world import ROOM, World
from tests.unit.waiting import until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.hub.close()


async def test_nobody_misses_what_is_published_while_joining(world: World) -> None:
    world.say("before")
    world.broker.open_reads.clear()
    viewer = world.viewer()

    joining = asyncio.create_task(world.join(viewer))
    await world.settle()
    world.say("meanwhile")
    await world.settle()
    world.broker.open_reads.set()
    answer = await joining
    world.say("after")
    await world.settle()

    assert answer["recovered"] is False
    assert viewer.screen.look().texts(ROOM) == ["before", "meanwhile", "after"]
    assert viewer.screen.holes == []


@pytest.mark.parametrize("seed", range(4))
async def test_joins_and_recoveries_amid_a_stream_leave_no_hole(world: World, seed: int) -> None:
    random = Random(seed)
    viewers: list[Viewer] = []
    for _ in range(300):
        world.say("a", *["b"] * random.randrange(3))
        if random.random() < 0.4:
            await world.settle()
        if random.random() < 0.2:
            viewer = world.viewer(encoding=random.choice(list(Encoding)))
            old = random.choice(viewers) if viewers and random.random() < 0.7 else None
            if old is not None:
                old.screen.look()
                viewer.screen.shown = {k: list(v) for k, v in old.screen.shown.items()}
                viewer.screen.position = dict(old.screen.position)
            await world.join(viewer, position=old.screen.position[ROOM] if old else None)
            viewers.append(viewer)
    top = world.redis.tops[ROOM][1]
    await until(lambda: world.hub.channels.by_name[ROOM].flushed == top)

    for viewer in viewers:
        offsets = viewer.screen.look().offsets(ROOM)
        assert offsets == list(range(offsets[0], top + 1))
        assert viewer.screen.holes == []


async def test_first_subscribe_and_last_unsubscribe_do_not_cross(world: World) -> None:
    first = await world.joined()
    world.hub.leave(first, ROOM)
    world.turned.now += 6
    world.hub.tick()

    again = await world.joined()
    world.say("a")
    await world.settle()

    assert again.screen.look().texts(ROOM) == ["a"]
    world.hub.leave(again, ROOM)
    world.turned.now += 6
    world.hub.tick()
    await world.settle()
    assert world.broker.subscribed == set()
    assert world.hub.channels.by_name == {}


async def test_a_channel_that_is_left_and_joined_again_amid_a_repair_misses_nothing(
    world: World,
) -> None:
    first = await world.joined()
    world.redis.away = True
    world.hub.gap(ROOM)
    await world.settle()
    world.redis.away = False
    world.broker.open_reads.clear()
    world.hub.leave(first, ROOM)
    world.turned.now += 6
    again = world.viewer()

    world.hub.tick()
    joining = asyncio.create_task(world.join(again))
    await world.settle()
    channel = world.hub.channels.by_name[ROOM]
    await until(lambda: not world.hub.channels._tasks)
    world.say("meanwhile")
    held = list(channel.held or ())
    world.broker.open_reads.set()
    await joining

    assert [p.offset for p in held] == [1]
    assert again.screen.look().texts(ROOM) == ["meanwhile"]


async def test_many_first_viewers_subscribe_once(world: World) -> None:
    world.broker.open_subscribes.clear()
    tasks = [asyncio.create_task(world.joined()) for _ in range(50)]
    await world.settle()

    world.broker.open_subscribes.set()
    viewers = await asyncio.gather(*tasks)
    world.say("a")
    await world.settle()

    assert world.broker.calls == [f"+{ROOM}", f"+{ROOM}:notice"]
    assert all(viewer.screen.look().texts(ROOM) == ["a"] for viewer in viewers)


async def test_a_join_without_redis_is_refused_and_works_later(world: World) -> None:
    world.redis.away = True
    with pytest.raises(Exception, match="does not answer"):
        await world.joined()

    world.redis.away = False
    viewer = await world.joined()
    world.say("a")
    await world.settle()

    assert viewer.screen.look().texts(ROOM) == ["a"]


async def test_a_paused_viewer_may_join_and_catches_up_later(world: World) -> None:
    viewer = world.viewer(room=10)
    joining = await Joining.prepare(world.hub.channels, ROOM, None)
    ok = joining.settle(viewer, Feed.FULL, 300).tree
    viewer.socket.send(frame(1, reply(Encoding.JSON, 1, ok)))
    joining.seat(viewer)

    world.say("a")
    await world.settle()
    world.say("b")
    await world.settle()

    assert viewer.screen.look().order == ["reply 1 with pubs", f"push {ROOM}", f"push {ROOM}"]
