"""Each number of a gateway moves when that happens which it counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from server import gateway_metrics
from server.protocol import Encoding
from tests.unit.fake_product import Client, Town
from tests.unit.waiting import until

ROOM = "room:42"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    gateway_metrics.watch(town.gateway)
    yield town
    await town.gateway.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def reader(town: Town, *, room: int = 10**9, **subscription: Any) -> Client:
    client = town.client(Encoding.MSGPACK, room=room)
    client.send("connect", subscribe=[{"channel": ROOM, "feed": "full", **subscription}])
    await settle()
    return client


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_connections_and_subscriptions_follow_those_who_come_and_go(town: Town) -> None:
    first, _ = await reader(town), await reader(town)
    silent = town.client()
    before = (value("hiroba_connections"), value("hiroba_subscriptions"), value("hiroba_channels"))

    first.connection.end(1000)
    silent.connection.end(1000)

    assert before == (3, 2, 1)
    assert (value("hiroba_connections"), value("hiroba_subscriptions")) == (1, 1)


async def test_publications_deliveries_and_batches_follow_what_is_written(town: Town) -> None:
    await reader(town)
    await reader(town)

    for text in ("one", "two", "three"):
        town.redis.publish(ROOM, text)
    await settle()

    assert value("hiroba_publications_total") == 3
    assert value("hiroba_deliveries_total") == 6
    assert value("hiroba_frames_total") == 2
    assert value("hiroba_frame_bytes_total") > 0
    assert value("hiroba_fan_out_seconds_total") > 0
    assert value("hiroba_batch_publications_count") == 1
    assert value("hiroba_batch_publications_sum") == 3


async def test_what_a_sampled_feed_does_not_show_is_counted(town: Town) -> None:
    await reader(town, feed="sampled")

    for number in range(50):
        town.redis.publish(ROOM, str(number))
    await settle()

    assert value("hiroba_left_out_total") > 0
    assert value("hiroba_left_out_total") + value("hiroba_deliveries_total") == 50


async def test_who_reads_slowly_is_seen_while_off_the_list_and_when_back(town: Town) -> None:
    slow = await reader(town, room=600)
    for number in range(20):
        town.redis.publish(ROOM, str(number) * 40)
    await settle()
    off = value("hiroba_connections_off_list")

    town.turned.now += 0.3
    while slow.socket.in_kernel:
        slow.socket.read()

    assert off == 1
    assert value("hiroba_short_writes_total") >= 1
    assert value("hiroba_connections_off_list") == 0
    assert value("hiroba_off_list_seconds_count") == 1


async def test_who_does_not_read_at_all_is_counted_as_closed_for_it(town: Town) -> None:
    await reader(town, room=600)
    town.redis.publish(ROOM, "x" * 2000)
    await settle()

    for _ in range(7):
        town.turned.now += 1
        town.gateway.hub.tick()

    assert value("hiroba_slow_closed_total") == 1
    assert value("hiroba_closed_total", code="4002") == 1


async def test_holes_are_counted_when_found_and_when_filled(town: Town) -> None:
    await reader(town)

    town.gateway.hub.gap(ROOM)
    found, filled = value("hiroba_gaps_total"), value("hiroba_gap_seconds_count")
    await settle()

    assert (found, filled) == (1, 0)
    assert value("hiroba_gap_seconds_count") == 1


@pytest.mark.parametrize(
    ("position", "outcome"),
    [({}, "fresh"), ({"offset": 2}, "recovered"), ({"offset": 99}, "too_far")],
)
async def test_recoveries_are_counted_by_what_came_of_them(
    town: Town, position: dict[str, int], outcome: str
) -> None:
    for number in range(3):
        town.redis.publish(ROOM, str(number))
    epoch = (await town.broker.newest(ROOM, 1)).epoch

    await reader(town, **({"epoch": epoch, **position} if position else {}))

    assert value("hiroba_recoveries_total", outcome=outcome) == 1


async def test_commands_are_counted_by_the_word_they_were_answered_with(town: Town) -> None:
    client = await reader(town)

    client.send("say", text="hello")
    client.send("refuse")
    client.send("nothing")
    await settle()

    assert value("hiroba_commands_total", outcome="ok") == 2
    assert value("hiroba_commands_total", outcome="cooldown") == 1
    assert value("hiroba_commands_total", outcome="unknown_command") == 1


async def test_codes_that_a_peer_makes_up_are_no_series_of_their_own(town: Town) -> None:
    for code in (3333, 4444):
        (await reader(town)).connection.on_closed(code)

    assert value("hiroba_closed_total", code="other") == 2
    assert value("hiroba_closed_total", code="3333") == 0


async def test_refused_handshakes_and_draining_are_seen(town: Town) -> None:
    town.gateway.admit(town.upgrade(origin="https://evil.example.com"))

    await town.gateway.drain(0)
    town.gateway.admit(town.upgrade())

    assert value("hiroba_draining") == 1
    assert value("hiroba_refused_handshakes_total", status="403") == 1
    assert value("hiroba_refused_handshakes_total", status="503") == 1


async def test_who_does_not_answer_a_ping_is_counted(town: Town) -> None:
    await reader(town)

    for _ in range(60):
        town.gateway.pings.tick()

    assert value("hiroba_ping_aborted_total") == 1


async def test_tasks_are_those_of_the_loop(town: Town) -> None:
    before = value("hiroba_tasks")

    more = [asyncio.create_task(asyncio.Event().wait()) for _ in range(3)]

    assert value("hiroba_tasks") == before + 3
    for task in more:
        task.cancel()


async def test_the_loops_lag_is_measured(town: Town) -> None:
    before = value("hiroba_loop_lag_seconds_count")
    town.gateway.start()

    await until(lambda: value("hiroba_loop_lag_seconds_count") > before)


async def test_a_gateway_that_is_gone_counts_no_longer(town: Town) -> None:
    await reader(town)

    gateway_metrics.forget(town.gateway)

    assert value("hiroba_connections") == 0
