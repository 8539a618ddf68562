"""What a viewer missed is recovered whole, or it is told that it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.publication import Flag
from tests.unit.hub_world import ROOM, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.hub.close()


async def test_the_newest_fill_the_screen_of_somebody_without_a_position(world: World) -> None:
    world.say(*map(str, range(120)))

    answer = await world.join(world.viewer())

    assert (answer["recovered"], answer["offset"]) == (False, 120)
    assert [pub[0] for pub in answer["pubs"]] == list(range(71, 121))


async def test_all_that_was_missed_is_recovered_from_memory(world: World) -> None:
    await world.joined()
    world.say(*map(str, range(120)))
    await world.settle()
    reads = world.broker.reads

    answer = await world.join(world.viewer(), position=(world.redis.epoch, 5))

    assert (answer["recovered"], answer["offset"]) == (True, 120)
    assert [pub[0] for pub in answer["pubs"]] == list(range(6, 121))
    assert world.broker.reads == reads


async def test_a_long_gap_comes_in_pages_of_300(world: World) -> None:
    world.say(*map(str, range(800)))
    viewer = world.viewer()

    answers = [await world.join(viewer, position=(world.redis.epoch, 5))]
    while answers[-1].get("more"):
        stands = (answers[-1]["epoch"], answers[-1]["offset"])
        answers.append(await world.join(viewer, position=stands))

    assert [len(answer["pubs"]) for answer in answers] == [300, 300, 195]
    assert all(answer["recovered"] for answer in answers)
    assert viewer.screen.offsets(ROOM) == list(range(6, 801))


async def test_many_who_come_back_together_read_the_window_once(world: World) -> None:
    world.say(*map(str, range(800)))
    await world.joined()
    reads = world.broker.reads

    answers = await asyncio.gather(
        *(world.join(world.viewer(), position=(world.redis.epoch, n)) for n in range(12))
    )

    assert all(answer["recovered"] for answer in answers)
    assert world.broker.reads == reads + 1


@pytest.mark.parametrize(
    "position",
    [(1, 5), (10**13, 5), (None, 900), (None, 5)],
    ids=["older epoch", "newer epoch", "above the top", "no longer in the window"],
)
async def test_what_cannot_be_recovered_brings_the_newest_and_says_so(
    world: World, position: tuple[int | None, int]
) -> None:
    world.say(*map(str, range(100)))
    if position == (None, 5):
        world.redis.windows[ROOM] = world.redis.windows[ROOM][-60:]

    answer = await world.join(
        world.viewer(), position=(position[0] or world.redis.epoch, position[1])
    )

    assert answer["recovered"] is False
    assert [pub[0] for pub in answer["pubs"]] == list(range(51, 101))


async def test_the_top_is_recovered_even_when_the_window_is_gone(world: World) -> None:
    world.say(*map(str, range(100)))
    world.redis.windows.clear()

    answer = await world.join(world.viewer(), position=(world.redis.epoch, 100))

    assert (answer["recovered"], answer["pubs"], answer["offset"]) == (True, [], 100)


async def test_a_client_that_knows_more_than_this_gateway_yet_is_not_thrown_back(
    world: World,
) -> None:
    await world.joined()
    world.say("a", "b")
    await world.settle()
    world.say("slow on its way", lost=True)

    viewer = world.viewer()
    answer = await world.join(viewer, position=(world.redis.epoch, 3))
    world.say("next")
    await world.settle()

    assert (answer["recovered"], answer["pubs"], answer["offset"]) == (True, [], 3)
    assert viewer.screen.look().offsets(ROOM) == [4]
    assert viewer.screen.holes == []


async def test_a_channel_without_a_publication_is_recovered_from_its_beginning(
    world: World,
) -> None:
    viewer, again = world.viewer(), world.viewer()
    first = await world.join(viewer)

    world.say("a")
    await world.settle()
    second = await world.join(again, position=(first["epoch"], first["offset"]))

    assert (first["epoch"], first["offset"]) == (0, 0)
    assert viewer.screen.look().texts(ROOM) == ["a"]
    assert viewer.screen.holes == []
    assert (second["recovered"], second["offset"]) == (True, 1)


async def test_a_tombstone_hides_what_is_recovered_and_keeps_its_place(world: World) -> None:
    world.say("keep", key="k1")
    world.say("take away", key="k2")
    world.say("more", key="k3", publisher="m9")
    world.say("", flags=Flag.HIDE | Flag.KEEP, key="k2")
    world.say("", flags=Flag.HIDE | Flag.KEEP | Flag.BY_PUBLISHER, key="m9")

    for position in (None, (world.redis.epoch, 0)):
        viewer = world.viewer()
        await world.join(viewer, position=position)

        assert viewer.screen.texts(ROOM) == ["keep", None, None, "", ""]
        assert viewer.screen.offsets(ROOM) == [1, 2, 3, 4, 5]
