"""A fan-out in slices: the loop goes on in between, and nobody gets a hole or anything twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from server.hot_list import Feed
from server.joining import Joining
from server.protocol import Encoding
from server.websocket_frames import text_frame
from tests.unit.fake_sockets import FakeSocket, Viewer
from tests.unit.hub_world import ROOM, World
from tests.unit.waiting import until


class SlowWorld(World):
    """Every write takes so long that three fit into a turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        take = self.kernel.write

        def write(fd: int, data: bytes) -> int:
            self.turned.now += 0.001
            return take(fd, data)

        self.kernel.write = write  # type: ignore[method-assign]
        self.kernel.slice = 1

    async def give(self, *texts: str) -> None:
        """Publish, and stop when the first slices are written."""
        self.say(*texts)
        await soon(lambda: self.hub.channels.by_name[ROOM].busy)

    async def written(self) -> None:
        """Go on until nothing is left to be written."""
        channel = self.hub.channels.by_name[ROOM]
        await until(lambda: not (channel.busy or channel.waiting or channel.timer))

    def had(self, viewers: list[Viewer]) -> list[Viewer]:
        """Give those who have got a push."""
        return [viewer for viewer in viewers if len(viewer.screen.look().pushes) > 0]


async def soon(condition: Callable[[], object]) -> None:
    """Let the loop turn until a condition holds, not once more."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come to that")


@pytest.fixture
async def world() -> AsyncIterator[SlowWorld]:
    world = SlowWorld()
    yield world
    await world.hub.close()


async def test_the_loop_goes_on_between_the_slices_of_a_fan_out(world: SlowWorld) -> None:
    viewers = [await world.joined() for _ in range(30)]

    await world.give("a")
    first = len(world.had(viewers))
    await asyncio.sleep(0)
    second = len(world.had(viewers))
    await world.written()

    assert 0 < first < second < 30
    assert [viewer.screen.look().texts(ROOM) for viewer in viewers] == [["a"]] * 30


async def test_what_arrives_during_a_fan_out_follows_it_in_one_push(world: SlowWorld) -> None:
    viewers = [await world.joined() for _ in range(30)]

    await world.give("a")
    world.say("b")
    await asyncio.sleep(0)
    world.say("c")
    await world.written()

    for viewer in viewers:
        assert [(push["from"], push["to"]) for push in viewer.screen.look().pushes] == [
            (1, 1),
            (2, 3),
        ]


async def test_who_joins_during_a_fan_out_has_it_in_the_reply_and_no_push_of_it(
    world: SlowWorld,
) -> None:
    viewers = [await world.joined() for _ in range(30)]
    await world.give("a")

    late = [await world.joined() for _ in range(5)]
    assert world.hub.channels.by_name[ROOM].busy
    await world.written()
    world.say("b")
    await world.written()

    for viewer in late:
        assert viewer.screen.look().texts(ROOM) == ["a", "b"]
        assert [push["from"] for push in viewer.screen.pushes] == [2]
    assert all(viewer.screen.look().texts(ROOM) == ["a", "b"] for viewer in viewers)


async def test_who_asks_for_history_during_a_fan_out_is_told_where_it_stands(
    world: SlowWorld,
) -> None:
    viewers = [await world.joined() for _ in range(30)]
    await world.give("a")
    had = world.had(viewers)

    for viewer in viewers:
        joining = await Joining.prepare(world.hub.channels, ROOM, (world.redis.epoch, 0))
        answer = joining.catch_up(viewer, 300)
        joining.release()
        assert answer["offset"] == (1 if viewer in had else 0)
    assert 0 < len(had) < 30


async def test_small_channels_do_not_wait_for_a_large_one(world: SlowWorld) -> None:
    crowd = [await world.joined() for _ in range(60)]
    few = world.viewer()
    await world.join(few, channel="room:43")
    await world.give("a")

    world.redis.publish("room:43", "b")
    await soon(lambda: few.screen.look().pushes)

    assert len(world.had(crowd)) < 60


async def test_a_beat_of_the_clock_does_not_hurry_a_fan_out(world: SlowWorld) -> None:
    viewers = [await world.joined() for _ in range(30)]
    await world.give("a")

    world.hub.tick()

    assert world.hub.channels.by_name[ROOM].busy
    await world.written()
    assert all(len(viewer.screen.look().pushes) == 1 for viewer in viewers)


async def test_who_ends_during_a_fan_out_leaves_its_descriptor_to_a_stranger(
    world: SlowWorld,
) -> None:
    viewers = [await world.joined() for _ in range(30)]
    await world.give("a")

    strangers: list[FakeSocket] = []
    for viewer in viewers[::2]:
        number = viewer.socket.fd
        viewer.socket.abort()
        strangers.append(world.kernel.open())
        assert strangers[-1].fd == number
    await world.written()

    assert all(stranger.in_kernel == b"" for stranger in strangers)
    assert all(viewer.screen.look().texts(ROOM) == ["a"] for viewer in viewers[1::2])


async def test_who_ends_because_another_one_breaks_is_not_written_to(world: SlowWorld) -> None:
    viewers = [await world.joined() for _ in range(30)]
    strangers: list[FakeSocket] = []

    def end_all(code: int) -> None:
        world.hub.remove(broken)
        for viewer in viewers:
            if viewer.socket.open and viewer is not broken:
                viewer.socket.close(1000)
                strangers.append(world.kernel.open())

    broken = viewers[7]
    broken.socket.broken = True
    broken.on_closed = end_all  # type: ignore[method-assign]
    world.say("a")
    await world.written()

    assert len(strangers) == 29
    assert all(stranger.in_kernel == b"" for stranger in strangers)


@pytest.mark.parametrize("seed", range(12))
async def test_coming_pausing_and_going_amid_fan_outs_leaves_no_hole_and_nothing_twice(
    world: SlowWorld, seed: int
) -> None:
    random = Random(seed)
    viewers: list[Viewer] = []
    for _ in range(400):
        match random.randrange(10):
            case 0 | 1:
                viewer = world.viewer(
                    room=random.choice((300, 2000, 10**9)), encoding=random.choice(list(Encoding))
                )
                old = random.choice(viewers) if viewers and random.random() < 0.5 else None
                if old is not None:
                    old.screen.look()
                    viewer.screen.shown = {k: list(v) for k, v in old.screen.shown.items()}
                    viewer.screen.position = dict(old.screen.position)
                await world.join(viewer, position=old.screen.position[ROOM] if old else None)
                viewers.append(viewer)
            case 2 if viewers:
                viewer = viewers.pop(random.randrange(len(viewers)))
                viewer.socket.abort()
            case 3 if viewers:
                # Once more on the same connection.
                await world.join(random.choice(viewers), feed=Feed.FULL)
            case 4 | 5 if viewers:
                random.choice(viewers).socket.read(random.randrange(1, 3000))
            case 6 | 7 if viewers:
                # What is written to one alone may be what fills its transport.
                notice = b'{"ch":"room:42","now":["%b"]}' % (b"x" * random.randrange(3000))
                random.choice(viewers).socket.send(text_frame(notice))
            case _:
                world.say(*["x" * random.randrange(200)] * random.randrange(1, 3))
        if random.random() < 0.6:
            await asyncio.sleep(0)
        if random.random() < 0.01:
            world.hub.tick()
    for viewer in viewers:
        viewer.screen.look()
    await world.written()
    world.say("last")
    await world.written()

    top = world.redis.tops[ROOM][1]
    assert len(viewers) > 20
    for viewer in viewers:
        offsets = viewer.screen.look().offsets(ROOM)
        assert viewer.screen.holes == []
        assert viewer.screen.repeated == []
        assert offsets == list(range(offsets[0], top + 1))
        assert viewer.screen.closed is None
