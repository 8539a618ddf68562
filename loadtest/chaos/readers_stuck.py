"""Readers stop reading; all are let go, memory stays flat, and the others notice nothing."""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from loadtest.chaos import posters, processes, viewers
from loadtest.chaos.history import ACK
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, at_share, play
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
from loadtest.report import Report
from loadtest.swarm import Member
from server.client import Client

NAME: Final = "readers-stuck"
READERS: Final = 1000
VIEWERS: Final = 200
RATE: Final = 20.0
LINES: Final = 1000
"""Poured before and while they are stuck: several times what the kernel takes for a reader."""
LEAST_LINES: Final = 700
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
    count = scaled(VIEWERS, options, least=4)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(play(stage, viewers_count=count, rate=RATE))
        stuck = Member(
            "readers", viewers.watch, viewers.Watching(stage.url, stage.room, 10**6, readers)
        )
        stack.push_async_callback(asyncio.to_thread, stuck.stop)
        await stuck.receive()
        [token] = await posters.tokens(stage.url, 1, f"{running.run} pours")
        talker = Client(stage.url, token=token)
        await stack.enter_async_context(talker)
        pour = Pour([talker], stage.room, f"{running.run}-p", padding=PADDING)

        begin = running.fault(f"{readers} more viewers read along")
        await pour.until(lambda posted: False, most=lines, seconds=PATIENCE)
        # Whoever is far behind, or has just lost its connection, would come back and read.
        top = max(posted.line.place for posted in pour.posted if posted.outcome == ACK)
        stuck.send(("reach", viewers.Reach(top, PATIENCE)))
        away = int(await stuck.receive()) + await running.reach(top, PATIENCE)
        if away:
            running.problems.append(f"{away} were behind when the readers stopped")
        open_before = await _open(stage)
        memory_before = _memory(stage)

        stopped = running.fault(f"{readers} readers stop")
        stuck.send(("stop_reading", readers))
        await stuck.receive()
        watching = asyncio.create_task(_freed(stage, open_before - readers))
        await pour.until(lambda posted: False, most=lines, seconds=PATIENCE)
        poured = time.monotonic()
        freed, memory = await watching
        running.fault("all of them are let go" if freed else "some are still there")
        await running.posted(10)
        running.history.posted += pour.posted
        await running.settle()
    if freed is None:
        running.problems.append(f"not all were let go in {PATIENCE:g} s")
    before, during = _p99(running, begin, stopped), _p99(running, stopped, poured)
    limits = (
        Limit("all let go after s", (freed or time.monotonic()) - stopped, FREED_SECONDS),
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
