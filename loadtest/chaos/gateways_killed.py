"""Gateways are killed in turn while people watch and write; everybody comes back to everything."""

from __future__ import annotations

import argparse
from typing import Final

from loadtest.chaos.outcome import resume_limit, told
from loadtest.chaos.stage import Stage
from loadtest.chaos.turns import add_rounds, all_back, crowded
from loadtest.report import Report

NAME: Final = "gateways-killed"
VIEWERS: Final = 2000
RATE: Final = 20.0
SHARED: Final = 4
"""Viewers that are the same visitor: a few connections for each name, as people have them."""
RESUME_SECONDS: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_rounds(parser, "times each gateway is killed")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Kill each gateway, wait until it and everybody is back, and go on with the next."""
    async with crowded(stage, options, viewers=VIEWERS, rate=RATE, shared=SHARED) as running:
        await running.posted(10)
        for name in sorted(stage.pids("gateway")) * options.rounds:
            running.fault(f"{name} is killed")
            await stage.kill(name)
            await running.posted(20)
            await all_back(running)
            await stage.serves(name)
            await running.posted(10)
        await running.settle()
    return told(NAME, running, options, limits=(resume_limit(running, RESUME_SECONDS),))
