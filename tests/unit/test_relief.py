"""A gateway under flood leaves things out, says so, and has the other gateways do the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from server import gateway_metrics
from server.publication import Flag
from server.sampling import QUOTA
from server.shedding import HEARD_SECONDS, PATIENCE, SMALL_QUOTA, TELL_SECONDS, Step
from tests.unit.fake_product import Client, Town

ROOM = "room:42"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    work = asyncio.create_task(town.gateway._work())
    yield town
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await town.gateway.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def reader(town: Town, feed: str = "sampled") -> Client:
    client = town.client()
    client.send("connect", subscribe=[{"channel": ROOM, "feed": feed}])
    await settle()
    return client


async def turn(town: Town, *, seconds: int = 1, busy: float = 0.0) -> None:
    """Let seconds pass, of which fan-out takes a part."""
    for _ in range(seconds):
        town.turned.now += 1
        town.gateway.hub.stats.fan_out_seconds += busy
        town.gateway.relief.tick()
        await settle()


async def flooded(town: Town) -> None:
    await turn(town, seconds=20, busy=0.9)
    assert town.gateway.shedding.level == Step.SAMPLE


def told(client: Client) -> list[int]:
    """Give the levels that a viewer was told."""
    passed = client.screen.look().passed
    return [body["level"] for body in passed if body["event"] == "load.told"]


def quotas(town: Town) -> set[int]:
    return {channel.sampler.quota for channel in town.gateway.hub.channels.by_name.values()}


async def test_a_calm_gateway_tells_nobody_anything(town: Town) -> None:
    client = await reader(town)

    await turn(town, seconds=30, busy=0.1)

    assert told(client) == []
    assert quotas(town) == {QUOTA}


async def test_viewers_are_told_of_each_step_and_again_while_it_lasts(town: Town) -> None:
    client = await reader(town)
    await flooded(town)
    risen = told(client)

    late = await reader(town)
    await turn(town, seconds=int(TELL_SECONDS), busy=0.9)

    assert [level for n, level in enumerate(risen) if level not in risen[:n]] == [1, 2, 3, 4, 5]
    assert told(late) == [5]


async def test_the_end_of_it_is_told_too(town: Town) -> None:
    client = await reader(town)
    await flooded(town)

    await turn(town, seconds=80)

    assert told(client)[-1] == 0
    assert quotas(town) == {QUOTA}


async def test_batches_wait_longer_and_samples_are_smaller_also_of_channels_that_come_later(
    town: Town,
) -> None:
    await reader(town)
    await flooded(town)
    client = town.client()
    client.send("connect", subscribe=[{"channel": "room:7", "feed": "sampled"}])
    await settle()

    assert len(town.gateway.hub.channels.by_name) == 2
    assert quotas(town) == {SMALL_QUOTA}
    assert town.gateway.hub._patience == PATIENCE


async def test_the_full_feed_and_what_has_to_be_kept_are_never_left_out(town: Town) -> None:
    sampled, full = await reader(town), await reader(town, "full")
    await flooded(town)

    for number in range(100):
        flags = Flag.NONE if number % 10 else Flag.KEEP
        town.redis.publish(ROOM, str(number), flags=flags)
    await settle()

    push = sampled.screen.look().pushes[-1]
    shown = {offset for offset, _ in sampled.screen.shown[ROOM]}
    assert [offset for offset, _ in full.screen.look().shown[ROOM]] == list(range(1, 101))
    assert shown > set(range(1, 101, 10))
    assert len(shown) < 20
    assert (push["of"], push["why"]) == (100, "sampled")
    assert sampled.screen.holes == []


async def test_other_gateways_do_the_same_and_forget_it_when_nothing_more_is_heard(
    town: Town,
) -> None:
    other = Town(town.redis)
    work = asyncio.create_task(other.gateway._work())
    client = await reader(other)
    await turn(other)

    await flooded(town)
    await turn(other)
    during = (other.gateway.shedding.level, quotas(other), told(client)[-1])
    await turn(other, seconds=int(HEARD_SECONDS) + 1)

    assert during == (Step.SAMPLE, {SMALL_QUOTA}, Step.SAMPLE)
    assert other.gateway.shedding.level == 0
    assert told(client)[-1] == 0
    work.cancel()
    await other.gateway.close()


async def test_the_level_the_pressure_and_what_was_left_out_are_in_the_metrics(
    town: Town,
) -> None:
    gateway_metrics.watch(town.gateway)
    await flooded(town)
    town.gateway.shedding.sheds(Step.PASSING, "typing")

    assert REGISTRY.get_sample_value("hiroba_load_level") == 5
    assert REGISTRY.get_sample_value("hiroba_load_pressure") == pytest.approx(1.2)
    assert REGISTRY.get_sample_value("hiroba_shed_total", {"what": "typing"}) == 1


async def test_a_level_that_makes_no_sense_is_not_heard(town: Town) -> None:
    for level in ("5", None, True, 2.5):
        town.gateway.relief.hear({"from": "x", "level": level})
    town.gateway.relief.hear({"level": 5})

    assert town.gateway.shedding.level == 0
