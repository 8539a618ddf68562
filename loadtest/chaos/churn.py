"""People come and go all the time; when they have gone, nothing of them is left in the gateways."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

from loadtest.chaos import posters, processes
from loadtest.chaos.churners import Came, Churning, churn
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import play
from loadtest.chaos.stage import Stage
from loadtest.options import seconds
from loadtest.report import Report
from loadtest.swarm import Member

NAME: Final = "churn"
PROCESSES: Final = 2
PEOPLE: Final = 10_000
SECONDS: Final = 600.0
STAYS: Final = 10
"""How often each comes, about."""
RATE: Final = 2.0
VIEWERS: Final = 50
NAMES: Final = 8
GONE_SECONDS: Final = 60.0
STEP: Final = 1.0
SPARE_TASKS: Final = 10
SPARE_FILES: Final = 10
"""What a gateway may have more than before, for its own purposes."""
GROWTH: Final = 0.05
"""How much of its memory a gateway may gain over the second half of the run."""
MIB: Final = 1 << 20


class Sample(NamedTuple):
    """All gateways together at one moment."""

    at: float
    memory: float
    connections: float
    tasks: float
    files: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seconds", type=seconds, default=0.0, help=f"how long [{SECONDS:g}]")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Look at the gateways before, all the time while people come and go, and afterwards."""
    people = scaled(PEOPLE, options)
    seconds = options.seconds or max(10.0, SECONDS * options.scale)
    viewers = scaled(VIEWERS, options, least=2)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(play(stage, viewers_count=viewers, rate=RATE))
        tokens = await posters.tokens(stage.url, NAMES, f"{running.run} comes")
        await running.posted(4)
        before, known = await _sample(stage), await _sessions(stage)
        running.fault(f"{people} people come and go for {seconds:g} s")
        members = []
        share = -(-people // options.processes)
        for first in range(0, people, share):
            count = min(share, people - first)
            work = Churning(stage.url, stage.room, count, seconds, seconds / STAYS, tokens)
            member = Member(f"churners {first}", churn, work)
            stack.push_async_callback(asyncio.to_thread, member.stop)
            await member.receive()
            members.append(member)
        ended = asyncio.gather(*(member.receive() for member in members))
        samples = []
        while not ended.done():
            samples.append(await _sample(stage))
            await asyncio.sleep(STEP)
        came: list[Came] = await ended
        running.fault("everybody has gone")
        after, sessions = await _gone(stage, before, known)
        await running.posted(4)
        await running.settle()
    visits = sum(each.visits for each in came)
    failures = [failure for each in came for failure in each.failures]
    running.problems += _left(before, after)
    if sessions != known:
        running.problems.append(f"Redis counts {sessions} connections, {known} before")
    if len(failures) > visits / 100:
        running.problems.append(f"{len(failures)} could not come in, such as {failures[0]}")
    half = [each for each in samples if each.at > samples[len(samples) // 2].at]
    gained = slope(half) * (half[-1].at - half[0].at) / half[0].memory if len(half) > 2 else 0.0
    limits = (Limit("memory gained in the second half, share", gained, GROWTH),)
    facts: dict[str, str | int | float] = {
        "visits": visits,
        "knocks": sum(each.knocks for each in came),
        "failures": len(failures),
        "connections_at_most": int(max(each.connections for each in samples)),
        "tasks_before": int(before.tasks),
        "tasks_at_most": int(max(each.tasks for each in samples)),
        "tasks_after": int(after.tasks),
        "files_before": int(before.files),
        "files_after": int(after.files),
        "MiB_before": round(before.memory / MIB, 1),
        "MiB_at_most": round(max(each.memory for each in samples) / MIB, 1),
        "MiB_after": round(after.memory / MIB, 1),
    }
    return told(NAME, running, options, limits=limits, facts=facts)


def slope(samples: Sequence[Sample]) -> float:
    """Give by how many bytes a second the memory grows, by least squares."""
    count = len(samples)
    middle = sum(each.at for each in samples) / count
    mean = sum(each.memory for each in samples) / count
    spread = sum((each.at - middle) ** 2 for each in samples)
    return sum((each.at - middle) * (each.memory - mean) for each in samples) / (spread or 1.0)


async def _sample(stage: Stage) -> Sample:
    values = await stage.metrics()
    pids = stage.pids("gateway")

    def total(name: str) -> float:
        return sum(values.get((name, gateway), 0.0) for gateway in pids)

    return Sample(
        time.monotonic(),
        sum(processes.resident(pid) for pid in pids.values()),
        total("hiroba_connections"),
        total("hiroba_tasks"),
        total("process_open_fds"),
    )


async def _gone(stage: Stage, before: Sample, known: int) -> tuple[Sample, int]:
    """Wait until all is as it was; gives how it is then or when time is over."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        after, sessions = await _sample(stage), await _sessions(stage)
        if not (_left(before, after) or sessions != known) or time.monotonic() > deadline:
            return after, sessions
        await asyncio.sleep(STEP)


def _left(before: Sample, after: Sample) -> list[str]:
    problems = []
    if after.connections != before.connections:
        problems.append(f"{after.connections:g} connections, {before.connections:g} before")
    if after.tasks > before.tasks + SPARE_TASKS:
        problems.append(f"{after.tasks:g} tasks, {before.tasks:g} before")
    if after.files > before.files + SPARE_FILES:
        problems.append(f"{after.files:g} open files, {before.files:g} before")
    return problems


async def _sessions(stage: Stage) -> int:
    """Count the connections of people with a name that Redis knows of."""
    async with stage.redis() as redis:
        keys = [key async for key in redis.scan_iter(match="session:*", count=10_000)]
        fields: list[Any] = [field for key in keys for field in await redis.hkeys(key)]
    return sum(field.startswith(b"s:") for field in fields)
