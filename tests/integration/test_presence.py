"""Counts over several gateways, with a real Valkey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from redis.asyncio import Redis

from server.broker import Broker
from server.context import Context, system_clock
from server.errors import Refused
from server.keys import keys_of
from server.presence import Presence
from server.settings import Settings
from server.shedding import Shedding, Step
from tests import servers
from tests.integration.channels import ROOM, Known, Listener, brokers, until
from tests.integration.faults import start_again


def tallied(channel: str, counts: Mapping[str, int], sums: Mapping[str, int]) -> bytes:
    return json.dumps([channel, counts, sums]).encode()


def counted(channel: str, viewers: int) -> bytes:
    return json.dumps([channel, viewers]).encode()


def context(broker: Broker) -> Context:
    settings = Settings.for_tests()
    return Context(settings, None, None, broker)  # type: ignore[arg-type]


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[tuple[Presence, Presence]]:
    async with brokers(redis_url, Known(), 2) as (here, there):
        yield context(here).of(Presence), context(there).of(Presence)


async def test_every_gateway_learns_the_viewers_of_all(two: tuple[Presence, Presence]) -> None:
    here, there = two
    told: list[tuple[str, bytes]] = []

    await here.note({ROOM: 3, "room:7": 1}, lambda *each: None, counted)
    await there.note({ROOM: 4}, lambda *each: told.append(each), counted)

    assert told == [(ROOM, b'["room:42", 7]')]
    assert there.count(ROOM) == 7 and there.count("room:7") == 0
    assert await here.viewers(ROOM) == 7
    assert await there.viewers("room:7") == 1


async def test_a_channel_that_everybody_left_here_is_taken_off(
    two: tuple[Presence, Presence], redis: Redis
) -> None:
    here, there = two
    await here.note({ROOM: 3}, lambda *each: None, counted)
    await there.note({ROOM: 4}, lambda *each: None, counted)
    await here.note({}, lambda *each: None, counted)

    assert await here.viewers(ROOM) == 4
    assert here.count(ROOM) == 0
    assert 0 < await redis.pttl(keys_of(ROOM).viewers) <= 15_000


async def test_a_gateway_that_stops_takes_its_count_back(two: tuple[Presence, Presence]) -> None:
    here, there = two
    await here.note({ROOM: 3}, lambda *each: None, counted)
    await there.note({ROOM: 4}, lambda *each: None, counted)

    await here.withdraw()

    assert await there.viewers(ROOM) == 4


async def test_a_gateway_that_died_is_not_counted_for_ever(
    two: tuple[Presence, Presence], redis: Redis
) -> None:
    key = keys_of(ROOM).viewers
    await redis.hset(key, "dead", f"500 {system_clock() - 15_001}")
    await redis.hset(key, "alive", f"5 {system_clock() - 1000}")

    seen = await two[0].viewers(ROOM)
    await two[0].note({ROOM: 1}, lambda *each: None, counted)

    assert seen == 5
    assert two[0].count(ROOM) == 6
    assert await redis.hkeys(key) == [b"alive", two[0]._ctx.broker.id.encode()]


async def test_tallies_are_passed_on_together_with_their_sums(
    two: tuple[Presence, Presence],
) -> None:
    here, there = two
    listener = Listener(there._ctx.broker)
    await there._ctx.broker.subscribe(ROOM)
    for _ in range(40):
        here.add(ROOM, "heart")
    here.add(ROOM, "clap", 2)
    there.add(ROOM, "heart", 5)

    await here.flush(tallied)
    await there.flush(tallied)
    await here.flush(tallied)
    await until(lambda: len(listener.seen) == 2)

    first, second = (json.loads(publication.body) for publication in listener.seen)
    assert first == [ROOM, {"heart": 40, "clap": 2}, {"heart": 40, "clap": 2}]
    assert second == [ROOM, {"heart": 5}, {"heart": 45, "clap": 2}]
    assert [publication.offset for publication in listener.seen] == [0, 0]
    assert await here.sums(ROOM) == {"heart": 45, "clap": 2}
    await here.reset(ROOM)
    assert await here.sums(ROOM) == {}


async def test_running_it_counts_and_passes_on(two: tuple[Presence, Presence]) -> None:
    here, _ = two
    told: list[tuple[str, bytes]] = []
    listener = Listener(here._ctx.broker)
    await here._ctx.broker.subscribe(ROOM)
    here.add(ROOM, "heart", 3)
    running = asyncio.create_task(
        here.run(lambda: {ROOM: 2}, lambda *each: told.append(each), tallied, counted)
    )
    try:
        await until(lambda: told and listener.seen)
    finally:
        running.cancel()

    assert told[0] == (ROOM, b'["room:42", 2]')
    assert json.loads(listener.seen[0].body)[1] == {"heart": 3}


async def test_what_cannot_be_passed_on_now_is_kept_and_bounded(own_servers: servers.Own) -> None:
    valkey = own_servers.valkey
    async with brokers(valkey.url, Known()) as broker:
        presence = context(broker).of(Presence)
        presence.add(ROOM, "heart", 7)
        presence.add(ROOM, "clap", 10**12)
        own_servers.kill(valkey)
        await presence.flush(tallied)
        with pytest.raises(Refused):
            await presence.viewers(ROOM)
        await start_again(own_servers, broker)
        await presence.flush(tallied)

        assert await presence.sums(ROOM) == {"heart": 7, "clap": 1_000_000}


async def test_under_load_tallies_and_counts_are_told_less_often_and_nothing_is_lost(
    two: tuple[Presence, Presence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.presence.TALLY_EVERY", 0.01)
    monkeypatch.setattr("server.presence.VIEWERS_EVERY", 0.0)
    here, _ = two
    shedding = here._ctx.of(Shedding)
    shedding.hear("elsewhere", Step.TALLIES)
    told: list[str] = []
    asked: list[int] = []
    listener = Listener(here._ctx.broker)
    await here._ctx.broker.subscribe(ROOM)

    def audience() -> dict[str, int]:
        asked.append(len(told))
        here.add(ROOM, "heart")
        return {ROOM: 2}

    running = asyncio.create_task(
        here.run(audience, lambda *each: told.append(each[0]), tallied, counted)
    )
    try:
        await until(lambda: len(asked) >= 30 and len(listener.seen) >= 5)
    finally:
        running.cancel()

    # Every third round tells, and what was counted in between comes with it.
    assert len(told) <= len(asked) / 3 + 1
    assert shedding.shed["tallies"] > 0 and shedding.shed["counts"] > 0
    counts = [json.loads(publication.body)[1]["heart"] for publication in listener.seen]
    assert counts[1:5] == [3, 3, 3, 3]
