"""What the broker keeps when Redis is killed, emptied, or loses its newest writes."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from server.adoption import Gates
from server.answers import Answer
from server.broker import Broker
from server.errors import Refused
from server.keys import keys_of
from server.publication import Flag, Published
from server.recovery import covered, reach, recover
from tests import servers
from tests.integration.channels import ROOM, Known, brokers, line, until
from tests.integration.fault_reader import FOREVER, Reader, attempt
from tests.integration.faults import cut, start_again, written


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
