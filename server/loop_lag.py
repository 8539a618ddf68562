"""How late the event loop of this process is, and how many tasks it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.looks import next_look

LAG: Final = Histogram(
    "hiroba_loop_lag_seconds",
    "How late the event loop was",
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
HOLD: Final = Histogram(
    "hiroba_loop_hold_seconds",
    "How long something other than fan-out held the event loop",
    buckets=(0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 1),
)


def _ignore(late: float) -> None:
    pass


async def watch(note: Callable[[float], None] = _ignore) -> None:
    """Measure until cancelled: whatever holds the loop delays everybody."""
    loop = asyncio.get_running_loop()
    while True:
        now = loop.time()
        due = next_look(now)
        await asyncio.sleep(due - now)
        late = max(0.0, loop.time() - due)
        LAG.observe(late)
        note(late)


async def watch_holds(fan_out: Callable[[], float], every: float) -> None:
    """Measure until cancelled how long the loop was late by anything but fan-out.

    `fan_out` gives the CPU seconds it has used so far. While others have the processor, that
    counts for nothing: what is told is the CPU time of this thread. It may be `every` too short.
    """
    loop = asyncio.get_running_loop()
    while True:
        now = loop.time()
        due = next_look(now, every)
        used, written = time.thread_time(), fan_out()
        await asyncio.sleep(due - now)
        late = loop.time() - due
        ours = time.thread_time() - used - (fan_out() - written)
        HOLD.observe(max(0.0, min(late, ours)))


class _Tasks(Collector):
    def collect(self) -> Iterator[Metric]:
        try:
            count = len(asyncio.all_tasks())
        except RuntimeError:
            # Asked from outside the loop.
            count = 0
        yield GaugeMetricFamily("hiroba_tasks", "Tasks of the event loop", value=count)


REGISTRY.register(_Tasks())
