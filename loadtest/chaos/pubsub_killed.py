"""Redis cuts all subscriptions every second; no hole stays, and none is open for long."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final

from loadtest.chaos.outcome import Limit, delays, scaled, told
from loadtest.chaos.play import at_share, play
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "pubsub-killed"
VIEWERS: Final = 1000
KILLS: Final = 60
RATE: Final = 25.0
PROCESSES: Final = 2
"""Viewers that are late themselves, for want of a processor, would be taken for open holes."""
FILLED_SECONDS: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Kill every connection of the kind `pubsub` while people post, once a second."""
    viewers, kills = scaled(VIEWERS, options, least=10), scaled(KILLS, options, least=4)
    killed = 0
    async with play(
        stage,
        viewers_count=viewers,
        rate=RATE,
        posters_count=20,
        processes=options.processes,
        whole=2,
    ) as running:
        await running.posted(20)
        running.fault(f"{kills} times CLIENT KILL TYPE pubsub, one a second")
        due = time.monotonic()
        async with stage.redis() as redis:
            for _ in range(kills):
                killed += int(await redis.client_kill_filter(_type="pubsub"))
                due += 1.0
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        running.fault("no more are killed")
        await running.posted(20)
        await running.settle()
    if killed < kills:
        running.problems.append(f"only {killed} connections were killed")
    late = delays(running)
    return told(
        NAME,
        running,
        options,
        limits=(Limit("gap filled p99 s", at_share(late, 0.99), FILLED_SECONDS),),
        facts={"kills": killed, "delay_p50_s": round(at_share(late, 0.5), 3)},
    )
