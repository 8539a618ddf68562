"""Every process gives way to a fresh one while people watch and write; nobody misses anything."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from typing import Final

from loadtest.chaos import processes
from loadtest.chaos.outcome import Limit, resume_limit, told
from loadtest.chaos.play import Play
from loadtest.chaos.stage import Stage
from loadtest.chaos.turns import add_rounds, all_back, crowded
from loadtest.report import Report

NAME: Final = "drain"
VIEWERS: Final = 5000
RATE: Final = 4.0
SHARED: Final = 25
"""Viewers that are the same visitor: each of its connections is counted with the others."""
RESUME_SECONDS: Final = 5.0
TURN_SECONDS: Final = 60.0
"""How long one process may take to give way, its drain included."""
UNEVEN: Final = 0.1
"""By how much the share of a gateway may change."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_rounds(parser, "rolling restarts")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Restart all in turn, then tell one gateway to end, and see that everybody stays whole."""
    async with crowded(stage, options, viewers=VIEWERS, rate=RATE, shared=SHARED) as running:
        await running.posted(10)
        before = await _shares(stage)
        refused = 0.0
        for _ in range(options.rounds):
            refused += await _roll(stage, running)
        await running.posted(10)
        after = await _shares(stage)
        await _end_one(stage, running)
        await running.posted(10)
        restarts = await _sum(stage, "hiroba_restarts_total")
        if restarts:
            running.problems.append(f"{restarts:g} processes died and were started again")
        await running.settle()
    changed = max(abs(after.get(name, 0.0) - share) for name, share in before.items())
    limits = (resume_limit(running, RESUME_SECONDS), Limit("change of shares", changed, UNEVEN))
    facts: dict[str, str | int | float] = {"handshakes_refused_while_rolling": refused}
    for name, share in sorted(after.items()):
        facts[f"share_{name}"] = round(share, 3)
    return told(NAME, running, options, limits=limits, facts=facts)


async def _roll(stage: Stage, running: Play) -> float:
    """Restart all processes in turn; gives how many handshakes were refused for want of room."""
    old = {**stage.pids("worker"), **stage.pids("gateway")}
    running.fault("a rolling restart begins")
    processes.send([stage.supervisor], signal.SIGHUP)
    deadline = time.monotonic() + TURN_SECONDS * len(old)
    refused = 0.0
    while left := old.values() & processes.children(stage.supervisor).keys():
        if time.monotonic() > deadline:
            running.problems.append(f"{len(left)} processes have not given way")
            break
        refused = max(refused, await _sum(stage, "hiroba_refused_handshakes_total"))
        await asyncio.sleep(0.25)
    new = {**stage.pids("worker"), **stage.pids("gateway")}
    if new.keys() != old.keys():
        running.problems.append(f"after the restart there are {sorted(new)}")
    running.fault("every process was replaced")
    await all_back(running)
    return refused


async def _end_one(stage: Stage, running: Play) -> None:
    """Tell one gateway to end: another one takes its place although nobody asked for it."""
    name, pid = min(stage.pids("gateway").items())
    running.fault(f"{name} is told to end")
    stage.terminate(name)
    await stage.until(lambda: pid not in processes.children(stage.supervisor), TURN_SECONDS)
    if stage.pids("gateway").get(name) in (None, pid):
        running.problems.append(f"{name} had no successor when it ended")
    await all_back(running)


async def _sum(stage: Stage, name: str) -> float:
    values = await stage.metrics()
    return sum(value for (metric, _), value in values.items() if metric == name)


async def _shares(stage: Stage) -> dict[str, float]:
    """Give the part of all connections that each gateway holds."""
    values = await stage.metrics()
    held = {who: n for (name, who), n in values.items() if name == "hiroba_connections"}
    held = {who: n for who, n in held.items() if who.startswith("gateway")}
    return {who: n / max(1.0, sum(held.values())) for who, n in held.items()}
