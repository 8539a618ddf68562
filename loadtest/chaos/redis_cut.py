"""Redis is killed and the tail of its file is lost; no offset comes twice, and all are told."""

from __future__ import annotations

import argparse
from typing import Final

from loadtest.chaos import redis_files
from loadtest.chaos.redis_lost import Take, lose
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "redis-cut"
TORN: Final = 20
"""Bytes left of the write after the last whole one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Cut off all that was written after a moment, in the middle of a write."""

    async def remember() -> Take:
        size = await redis_files.written(stage)

        async def take() -> str:
            return f"{redis_files.cut(stage, size + TORN):,} bytes of it are lost"

        return take

    return await lose(NAME, stage, options, remember)
