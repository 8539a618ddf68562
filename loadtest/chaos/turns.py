"""What scenarios have in common that take gateways away in turn, under people who come back."""

from __future__ import annotations

import argparse
from contextlib import AbstractAsyncContextManager

from loadtest.chaos.outcome import scaled
from loadtest.chaos.play import Play, play
from loadtest.chaos.stage import Stage
from loadtest.options import count


def add_rounds(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--rounds`: how often it is done."""
    parser.add_argument("--rounds", type=count, default=1, help=f"{what} [1]")


def crowded(
    stage: Stage, options: argparse.Namespace, *, viewers: int, rate: float, shared: int
) -> AbstractAsyncContextManager[Play]:
    """Bring in so many viewers, `shared` of them being the same visitor, and let people post."""
    count = scaled(viewers, options, least=40)
    return play(
        stage,
        viewers_count=count,
        rate=rate,
        processes=options.processes,
        named=max(4, count // shared),
        whole=2,
    )


async def all_back(running: Play) -> None:
    """Wait until everybody is connected again; who is not becomes a problem."""
    if left := await running.connected():
        running.problems.append(f"{left} viewers did not come back")
    running.fault("everybody is back")
