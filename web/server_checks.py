"""What the owner is shown of the servers while setting up: do they answer, how fast, how safe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Literal

from server.context import Context
from server.errors import Refused

PATIENCE = 2.0
"""Seconds that a server gets to answer."""
CLOCK_MS = 1000
"""By how much two clocks may differ."""


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """One thing that was looked at; `ms` is how long it took, or how far a clock is off."""

    name: Literal["database", "redis", "clock", "https"]
    ok: bool
    ms: int | None = None


async def server_checks(ctx: Context) -> list[ServerCheck]:
    """Look at everything at once, within about two seconds."""
    database, redis = await asyncio.gather(
        _timed(ctx.db.value("SELECT 1")), _timed(ctx.broker.call("TIME"))
    )
    checks = [
        ServerCheck("database", database is not None, database[0] if database else None),
        ServerCheck("redis", redis is not None, redis[0] if redis else None),
    ]
    if redis:
        off = abs(_ms(redis[1]) - ctx.clock())
        checks.append(ServerCheck("clock", off <= CLOCK_MS, off))
    return [*checks, ServerCheck("https", ctx.settings.secure)]


async def _timed(asked: Awaitable[Any]) -> tuple[int, Any] | None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await asked
    except (Refused, TimeoutError):
        return None
    return max(1, round((time.monotonic() - began) * 1000)), answer


def _ms(answer: Any) -> int:
    seconds, microseconds = answer
    return int(seconds) * 1000 + int(microseconds) // 1000
