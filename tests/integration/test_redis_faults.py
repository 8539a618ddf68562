"""What the broker keeps when Redis is killed, frozen, emptied, or loses its newest writes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis

from server.adoption import Gates
from server.answers import Answer
from server.broker import Broker
from server.context import system_clock
from server.errors import Refused
from server.keys import keys_of
from server.publication import Flag, Publication, Published
from server.recovery import covered, reach, recover
from server.redis_link import RedisLink
from tests import servers
from tests.integration.channels import ROOM, Known, Listener, brokers, line, until
from tests.integration.faults import cut, start_again, written

FOREVER = 253402300799000


class Reader(Listener):
    """Follows one channel as a hub does: after a gap it reads the window since its offset."""

    def __init__(self, broker: Broker, channel: str) -> None:
        super().__init__(broker)
        self.channel = channel
        self.position = 0
        self.taken: list[Publication] = []
        self.healing: set[asyncio.Task[None]] = set()
        broker.on_gap = self._heal

    def _payload(self, channel: str, payload: bytes) -> None:
        super()._payload(channel, payload)
        self.take([self.seen[-1]])

    def take(self, publications: list[Publication]) -> None:
        for publication in publications:
            first, last = covered(publication)
            if first <= self.position + 1 <= last:
                self.taken.append(publication)
                self.position = last
            elif first > self.position + 1:
                self._heal(self.channel)

    def _heal(self, channel: str | None) -> None:
        self.gaps.append(channel)
        task = asyncio.create_task(self._read())
        self.healing.add(task)
        task.add_done_callback(self.healing.discard)

    async def _read(self) -> None:
        window = await self.broker.window(self.channel, self.position)
        self.take(window.entries)


async def attempt(broker: Broker, *args: Any, **more: Any) -> Published | Refused:
    try:
        return await broker.publish(line(*args, **more))
    except Refused as refused:
        return refused


async def test_killed_subscriptions_are_noticed_and_nothing_is_missing(
    redis_url: str, redis: Redis
) -> None:
    async with brokers(redis_url, Known(), 2, channel_rate=100_000) as (here, there):
        reader = Reader(there, ROOM)
        await there.subscribe(ROOM)
        for burst in range(5):
            for n in range(100):
                await here.publish(line(f"{burst}.{n}"))
                if n == 50:
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: here.ready and there.ready)
        await here.publish(line("last"))
        await until(lambda: reader.position == 501)

    assert None in reader.gaps
    assert [publication.offset for publication in reader.taken] == list(range(1, 502))


async def test_killed_commands_are_repeated_with_one_effect(redis_url: str, redis: Redis) -> None:
    async with brokers(redis_url, Known(), channel_rate=100_000) as broker:
        results = []
        for n in range(20):
            flying = [
                asyncio.create_task(attempt(broker, f"{n}.{k}", client_message_id=f"{n}.{k}"))
                for k in range(20)
            ]
            await asyncio.sleep(0)
            await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            results += await asyncio.gather(*flying)
            await until(lambda: broker.ready)
        # The last connection may have been killed without our having heard of it.
        with suppress(Refused):
            await broker.window(ROOM, 0)
        await until(lambda: broker.ready)
        window = await broker.window(ROOM, 0)

    placed = [result for result in results if isinstance(result, Published)]
    refused = [result for result in results if isinstance(result, Refused)]
    assert {error.code for error in refused} <= {"unavailable"}
    assert sorted(place.offset for place in placed) == [p.offset for p in window.entries]
    assert len({publication.body for publication in window.entries}) == len(window.entries)


async def test_on_uvloop_too_killed_connections_lose_nothing(redis_url: str) -> None:
    async def scenario() -> list[int]:
        async with (
            brokers(redis_url, Known(), channel_rate=100_000) as broker,
            Redis.from_url(redis_url) as redis,
        ):
            reader = Reader(broker, ROOM)
            await broker.subscribe(ROOM)
            for n in range(300):
                await broker.publish(line(str(n)))
                if n in (100, 200):
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                    await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    await until(lambda: broker.ready)
            await until(lambda: reader.position == 300)
            return [publication.offset for publication in reader.taken]

    taken = await asyncio.to_thread(uvloop.run, scenario())

    assert taken == list(range(1, 301))


async def test_a_confirmation_nobody_waited_for_is_a_gap(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        listener = Listener(broker)
        await broker.subscribe(ROOM)
        broker._subscriber._wire.send(b"SUBSCRIBE", ROOM.encode())
        await until(lambda: listener.gaps)

    assert listener.gaps == [ROOM]


async def test_what_a_listener_cannot_take_is_a_gap_of_that_channel_only(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        listener = Listener(broker)

        def cannot(channel: str, payload: bytes) -> None:
            broker.on_payload = listener._payload
            raise ValueError("a defect")

        broker.on_payload = cannot
        await broker.subscribe(ROOM)
        await broker.publish(line("one"))
        await broker.publish(line("two"))
        await until(lambda: listener.seen)

    assert listener.gaps == [ROOM]
    assert listener.offsets == [2]


async def test_after_a_lost_tail_no_offset_is_used_again_and_the_gap_is_told(
    own_servers: servers.Own,
) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known, 2) as (here, there):
        reader = Reader(there, ROOM)
        await there.subscribe(ROOM)
        for n in range(10):
            await here.publish(line(f"kept {n}"))
        size = await written(own_servers)
        lost = [await here.publish(line(f"lost {n}")) for n in range(5)]
        await until(lambda: reader.position == 15)

        own_servers.kill(own_servers.valkey)
        # In the middle of the next transaction, which is dropped as a whole.
        cut(own_servers, size + 20)
        await start_again(own_servers, here, there)
        position = recover(await here.window(ROOM, 15), lost[0].epoch, 15)
        after = await here.publish(line("after"))
        await until(lambda: reader.position == after.offset)
        window = await here.window(ROOM, 10)
        resumed = recover(window, after.epoch, 10)

    assert after.epoch == lost[0].epoch
    assert after.offset > 1_000_010
    assert not position.recovered
    gap, last = window.entries
    assert gap.flags == Flag.GAP and covered(gap) == (11, after.offset - 1)
    assert last.offset == after.offset
    assert resumed.recovered and resumed.lost
    taken = [(p.offset, bool(p.flags & Flag.GAP)) for p in reader.taken]
    assert taken == [
        *((offset, False) for offset in range(1, 16)),
        (after.offset - 1, True),
        (after.offset, False),
    ]


async def test_after_a_lost_tail_the_denied_are_still_denied(own_servers: servers.Own) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known) as broker:
        await broker.publish(line("before"))
        size = await written(own_servers)
        known.denied[ROOM] = {"m1": FOREVER}
        known.everywhere = {"m2": FOREVER}
        known.gates_of[ROOM] = Gates(min_rank=20)
        stop = {"deny": ("m1", FOREVER), "gates": {"min_rank": 20}, "gated": False}
        await broker.publish(line("stop", publisher="staff", **stop))
        await broker.deny_everywhere("m2", FOREVER)
        own_servers.kill(own_servers.valkey)
        cut(own_servers, size)
        await start_again(own_servers, broker)

        denied = [await attempt(broker, publisher=who, rank=30) for who in ("m1", "m2")]
        low = await attempt(broker, publisher="m3", rank=10)
        free = await attempt(broker, publisher="m3", rank=20)

    assert [(each.code, each.details["scope"]) for each in denied] == [
        ("denied", "channel"),
        ("denied", "everywhere"),
    ]
    assert low.code == "rank"
    assert isinstance(free, Published)


async def test_a_restart_is_announced_once_however_many_gateways_publish(
    own_servers: servers.Own,
) -> None:
    async with brokers(own_servers.valkey.url, Known(), 3) as several:
        await several[0].publish(line("before"))
        await written(own_servers)
        own_servers.kill(own_servers.valkey)
        await start_again(own_servers, *several)
        results = await asyncio.gather(
            *(attempt(each, f"{n}", publisher=f"m{n}") for n in range(20) for each in several)
        )
        window = await several[0].window(ROOM, 1)

    gaps = [entry for entry in window.entries if entry.flags & Flag.GAP]
    assert len(gaps) == 1 and window.entries[0] == gaps[0]
    assert window.whole and reach(window.entries, 1) == window.top
    assert len({result.offset for result in results}) == 60


async def test_what_was_answered_before_a_restart_is_answered_again_after_it(
    own_servers: servers.Own,
) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known) as broker:
        first = await broker.publish(line("said", client_message_id="c1"))
        await written(own_servers)
        own_servers.kill(own_servers.valkey)
        await start_again(own_servers, broker)
        known.away = True
        again = await broker.publish(line("said", client_message_id="c1"))
        fresh = await attempt(broker, "new", client_message_id="c2")

    assert again.repeated and again.offset == first.offset
    assert isinstance(fresh, Refused) and fresh.code == "unavailable"


async def test_what_was_lost_but_saved_is_answered_as_before_and_not_published_again(
    own_servers: servers.Own,
) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known) as broker:
        await broker.publish(line("before"))
        size = await written(own_servers)
        saved, unsaved = line("saved", client_message_id="c1"), line("gone", client_message_id="c2")
        first = await broker.publish(saved)
        lost = await broker.publish(unsaved)
        place = (first.epoch, first.offset, first.at, first.key)
        known.answered = [Answer(saved.publisher, "c1", saved.body, *place)]
        own_servers.kill(own_servers.valkey)
        cut(own_servers, size)
        await start_again(own_servers, broker)

        again = await broker.publish(saved)
        other = await attempt(broker, "something else", client_message_id="c1")
        anew = await broker.publish(unsaved)

    assert again.repeated and (again.epoch, again.offset, again.at, again.key) == place
    assert isinstance(other, Refused) and other.code == "duplicate_conflict"
    assert not anew.repeated and anew.offset > lost.offset + 1_000_000


async def test_after_an_emptied_redis_a_larger_epoch_begins(redis_url: str, redis: Redis) -> None:
    known = Known()
    known.denied[ROOM] = {"m9": FOREVER}
    async with brokers(redis_url, known) as broker:
        before = [await broker.publish(line(str(n))) for n in range(3)]
        await redis.flushall()
        gone = await broker.window(ROOM, 3)
        after = await broker.publish(line("new"))
        denied = await attempt(broker, publisher="m9")
        window = await broker.window(ROOM, 0)

    assert (gone.epoch, gone.top) == (0, 0)
    assert after.epoch > before[0].epoch
    assert after.offset == 1
    assert isinstance(denied, Refused) and denied.code == "denied"
    assert [entry.offset for entry in window.entries] == [1]
    assert not recover(window, before[0].epoch, 3).recovered


async def test_a_window_left_over_from_a_former_epoch_is_dropped(
    redis_url: str, redis: Redis
) -> None:
    async with brokers(redis_url, Known()) as broker:
        for n in range(5):
            await broker.publish(line(str(n)))
        await redis.delete(keys_of(ROOM).channel)
        after = await broker.publish(line("new"))
        window = await broker.window(ROOM, 0)

    assert after.offset == 1
    assert [entry.body for entry in window.entries] == [line("new").body]


async def test_what_a_frozen_redis_did_not_answer_never_appears(own_servers: servers.Own) -> None:
    valkey = own_servers.valkey
    async with brokers(valkey.url, Known()) as broker:
        await broker.publish(line("before"))
        own_servers.freeze(valkey)
        results = await asyncio.gather(
            *(attempt(broker, f"a{n}", client_message_id=f"a{n}") for n in range(10)),
            *(attempt(broker, f"b{n}") for n in range(10)),
        )
        later = [await attempt(broker, "c") for _ in range(3)]
        was_ready = broker.ready
        own_servers.thaw(valkey)
        await until(lambda: broker.ready)
        after = await broker.publish(line("after"))
        window = await broker.window(ROOM, 0)

    assert {each.code for each in [*results, *later]} == {"unavailable"}
    assert not was_ready
    assert after.offset == 2
    assert [entry.body for entry in window.entries] == [line("before").body, line("after").body]


async def test_a_probe_that_does_not_come_back_is_told_as_a_gap(own_servers: servers.Own) -> None:
    async with brokers(own_servers.valkey.url, Known()) as broker:
        reader = Reader(broker, ROOM)
        await broker.subscribe(ROOM)
        await broker.publish(line("before"))
        own_servers.freeze(own_servers.valkey)
        await until(lambda: not broker._subscriber.ready)
        told_at_once = list(reader.gaps)
        own_servers.thaw(own_servers.valkey)
        await until(lambda: broker.ready and reader.gaps)
        await broker.publish(line("after"))
        await until(lambda: reader.position == 2)

    assert told_at_once == []
    assert reader.gaps == [None]


async def test_a_killed_redis_loses_nothing_in_silence_and_doubles_nothing(
    own_servers: servers.Own,
) -> None:
    valkey = own_servers.valkey
    async with brokers(valkey.url, Known(), 2, channel_rate=100_000) as (here, there):
        acknowledged: dict[str, Published] = {}
        stopped = asyncio.Event()

        async def speak(broker: Broker, who: str) -> None:
            n = 0
            while not stopped.is_set() and n < 200:
                answer = await attempt(broker, f"{who}{n}", who, client_message_id=f"{who}{n}")
                if isinstance(answer, Published):
                    acknowledged[f"{who}{n}"] = answer
                    n += 1
                else:
                    assert answer.code == "unavailable"
                    await asyncio.sleep(0.01)

        speakers = [
            asyncio.create_task(speak(broker, f"m{k}{name}"))
            for name, broker in (("a", here), ("b", there))
            for k in range(2)
        ]
        await until(lambda: len(acknowledged) > 100)
        await written(own_servers)
        safe = dict(acknowledged)
        own_servers.kill(valkey)
        await start_again(own_servers, here, there)
        count = len(acknowledged)
        await until(lambda: len(acknowledged) > count + 100)
        stopped.set()
        await asyncio.gather(*speakers)
        window = await here.window(ROOM, 0)

    by_offset = {entry.offset: entry for entry in window.entries}
    assert window.whole and reach(window.entries, 0) == window.top
    [gap] = [covered(entry) for entry in window.entries if entry.flags & Flag.GAP]
    for text, place in acknowledged.items():
        told = text not in safe and gap[0] <= place.offset <= gap[1]
        assert told or by_offset[place.offset].body == line(text).body
    bodies = [entry.body for entry in window.entries if not entry.flags & Flag.GAP]
    assert len(set(bodies)) == len(bodies)


async def test_while_the_product_is_away_a_restarted_redis_refuses(
    own_servers: servers.Own,
) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known) as broker:
        await broker.publish(line("before"))
        await written(own_servers)
        own_servers.kill(own_servers.valkey)
        await start_again(own_servers, broker)
        known.away = True
        away = await attempt(broker, "no")
        window = await broker.window(ROOM, 0)
        known.away = False
        back = await attempt(broker, "yes")

    assert isinstance(away, Refused) and away.code == "unavailable"
    assert [entry.offset for entry in window.entries] == [1]
    assert isinstance(back, Published) and back.offset > 1_000_000


async def test_a_denial_lifted_while_a_channel_is_adopted_stays_lifted(redis_url: str) -> None:
    class Overtaken(Known):
        broker: Broker

        async def denials_everywhere(self, partition: int) -> dict[str, int]:
            found = await super().denials_everywhere(partition)
            if self.everywhere:
                self.everywhere = {}
                await self.broker.deny_everywhere("m1", 0)
            return found

    known = Overtaken()
    known.everywhere = {"m1": FOREVER}
    async with brokers(redis_url, known) as broker:
        known.broker = broker
        place = await broker.publish(line(publisher="m1"))

    assert place.offset == 1


async def test_a_lifting_that_was_lost_is_made_good_by_the_product(
    own_servers: servers.Own,
) -> None:
    known = Known()
    async with brokers(own_servers.valkey.url, known) as broker:
        await broker.publish(line("stop", gated=False, deny=("m1", FOREVER)))
        size = await written(own_servers)
        await broker.publish(line("go on", gated=False, deny=("m1", 0)))
        own_servers.kill(own_servers.valkey)
        cut(own_servers, size)
        known.denied[ROOM] = {"m1": 0}
        await start_again(own_servers, broker)

        answer = await attempt(broker, publisher="m1")

    assert isinstance(answer, Published)


async def test_a_gateway_that_hears_no_control_lets_nobody_publish(
    own_servers: servers.Own,
) -> None:
    async with (
        brokers(own_servers.valkey.url, Known()) as broker,
        Redis.from_url(own_servers.valkey.url) as redis,
    ):
        await broker.publish(line("before"))
        await redis.execute_command("ACL", "SETUSER", "default", "resetchannels")
        await until(lambda: broker._control.silent())
        cut_off = await attempt(broker, "no")
        window = await broker.window(ROOM, 0)
        await redis.execute_command("ACL", "SETUSER", "default", "allchannels")
        await until(lambda: broker.ready)
        back = await attempt(broker, "yes")

    assert isinstance(cut_off, Refused) and cut_off.code == "unavailable"
    assert window.top == 1
    assert isinstance(back, Published)


async def test_without_redis_subscribing_is_unavailable_and_later_works(
    own_servers: servers.Own,
) -> None:
    async with brokers(own_servers.valkey.url, Known()) as broker:
        listener = Listener(broker)
        own_servers.kill(own_servers.valkey)
        with pytest.raises(Refused) as caught:
            await broker.subscribe(ROOM)
        await broker.unsubscribe("room:7")
        await start_again(own_servers, broker)
        await broker.subscribe(ROOM)
        await broker.publish(line("hello"))
        await until(lambda: listener.seen)

    assert caught.value.code == "unavailable"


async def test_who_is_alive_is_known_after_listening_for_a_while(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        early = here.alive()
        await until(lambda: set(here.alive()) == {here.id, there.id})
        await there.close()
        await until(lambda: here.alive() == [here.id])

    assert early == []


async def test_the_deadline_follows_the_clock_of_redis(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        ahead = broker.redis_time - system_clock()

    assert -1000 < ahead <= 1


async def test_a_link_that_nobody_uses_notices_a_frozen_redis(own_servers: servers.Own) -> None:
    link = await RedisLink.open(own_servers.valkey.url)
    try:
        own_servers.freeze(own_servers.valkey)
        await until(lambda: not link.ready)
        own_servers.thaw(own_servers.valkey)
        await until(lambda: link.ready)

        assert await link.call("ECHO", "again") == b"again"
    finally:
        await link.close()


async def test_the_clock_of_redis_is_looked_at_again_and_again(redis_url: str) -> None:
    link = await RedisLink.open(redis_url)
    try:
        link._clock_gaps.clear()
        link._clock_gap = -1e15
        wrong = link.server_time()
        await until(lambda: link.server_time() > 1_600_000_000_000)
    finally:
        await link.close()

    assert wrong < 0
    assert -1000 < link.server_time() - system_clock() <= 1


async def test_the_time_goes_on_until_a_new_connection_has_told_it(redis_url: str) -> None:
    link = await RedisLink.open(redis_url)
    silent: Any = SimpleNamespace(call=lambda *_: asyncio.get_running_loop().create_future())
    before = link.server_time()
    connecting = asyncio.create_task(link._on_connected(silent))
    try:
        await asyncio.sleep(0)

        assert 0 <= link.server_time() - before < 60_000
    finally:
        connecting.cancel()
        await link.close()
