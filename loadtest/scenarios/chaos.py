"""Breaks servers on purpose, and checks from a record of the run that nothing was lost by it."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from collections.abc import Sequence

from loadtest import options
from loadtest.chaos.outcome import MAX_SCALE
from loadtest.chaos.stage import Stage, staged
from loadtest.chaos.table import FAULTS, Fault
from loadtest.errors import CannotRun
from loadtest.report import Report

BOUND: float = 1200.0
"""Seconds after which a scenario is given up."""


def add_parser(commands: options.Commands) -> None:
    """Add `chaos` with a command for each fault."""
    parser = commands.add_parser("chaos", help="break servers and check that nothing is lost")
    faults = parser.add_subparsers(required=True, dest="fault", metavar="FAULT")
    for name, fault in FAULTS.items():
        text = (fault.__doc__ or "").strip()
        _declare(
            fault, faults.add_parser(name, help=text.split(";")[0].rstrip("."), description=text)
        )


def _declare(fault: Fault, parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scale", type=_scale, default=1.0, help="times the full size, such as 0.02 [1]")
    gateways = getattr(fault, "GATEWAYS", 2)
    help = f"processes that hold sockets [{gateways}]"
    add("--gateways", type=options.count, default=gateways, help=help)
    processes = getattr(fault, "PROCESSES", 1)
    help = f"processes of viewers [{processes}]"
    add("--processes", type=options.count, default=processes, help=help)
    add("--untimed", action="store_true", help="judge what is correct, and no time")
    fault.add_arguments(parser)
    options.add_out(parser)


def defaults(name: str, *arguments: str) -> argparse.Namespace:
    """Give the options of a fault as a command line would."""
    parser = argparse.ArgumentParser()
    _declare(FAULTS[name], parser)
    return parser.parse_args(arguments)


async def run(chosen: argparse.Namespace) -> Report:
    """Start a stage and play the fault on it; raises CannotRun where that is not possible.

    With `--out` the history and the log of the servers are kept beside the report.
    """
    fault = FAULTS[chosen.fault]
    limits, clustered = getattr(fault, "LIMITS", {}), getattr(fault, "CLUSTERED", False)
    async with staged(chosen.gateways, clustered=clustered, **limits) as stage:
        try:
            return await play_on(stage, chosen.fault, chosen)
        finally:
            if chosen.out is not None:
                chosen.out.mkdir(parents=True, exist_ok=True)
                shutil.copy(stage.log, chosen.out / "servers.log")


async def play_on(stage: Stage, name: str, chosen: argparse.Namespace) -> Report:
    """Play a fault on a stage, bounded in time."""
    try:
        async with asyncio.timeout(BOUND):
            return await FAULTS[name].run(stage, chosen)
    except TimeoutError:
        raise CannotRun(f"{name} has not ended after {BOUND:g} s") from None


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= MAX_SCALE:
        raise argparse.ArgumentTypeError(f"above 0, at most {MAX_SCALE:g}")
    return value


__all__: Sequence[str] = ("add_parser", "defaults", "play_on", "run")
