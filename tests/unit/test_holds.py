"""How long the loop was held, as a page of metrics tells it."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import generate_latest

from loadtest.holds import Holds
from server import loop_lag
from tests.integration.channels import until

PAGE = """
# TYPE hiroba_loop_hold_seconds histogram
hiroba_loop_hold_seconds_bucket{le="0.001",process="gateway-1"} 90.0
hiroba_loop_hold_seconds_bucket{le="0.005",process="gateway-1"} 97.0
hiroba_loop_hold_seconds_bucket{le="0.02",process="gateway-1"} 100.0
hiroba_loop_hold_seconds_bucket{le="+Inf",process="gateway-1"} 100.0
hiroba_loop_hold_seconds_sum{process="gateway-1"} 0.2
"""


def test_a_page_tells_how_many_holds_were_above_a_bound_and_the_longest() -> None:
    holds = Holds.read(PAGE)

    assert (holds.all, holds.above(5.0), holds.longest_ms) == (100, 3, 20.0)
    assert str(holds) == "3 of 100 looks above 5 ms, the longest at most 20 ms"


def test_only_what_came_since_an_earlier_reading_counts() -> None:
    later = PAGE.replace("90.0", "140.0").replace("97.0", "147.0").replace("100.0", "150.0")
    since = Holds.read(later).since(Holds.read(PAGE))

    assert (since.all, since.above(5.0), since.longest_ms) == (50, 0, 1.0)


def test_without_a_look_nothing_was_held() -> None:
    assert (Holds.read("").all, Holds.read("").longest_ms) == (0, 0.0)


async def test_a_hold_counts_without_the_fan_out_in_it() -> None:
    written = 0.0
    before = Holds.read(generate_latest().decode())
    watching = asyncio.create_task(loop_lag.watch_holds(lambda: written, 0.002))
    await asyncio.sleep(0)
    _work(0.03)
    await _looked(before)
    held = Holds.read(generate_latest().decode()).since(before)
    assert held.above(20.0) == 1

    await asyncio.sleep(0)
    before = Holds.read(generate_latest().decode())
    _work(0.03)
    written += 0.03
    await _looked(before)
    held = Holds.read(generate_latest().decode()).since(before)
    assert held.above(20.0) == 0
    watching.cancel()


async def _looked(before: Holds) -> None:
    """Wait until the loop was looked at once more."""
    await until(lambda: Holds.read(generate_latest().decode()).since(before).all)


def _work(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
