"""Whoever is slow leaves the hot list, comes back without a hole, and holds up nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from server.protocol import Encoding
from tests.unit.hub_world import ROOM, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.hub.close()


async def test_a_short_write_is_finished_by_the_transport_and_nothing_is_lost(
    world: World,
) -> None:
    slow, fast = await world.joined(room=1500), await world.joined()

    for number in range(60):
        world.say(f"text {number}")
        await world.settle()
    assert slow.socket.paused
    slow.screen.look()

    assert slow.screen.offsets(ROOM) == list(range(1, 61))
    assert fast.screen.look().offsets(ROOM) == list(range(1, 61))
    assert world.hub.off == {}


@pytest.mark.parametrize("seed", range(6))
async def test_a_reader_paused_at_random_points_sees_every_offset(world: World, seed: int) -> None:
    random = Random(seed)
    viewers = [
        await world.joined(room=random.randrange(60, 3000), encoding=random.choice(list(Encoding)))
        for _ in range(8)
    ]

    for number in range(400):
        world.say("x" * random.randrange(300))
        if random.random() < 0.5:
            await world.settle()
        reader = random.choice(viewers)
        reader.socket.read(random.randrange(1, 4000))
        if number % 50 == 49:
            await world.settle()
            world.turned.now += 1
            world.hub.tick()
            for viewer in viewers:
                viewer.screen.look()
    await world.settle()

    for viewer in viewers:
        assert viewer.screen.look().offsets(ROOM) == list(range(1, 401))
        assert viewer.screen.holes == []
        assert viewer.screen.closed is None


async def test_a_large_repair_leaves_in_pushes_of_a_bounded_size(world: World) -> None:
    slow, fast = await world.joined(room=1000), await world.joined()
    world.say("a")
    await world.settle()
    slow.screen.look()
    world.say(*["x" * 400] * 900, lost=True)

    world.hub.gap(ROOM)
    await world.settle()

    assert len(slow.socket.unsent) < 100_000
    assert fast.screen.look().offsets(ROOM) == list(range(1, 902))
    assert all(len(push["pubs"]) < 200 for push in fast.screen.pushes)


async def test_a_slow_viewer_is_handed_what_it_missed_piece_by_piece(world: World) -> None:
    slow = await world.joined(room=1000)
    for _ in range(500):
        world.say("x" * 400)
        await world.settle()

    largest = 0
    while slow.socket.unsent or slow.socket.in_kernel:
        slow.socket.read(500)
        largest = max(largest, len(slow.socket.unsent))

    assert largest < 70_000
    assert slow.screen.look().offsets(ROOM) == list(range(1, 501))


async def test_two_channels_of_one_paused_viewer_are_both_caught_up(world: World) -> None:
    viewer = world.viewer(room=200)
    await world.join(viewer)
    await world.join(viewer, channel="room:43")

    for number in range(30):
        world.redis.publish(ROOM, f"a{number}")
        world.redis.publish("room:43", f"b{number}")
        await world.settle()

    assert viewer.screen.look().texts(ROOM) == [f"a{n}" for n in range(30)]
    assert viewer.screen.texts("room:43") == [f"b{n}" for n in range(30)]


async def test_who_stops_reading_for_5_seconds_is_let_go_and_the_others_see_nothing_of_it(
    world: World,
) -> None:
    stuck, other = await world.joined(room=500), await world.joined()
    world.say("x" * 1000)
    await world.settle()

    for _ in range(4):
        world.turned.now += 1
        world.hub.tick()
    open_before = stuck.socket.open
    world.turned.now += 1
    world.hub.tick()
    world.say("after")
    await world.settle()

    assert open_before
    assert stuck.socket.code == 4002
    assert other.screen.look().texts(ROOM) == ["x" * 1000, "after"]
    assert world.hub.stats.slow == 1


async def test_nobody_is_blamed_for_the_time_in_which_we_stood_still(world: World) -> None:
    slow = await world.joined(room=500)
    world.say("x" * 1000)
    await world.settle()

    world.turned.now += 60
    world.hub.tick()

    assert slow.screen.look().texts(ROOM) == ["x" * 1000]
    assert slow.screen.closed is None


async def test_who_is_further_behind_than_the_tail_reaches_is_told_that_its_position_is_lost(
    world: World,
) -> None:
    stuck, other = await world.joined(room=1000), await world.joined()
    for _ in range(400):
        world.say("x" * 1000)
        await world.settle()

    stuck.screen.look()

    assert stuck.screen.closed == 4003
    assert stuck.screen.holes == []
    assert len(other.screen.look().offsets(ROOM)) == 400
    assert world.hub.stats.lost == 1


async def test_frames_are_forgotten_after_10_seconds(world: World) -> None:
    stuck = await world.joined(room=500)
    world.say("x" * 1000)
    await world.settle()
    world.say("missed")
    await world.settle()

    world.turned.now += 11
    world.say("later")
    await world.settle()
    stuck.screen.look()

    assert stuck.screen.closed == 4003


async def test_a_broken_descriptor_is_aborted_and_the_others_are_served(world: World) -> None:
    first, broken, last = [await world.joined() for _ in range(3)]
    broken.socket.broken = True

    world.say("a")
    await world.settle()

    assert broken.socket.code == 1006
    assert first.screen.look().texts(ROOM) == last.screen.look().texts(ROOM) == ["a"]


async def test_a_descriptor_that_is_used_again_gets_nothing_of_its_former_owner(
    world: World,
) -> None:
    viewer = await world.joined()
    number = viewer.socket.fd

    viewer.socket.close(1000)
    stranger = world.kernel.open()
    world.say("not for a stranger")
    await world.settle()

    assert stranger.fd == number
    assert stranger.in_kernel == b""
