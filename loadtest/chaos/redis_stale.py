"""A copy of Redis from some seconds ago takes its place; nobody muted since gets back in."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from loadtest.chaos import redis_files
from loadtest.chaos.redis_lost import Take, lose
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "redis-stale"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Copy the data folder while all goes on, and start the copy after the original was killed."""
    with tempfile.TemporaryDirectory(prefix="hiroba-stale-") as kept:
        copied = Path(kept) / "valkey"

        async def remember() -> Take:
            await redis_files.written(stage)
            await asyncio.to_thread(redis_files.copy, stage, copied)

            async def take() -> str:
                await asyncio.to_thread(redis_files.promote, stage, copied)
                return "a copy of before takes its place"

            return take

        return await lose(NAME, stage, options, remember)
