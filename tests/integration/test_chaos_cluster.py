"""Slots of a Redis Cluster that move under people who post, at a fiftieth of the full size."""

from __future__ import annotations

from loadtest import report
from loadtest.chaos.stage import staged
from loadtest.scenarios.chaos import defaults, play_on


async def test_moving_slots_loses_nothing_and_every_gateway_hears_all_of_it() -> None:
    options = defaults("slot-moved", "--scale", "0.02", "--untimed")
    async with staged(gateways=2, clustered=True) as stage:
        told = await play_on(stage, "slot-moved", options)

    assert told.problems == [], report.table(told)
    assert told.facts["moves"] == 3
    assert {"gateway-1_deaf_s", "gateway-2_deaf_s"} <= told.facts.keys()
