"""A publication reaches every viewer once and in order, and whoever is slow holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from server.hot_list import Feed
from server.hub import Hub
from server.joining import Joining, Position
from server.protocol import Encoding, reply
from server.publication import Flag
from server.websocket_frames import frame
from tests.unit.fake_broker import FakeBroker, FakeRedis
from tests.unit.fake_sockets import Kernel, Turned, Viewer
from tests.unit.waiting import until

ROOM = "room:42"


class World:
    """One gateway's hub over a Redis in memory, and viewers in front of it."""

    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.kernel = Kernel()
        self.turned = Turned()
        self.broker = self.redis.broker()
        self.hub = Hub(self.broker, descriptors=self.kernel.descriptors, now=self.turned)

    def viewer(
        self, *, room: int = 10**9, encoding: Encoding = Encoding.JSON, publisher: str | None = None
    ) -> Viewer:
        return Viewer(self.kernel.open(encoding, room=room), self.hub, publisher=publisher)

    async def join(
        self,
        viewer: Viewer,
        *,
        feed: Feed = Feed.FULL,
        position: Position | None = None,
        limit: int = 300,
        channel: str = ROOM,
    ) -> dict[str, Any]:
        """Join as a connection does, and give the reply as the client reads it."""
        joining = await Joining.prepare(self.hub.channels, channel, position)
        return self.finish(joining, viewer, feed=feed, limit=limit)

    def finish(
        self, joining: Joining, viewer: Viewer, *, feed: Feed = Feed.FULL, limit: int = 300
    ) -> dict[str, Any]:
        ok = joining.settle(viewer, feed, limit).tree
        payload = reply(viewer.encoding, 1, ok)
        viewer.socket.send(frame(viewer.encoding.opcode, payload))
        joining.seat(viewer)
        answer: dict[str, Any] = viewer.screen.look().replies[1]["ok"]
        viewer.screen.take_reply(joining.channel.name, answer)
        return answer

    async def joined(self, **options: Any) -> Viewer:
        viewer = self.viewer(**options)
        await self.join(viewer)
        return viewer

    def say(self, *texts: str, **options: Any) -> None:
        for text in texts:
            self.redis.publish(ROOM, text, **options)

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        for _ in range(20):
            await asyncio.sleep(0)


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


# Slow viewers.


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


# Joining.


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


# Recovery.


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


# Gaps.


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


async def test_authorship_is_found_in_memory(world: World) -> None:
    await world.joined()
    world.say("a", key="k1", publisher="m5")
    await world.settle()

    assert [p.publisher for p in world.hub.find(ROOM, "k1")] == ["m5"]
    assert world.hub.find(ROOM, "k2") == world.hub.find("room:43", "k1") == []


def test_a_fake_broker_is_what_a_hub_needs() -> None:
    broker: Any = FakeBroker(FakeRedis())

    assert Hub(broker).channels.source is broker
