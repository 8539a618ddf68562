"""All gateways end at once and thousands come back; without the database being read for them."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from typing import Final

from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, play
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "gateways-restart"
VIEWERS: Final = 5000
FEW: Final = 4
RATE: Final = 10.0
WHOLE_SECONDS: Final = 60.0
GIVE_UP: Final = 150.0
SLACK: Final = 4
"""Statements of a gateway's own that may fall into the time of one comeback and not another."""
STATEMENTS: Final = "hiroba_statement_seconds_count"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Restart under a handful first: whatever is read beyond that is read for the many."""
    few, _, _ = await _restart(stage, options, FEW)
    many, whole, running = await _restart(stage, options, scaled(VIEWERS, options, least=20))
    more = max(0, many - few)
    allowed = SLACK * len(stage.pids("gateway"))
    if more > allowed:
        running.problems.append(f"{more} statements more than for {FEW} viewers")
    opened = [at for watch in running.history.watches for at in watch.opened]
    # Coming in at the beginning is no comeback.
    fault = running.history.faults[1][0]
    seconds = Counter(int(at - fault) for at in opened if at >= fault)
    viewers = len(running.history.watches)
    return told(
        NAME,
        running,
        options,
        limits=(
            Limit("whole after s", whole, WHOLE_SECONDS),
            # Nobody hammers: in its busiest second there is not one attempt for each viewer.
            Limit("connects in the busiest second", max(seconds.values(), default=0), viewers),
            Limit("connects of one viewer", sum(seconds.values()) / max(1, viewers), 3.0),
        ),
        facts={"statements_for_few": few, "statements_for_all": many},
    )


async def _restart(
    stage: Stage, options: argparse.Namespace, viewers: int
) -> tuple[int, float, Play]:
    """Kill all gateways; gives the statements of the new ones and when everybody was whole."""
    async with play(
        stage,
        viewers_count=viewers,
        rate=RATE,
        posters_count=2,
        named=viewers // 2,
        processes=options.processes,
    ) as running:
        await running.posted(5)
        names = sorted(stage.pids("gateway"))
        fault = running.fault("all gateways are killed")
        await asyncio.gather(*(stage.kill(name) for name in names))
        await asyncio.gather(*(stage.returned(name) for name in names))
        top = await running.posted(5, GIVE_UP)
        late = await running.connected(GIVE_UP) or await running.reach(top, GIVE_UP)
        whole = time.monotonic() - fault
        running.fault("everybody is back")
        if late:
            running.problems.append(f"{late} viewers did not come back")
        metrics = await stage.metrics()
        statements = sum(metrics.get((STATEMENTS, name), 0.0) for name in names)
        await running.settle()
    return int(statements), whole, running
