"""What does not arrive from Redis is read from the window, or told as a hole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from server.hot_list import Feed
from server.protocol import Encoding
from tests.unit.hub_world import ROOM, World
from tests.unit.waiting import until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.hub.close()


async def test_a_jump_in_offsets_is_read_from_the_window(world: World) -> None:
    viewers = [await world.joined(encoding=encoding) for encoding in Encoding]
    world.say("a")
    world.say("lost 1", "lost 2", lost=True)
    world.say("b")
    await world.settle()

    for viewer in viewers:
        assert viewer.screen.look().texts(ROOM) == ["a", "lost 1", "lost 2", "b"]
        assert viewer.screen.holes == []


async def test_a_gap_that_the_broker_reports_is_read_from_the_window(world: World) -> None:
    viewer = await world.joined()
    world.say("a")
    world.say("lost", lost=True)

    world.hub.gap(None)
    await world.settle()

    assert viewer.screen.look().texts(ROOM) == ["a", "lost"]


@pytest.mark.parametrize("seed", range(5))
async def test_losses_at_random_are_all_made_good(world: World, seed: int) -> None:
    random = Random(seed)
    viewer = await world.joined()

    for number in range(500):
        world.say(str(number), lost=random.random() < 0.2)
        if random.random() < 0.3:
            await world.settle()
        if random.random() < 0.05:
            world.broker.open_reads.clear()
        elif random.random() < 0.2:
            world.broker.open_reads.set()
    world.broker.open_reads.set()
    await world.settle()
    world.hub.gap(ROOM)
    await world.settle()
    await until(lambda: viewer.screen.look().position[ROOM][1] == 500)

    assert viewer.screen.texts(ROOM) == [str(number) for number in range(500)]
    assert viewer.screen.holes == []


async def test_what_the_window_no_longer_holds_becomes_a_hole_that_the_client_sees(
    world: World,
) -> None:
    viewer = await world.joined()
    world.say("a")
    await world.settle()
    world.say(*map(str, range(1500)), lost=True)

    world.say("b")
    await world.settle()

    assert viewer.screen.look().holes == [ROOM]
    answer = await world.join(viewer, position=viewer.screen.position[ROOM])
    assert (answer["recovered"], answer["offset"]) == (False, 1502)


async def test_a_window_that_is_gone_becomes_a_hole_that_the_client_sees(world: World) -> None:
    viewer = await world.joined()
    world.say("a")
    await world.settle()
    world.say("lost", lost=True)
    world.redis.windows.clear()

    world.hub.gap(None)
    await world.settle()

    assert viewer.screen.look().holes == [ROOM]


async def test_a_restart_of_redis_is_told_as_a_gap(world: World) -> None:
    viewers = [world.viewer(), world.viewer(encoding=Encoding.MSGPACK)]
    await world.join(viewers[0], feed=Feed.SAMPLED)
    await world.join(viewers[1])
    world.say("a")

    world.redis.lose_offsets(ROOM, 1_000_000)
    world.say("b")
    await world.settle()

    for viewer in viewers:
        assert viewer.screen.look().texts(ROOM) == ["a", "b"]
        gap = viewer.screen.pushes[1]
        assert (gap["from"], gap["to"], gap["why"]) == (2, 1_000_001, "restart")
        assert (gap["pubs"], gap["of"]) == ([], 1_000_000)
        assert viewer.screen.holes == []


async def test_recovery_over_a_restart_says_that_something_was_lost(world: World) -> None:
    await world.joined()
    world.say("a")
    world.redis.lose_offsets(ROOM, 1_000_000)
    world.say("b")
    await world.settle()

    answer = await world.join(world.viewer(), position=(world.redis.epoch, 1))

    assert (answer["recovered"], answer["why"], answer["offset"]) == (False, "restart", 1_000_002)
    assert [pub[0] for pub in answer["pubs"]] == [1, 1_000_001, 1_000_002]


async def test_another_epoch_is_a_hole_for_those_who_stand_in_the_old_one(world: World) -> None:
    viewer = await world.joined()
    world.say("a", "b")
    await world.settle()

    world.redis.begin_anew(ROOM)
    world.say("c")
    await world.settle()

    assert viewer.screen.look().holes == [ROOM]
    answer = await world.join(viewer, position=viewer.screen.position[ROOM])
    assert answer["recovered"] is False
    assert [pub[2]["text"] for pub in answer["pubs"]] == ["c"]


async def test_without_redis_reading_is_tried_again_until_it_answers(world: World) -> None:
    viewer = await world.joined()
    world.redis.away = True
    world.say("lost", lost=True)
    world.say("a")
    await world.settle()

    world.redis.away = False
    await until(lambda: viewer.screen.look().texts(ROOM))

    assert viewer.screen.texts(ROOM) == ["lost", "a"]


async def test_an_unreadable_window_lets_the_channel_go_on_with_a_hole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = await world.joined()

    async def broken(channel: str, after: int) -> None:
        raise ValueError("not a publication")

    monkeypatch.setattr(world.broker, "window", broken)
    world.say("lost", lost=True)
    world.say("a")
    await world.settle()

    assert viewer.screen.look().holes == [ROOM]
    assert viewer.screen.pushes[-1]["to"] == 2
