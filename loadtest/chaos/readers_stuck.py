"""Readers stop reading; all are let go, memory stays flat, and the others notice nothing."""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from loadtest.chaos import posters, processes
from loadtest.chaos.history import ACK
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, at_share, play
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
from loadtest.native.client import LoadClient, hiroba
from loadtest.report import Report
from server.client import Client

NAME: Final = "readers-stuck"
READERS: Final = 1000
VIEWERS: Final = 200
RATE: Final = 20.0
LINES: Final = 1000
"""Poured before they are stuck, and at least as many then: far more than the kernel takes for one.

Both times at the same pace, which leaves the machine some air: where lines wait for a processor,
their delay says nothing about the readers.
"""
LEAST_LINES: Final = 700
GAP: Final = 0.025
"""Seconds between two of them; in a smaller run less."""
PADDING: Final = 400
FREED_SECONDS: Final = 45.0
PATIENCE: Final = 90.0
GROWTH: Final = 1.1
"""How much more memory a gateway may have, and how much slower the others' p99 may be."""
STEP: Final = 0.25
MIB: Final = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Pour the same before and after they stop, and compare what the others saw of it."""
    readers, lines = scaled(READERS, options), scaled(LINES, options, least=LEAST_LINES)
    count, gap = scaled(VIEWERS, options, least=4), GAP * min(1.0, options.scale)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(play(stage, viewers_count=count, rate=RATE))
        aim = hiroba(stage.url, f"room:{stage.room}", readers, "msgpack")
        stuck = await LoadClient.open(aim, "readers")
        stack.push_async_callback(stuck.stop)
        [token] = await posters.tokens(stage.url, 1, f"{running.run} pours")
        talker = Client(stage.url, token=token)
        await stack.enter_async_context(talker)
        pour = Pour([talker], stage.room, f"{running.run}-p", padding=PADDING)

        begin = running.fault(f"{readers} more viewers read along")
        await pour.steadily(lines, gap)
        top = max(posted.line.place for posted in pour.posted if posted.outcome == ACK)
        if away := await running.reach(top, PATIENCE):
            running.problems.append(f"{away} were behind when the readers stopped")
        running.problems += (await stuck.count()).problems("the readers")
        open_before = await _open(stage)
        memory_before = _memory(stage)

        stopped = running.fault(f"{readers} readers stop")
        await stuck.stall(readers)
        watching = asyncio.create_task(_freed(stage, open_before - readers))
        await pour.steadily(lines, gap)
        while not watching.done():
            await pour.steadily(1, GAP)
        freed, memory = await watching
        running.fault("all of them are let go" if freed else "some are still there")
        await running.posted(10)
        running.history.posted += pour.posted
        await running.settle()
    if freed is None:
        running.problems.append(f"not all were let go in {PATIENCE:g} s")
    end = freed or time.monotonic()
    # With fewer connections all is faster again: only while they are there it is compared.
    before, during = _p99(running, begin, stopped), _p99(running, stopped, end)
    limits = (
        Limit("all let go after s", end - stopped, FREED_SECONDS),
        Limit("memory of the gateways, times that of before", memory / memory_before, GROWTH),
        Limit("p99 of the others, times that of before", during / before, GROWTH),
    )
    facts: dict[str, str | int | float] = {
        "readers_stuck": readers,
        "gateways_MiB_before": round(memory_before / MIB, 1),
        "gateways_MiB_at_most": round(memory / MIB, 1),
        "p99_ms_before": round(before * 1000, 1),
        "p99_ms_while_stuck": round(during * 1000, 1),
    }
    return told(NAME, running, options, limits=limits, facts=facts)


async def _freed(stage: Stage, left: float) -> tuple[float | None, int]:
    """Wait until so many connections are left; gives when, and the most memory meanwhile."""
    deadline, most = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline:
        most = max(most, _memory(stage))
        if await _open(stage) <= left:
            return time.monotonic(), most
        await asyncio.sleep(STEP)
    return None, most


async def _open(stage: Stage) -> float:
    values = await stage.metrics()
    return sum(value for (name, _), value in values.items() if name == "hiroba_connections")


def _memory(stage: Stage) -> int:
    return sum(processes.resident(pid) for pid in stage.pids("gateway").values())


def _p99(running: Play, begin: float, end: float) -> float:
    """Give how long after its acknowledgement a line of this time was seen by 99 in 100."""
    said = {
        posted.line.place: posted.at
        for posted in running.history.acknowledged()
        if begin <= posted.at <= end
    }
    return at_share(
        [
            at - said[line.place]
            for watch in running.history.watches
            for line, at in zip(watch.seen, watch.times, strict=True)
            if line.place in said
        ],
        0.99,
    )
