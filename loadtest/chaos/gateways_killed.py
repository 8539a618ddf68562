"""Gateways are killed in turn while people watch and write; everybody comes back to everything."""

from __future__ import annotations

import argparse
from typing import Final

from loadtest.chaos.outcome import resume_limit, scaled, told
from loadtest.chaos.play import play
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "gateways-killed"
VIEWERS: Final = 2000
RATE: Final = 20.0
RESUME_SECONDS: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=int, default=1, help="times each gateway is killed [1]")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Kill each gateway, wait until it and everybody is back, and go on with the next."""
    viewers = scaled(VIEWERS, options, least=8)
    async with play(
        stage,
        viewers_count=viewers,
        rate=RATE,
        processes=options.processes,
        # A few connections for each name, as people have them.
        named=max(4, viewers // 4),
        whole=2,
    ) as running:
        await running.posted(10)
        for name in sorted(stage.pids("gateway")) * options.rounds:
            running.fault(f"{name} is killed")
            await stage.kill(name)
            await running.posted(20)
            if left := await running.connected():
                running.problems.append(f"{left} viewers did not come back from {name}")
            running.fault("everybody is back")
            await stage.serves(name)
            await running.posted(10)
        await running.settle()
    return told(NAME, running, options, limits=(resume_limit(running, RESUME_SECONDS),))
