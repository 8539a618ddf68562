"""publish.lua against a real Valkey: one order, one effect, and every reason to refuse."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from server.adoption import Gates
from server.context import system_clock
from server.errors import Refused
from server.keys import keys_of
from server.publication import Flag, Publish, decode
from server.redis_link import RedisLink
from tests.integration.channels import ROOM, Known, Listener, brokers, line, refusal, until

FOREVER = 253402300799000


async def test_a_publication_gets_its_place_and_reaches_every_process(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        listener = Listener(there)
        await there.subscribe(ROOM)

        first = await here.publish(line("one", key="k1", flags=Flag.KEEP))
        second = await there.publish(line("two", publisher="m2"))
        await until(lambda: len(listener.seen) == 2)

    one = listener.seen[0]
    assert (first.offset, second.offset) == (1, 2)
    assert first.epoch == second.epoch > 1_600_000_000_000
    assert (one.epoch, one.offset, one.at) == (first.epoch, 1, first.at)
    assert (one.publisher, one.key, one.flags) == ("m1", "k1", Flag.KEEP)
    assert one.body == line("one").body
    assert listener.channels == [ROOM, ROOM]
    assert listener.gaps == []


async def test_window_and_log_hold_what_was_sent(redis_url: str, redis: Redis) -> None:
    async with brokers(redis_url, Known()) as broker:
        await broker.publish(line("kept", private=b"secret"))
        await broker.publish(line("passing", persist=False))

        window = await broker.window(ROOM, 0)
        entries = await redis.xrange(keys_of(ROOM).log)

    assert [p.offset for p in window.entries] == [1, 2]
    assert window.whole and window.top == 2
    assert len(entries) == 1
    fields = entries[0][1]
    assert fields[b"c"] == ROOM.encode()
    assert decode(fields[b"p"]) == window.entries[0]
    assert fields[b"x"] == b"secret"
    assert b"secret" not in fields[b"p"]
    assert 0 < await redis.ttl(keys_of(ROOM).window) <= 300


async def test_the_window_keeps_about_a_thousand(redis_url: str) -> None:
    async with brokers(redis_url, Known(), channel_rate=10_000) as broker:
        await asyncio.gather(*(broker.publish(line(str(n))) for n in range(1500)))

        old = await broker.window(ROOM, 10)
        new = await broker.window(ROOM, 1400)
        newest = await broker.newest(ROOM, 50)

    assert not old.whole
    assert 1000 <= len(old.entries) < 1200
    assert new.whole and len(new.entries) == 100
    assert [p.offset for p in newest.entries] == list(range(1451, 1501))


async def test_a_channel_nobody_published_on_has_an_empty_window(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        window = await broker.window("room:7", 0)

    assert (window.epoch, window.top, window.entries, window.whole) == (0, 0, [], True)


async def test_a_retry_gets_the_first_answer(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        again = {"client_message_id": "c1", "digest": b"same"}
        first = await here.publish(line("as typed", key="id-1", **again))
        second = await there.publish(line("as typed", key="id-2", **again))
        window = await here.window(ROOM, 0)

    assert not first.repeated and second.repeated
    assert (second.epoch, second.offset, second.at) == (first.epoch, first.offset, first.at)
    assert second.key == "id-1"
    assert len(window.entries) == 1


async def test_the_same_client_message_id_of_two_publishers_is_two_publications(
    redis_url: str,
) -> None:
    async with brokers(redis_url, Known()) as broker:
        one = await broker.publish(line("mine", publisher="m1", client_message_id="c1"))
        two = await broker.publish(line("mine", publisher="m2", client_message_id="c1"))
        elsewhere = await broker.publish(
            line("mine", publisher="m1", client_message_id="c1", channel="room:43")
        )

    assert (one.offset, two.offset, elsewhere.offset) == (1, 2, 1)
    assert not two.repeated and not elsewhere.repeated


async def test_another_body_with_the_same_id_is_a_conflict(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        await broker.publish(line("one", client_message_id="c1"))
        error = await refusal(broker.publish(line("other", client_message_id="c1")))
        window = await broker.window(ROOM, 0)

    assert error.code == "duplicate_conflict"
    assert len(window.entries) == 1


async def test_a_repetition_is_answered_although_a_denial_came_between(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        first = await broker.publish(line("said", client_message_id="c1"))
        await broker.publish(line("stop", publisher="staff", deny=("m1", FOREVER)))
        again = await broker.publish(line("said", client_message_id="c1"))

    assert again.repeated and again.offset == first.offset


async def test_the_denied_are_refused_until_it_is_lifted(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        soon = system_clock() + 60_000
        await broker.publish(line("stop", publisher="staff", gated=False, deny=("m1", soon)))
        here = await refusal(broker.publish(line()))
        other = await broker.publish(line(publisher="m2"))
        ungated = await broker.publish(line(gated=False))
        await broker.publish(line("go on", publisher="staff", gated=False, deny=("m1", 0)))
        lifted = await broker.publish(line())

    assert (here.code, here.details) == ("denied", {"until": soon, "scope": "channel"})
    assert (other.offset, ungated.offset, lifted.offset) == (2, 3, 5)


async def test_a_denial_ends_by_itself_and_is_forgotten(redis_url: str, redis: Redis) -> None:
    async with brokers(redis_url, Known()) as broker:
        await broker.publish(line("stop", deny=("m1", system_clock() + 50)))
        tries = 0
        async with asyncio.timeout(5):
            while True:
                try:
                    after = await broker.publish(line())
                    break
                except Refused:
                    tries += 1

    assert after.offset == 2
    assert tries > 0
    assert await redis.hlen(keys_of(ROOM).denied) == 0


async def test_who_is_denied_everywhere_is_refused_on_every_channel(redis_url: str) -> None:
    channels = [f"room:{n}" for n in range(20)]
    async with brokers(redis_url, Known()) as broker:
        for channel in channels:
            await broker.publish(line(channel=channel))
        await broker.deny_everywhere("m1", FOREVER)
        errors = [await refusal(broker.publish(line(channel=channel))) for channel in channels]
        await broker.deny_everywhere("m1", 0)
        again = [await broker.publish(line(channel=channel)) for channel in channels]

    assert {error.code for error in errors} == {"denied"}
    assert {error.details["scope"] for error in errors} == {"everywhere"}
    assert {place.offset for place in again} == {2}


async def test_the_minimum_rank_holds_and_changes_in_one_step(redis_url: str) -> None:
    known = Known()
    known.gates_of[ROOM] = Gates(min_rank=20)
    async with brokers(redis_url, known) as broker:
        low = await refusal(broker.publish(line(rank=10)))
        high = await broker.publish(line(rank=20))
        await broker.publish(line(gated=False, gates={"min_rank": 10}))
        opened = await broker.publish(line(rank=10))

    assert (low.code, low.details) == ("rank", {"min_rank": 20})
    assert (high.offset, opened.offset) == (1, 3)


async def test_the_cooldown_counts_from_the_last_publication(redis_url: str) -> None:
    known = Known()
    known.gates_of[ROOM] = Gates(cooldown_ms=60_000)
    async with brokers(redis_url, known) as broker:
        await broker.publish(line("one", paced=True))
        error = await refusal(broker.publish(line("two", paced=True)))
        exempt = await broker.publish(line("three"))
        other = await broker.publish(line("four", publisher="m2", paced=True))
        await broker.publish(line("slow mode off", gated=False, gates={"cooldown_ms": 0}))
        freed = await broker.publish(line("five", paced=True))

    assert error.code == "cooldown"
    assert error.retry_after is not None and 50_000 < error.retry_after <= 60_000
    assert (exempt.offset, other.offset, freed.offset) == (2, 3, 5)


async def test_a_publisher_is_held_to_its_rate_and_refusals_do_not_count(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        for n in range(5):
            await broker.publish(line(str(n), paced=True))
        errors = [await refusal(broker.publish(line("more", paced=True))) for _ in range(3)]
        exempt = await broker.publish(line("staff"))
        window = await broker.window(ROOM, 0)

    assert {error.code for error in errors} == {"rate_limited"}
    assert all(9_000 < (error.retry_after or 0) <= 10_000 for error in errors)
    assert exempt.offset == 6
    assert len(window.entries) == 6


async def test_a_channel_is_held_to_its_rate_but_staff_is_heard(redis_url: str) -> None:
    async with brokers(redis_url, Known(), channel_rate=20) as broker:
        results = await asyncio.gather(
            *(broker.publish(line(str(n), publisher=f"m{n}")) for n in range(200)),
            return_exceptions=True,
        )
        staff = await broker.publish(line("order!", publisher="staff", gated=False))
        window = await broker.window(ROOM, 0)

    refused = [result for result in results if isinstance(result, Refused)]
    assert {error.code for error in refused} == {"channel_busy"}
    assert all(0 < (error.retry_after or 0) <= 1000 for error in refused)
    assert len(refused) >= 100
    assert staff.offset == len(window.entries) == 201 - len(refused)


async def test_at_the_backlog_cap_one_kind_is_refused_and_the_other_unsaved(
    redis_url: str, redis: Redis
) -> None:
    async with brokers(redis_url, Known(), backlog_cap=3) as broker:
        for n in range(3):
            assert not (await broker.publish(line(str(n)))).unsaved
        error = await refusal(broker.publish(line("no", refuse_on_backlog=True)))
        unsaved = await broker.publish(line("yes", client_message_id="c1"))
        repeated = await broker.publish(line("yes", client_message_id="c1"))
        window = await broker.window(ROOM, 0)
        length = await redis.xlen(keys_of(ROOM).log)
        await redis.xtrim(keys_of(ROOM).log, maxlen=0)
        saved = await broker.publish(line("again", refuse_on_backlog=True))

    assert error.code == "backlog"
    assert unsaved.unsaved and repeated.unsaved and repeated.repeated
    assert len(window.entries) == 4 and length == 3
    assert not saved.unsaved


async def test_after_its_deadline_a_publication_is_refused(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with brokers(redis_url, Known()) as broker:
        await broker.publish(line("first"))
        long_ago = broker.redis_time - 5000
        monkeypatch.setattr(broker._route.links[0], "server_time", lambda: long_ago)
        error = await refusal(broker.publish(line("late")))
        window = await broker.window(ROOM, 0)

    assert error.code == "unavailable"
    assert len(window.entries) == 1
    assert await redis.xlen(keys_of(ROOM).log) == 1


async def test_a_channel_that_does_not_exist_is_not_found(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        error = await refusal(broker.publish(line(channel="nowhere:1")))

    assert error.code == "not_found"


async def test_without_the_product_an_unknown_channel_is_unavailable(redis_url: str) -> None:
    known = Known()
    known.away = True
    async with brokers(redis_url, known) as broker:
        away = await refusal(broker.publish(line()))
        known.away = False
        back = await broker.publish(line())

    assert away.code == "unavailable"
    assert back.offset == 1


async def test_many_publishers_of_a_fresh_channel_adopt_it_once(redis_url: str) -> None:
    known = Known()
    async with brokers(redis_url, known) as broker:
        places = await asyncio.gather(*(broker.publish(line(publisher=f"m{n}")) for n in range(50)))

    assert sorted(place.offset for place in places) == list(range(1, 51))
    assert len({place.epoch for place in places}) == 1
    assert known.asked == 1


async def test_no_offset_of_the_denied_is_above_the_denial(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2, channel_rate=100_000) as (here, there):
        stopped = asyncio.Event()
        spoken: list[int] = []

        async def speak(broker: object, name: str) -> None:
            n = 0
            while not stopped.is_set():
                n += 1
                try:
                    publish = line(f"{name}{n}", client_message_id=f"{name}{n}")
                    spoken.append((await broker.publish(publish)).offset)  # type: ignore[attr-defined]
                except Refused as error:
                    assert error.code == "denied"
                    stopped.set()

        speakers = [
            asyncio.create_task(speak(broker, f"{name}{n}"))
            for name, broker in (("a", here), ("b", there))
            for n in range(5)
        ]
        await until(lambda: len(spoken) > 200)
        denial = await there.publish(line("stop", publisher="staff", deny=("m1", FOREVER)))
        await asyncio.gather(*speakers)
        window = await here.window(ROOM, 0)

    by_denied = [p.offset for p in window.entries if p.publisher == "m1"]
    assert by_denied and max(by_denied) < denial.offset
    assert max(spoken) < denial.offset


async def test_passing_things_and_notices_have_no_place(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        listener = Listener(there)
        await there.subscribe(ROOM)
        await there.subscribe(f"{ROOM}:notice")
        await here.pass_on(ROOM, b"\x81\xa5event\xa1x")
        await here.notice(ROOM, "m7", b"\x81\xa5event\xa1y")
        await until(lambda: len(listener.seen) == 2)
        window = await here.window(ROOM, 0)

    passing, notice = listener.seen
    assert listener.channels == [ROOM, f"{ROOM}:notice"]
    assert (passing.epoch, passing.offset, passing.key) == (0, 0, "")
    assert (notice.epoch, notice.key, notice.body) == (0, "m7", b"\x81\xa5event\xa1y")
    assert window.top == 0


async def test_how_long_the_log_waits_to_be_saved_is_known(redis_url: str, redis: Redis) -> None:
    async with brokers(redis_url, Known()) as broker:
        nothing = await broker.saving_delay()
        await redis.xadd(keys_of(ROOM).log, {"c": ROOM}, id=f"{broker.redis_time - 5000}-0")
        await broker.publish(line())
        waiting = await broker.saving_delay()

    assert nothing == 0
    assert 5000 <= waiting < 60_000


async def test_control_reaches_every_process_and_beats_stay_inside(redis_url: str) -> None:
    async with brokers(redis_url, Known(), 2) as (here, there):
        listeners = [Listener(here), Listener(there)]
        await here.control({"type": "changed", "what": "room", "id": "42"})
        await until(lambda: all(listener.told for listener in listeners))

    expected = [{"type": "changed", "what": "room", "id": "42"}]
    assert [listener.told for listener in listeners] == [expected, expected]
    assert here.control_heard > 0


async def test_scripts_of_others_get_keys_of_the_channels_partition(redis_url: str) -> None:
    source = "return {KEYS[1], KEYS[2], ARGV[1]}"
    async with brokers(redis_url, Known()) as broker:
        answer = await broker.script(ROOM, source, ["room:42", "votes:42"], [7])
        plain = await broker.run("return KEYS[1]", ["ticket:x"], [])

    tag = keys_of(ROOM).channel.removesuffix(ROOM)
    assert answer == [f"{tag}{ROOM}".encode(), f"{tag}votes:42".encode(), b"7"]
    assert plain == b"ticket:x"


async def test_without_a_server_opening_a_link_is_unavailable() -> None:
    with pytest.raises(Refused) as caught:
        await RedisLink.open("unix:///nonexistent/valkey.sock", timeout=0.3)

    assert caught.value.code == "unavailable"


def test_a_publication_needs_a_channel_with_two_segments() -> None:
    with pytest.raises(Exception, match="is not a channel"):
        keys_of(Publish("lonely", b"").channel)
