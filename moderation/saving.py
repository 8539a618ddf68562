"""Postgres first; but a moderator does not wait longer than half a second for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.errors import Refused
from server.log import Log

log = Log(__name__)
T = TypeVar("T")

PATIENCE = 0.5
"""Seconds Postgres has to answer."""
REST = 5.0
"""Seconds for the engine to follow once Postgres has answered."""

_left: set[asyncio.Task[object]] = set()


class NotYet(Refused):
    """An act is saved, and takes effect when Redis answers again."""

    def __init__(self) -> None:
        super().__init__("unavailable", "This is saved and takes effect when Redis answers again.")


async def postgres_first(
    attempt: Callable[[asyncio.Event], Awaitable[T]], otherwise: Callable[[], Awaitable[T]]
) -> T:
    """Run `attempt`; when Postgres does not answer in time, run `otherwise` instead.

    `attempt` sets the event it is given when Postgres has answered and only the commit is left.
    It is not cancelled: both may happen, and both write the same ids.
    """
    answered = asyncio.Event()

    async def run() -> T:
        return await attempt(answered)

    task = asyncio.create_task(run())
    await asyncio.wait({task}, timeout=PATIENCE)
    if not task.done() and answered.is_set():
        await asyncio.wait({task}, timeout=REST)
    if not task.done():
        _left.add(task)
        task.add_done_callback(_forget)
        return await otherwise()
    try:
        return task.result()
    except NotYet:
        raise
    except Refused as refused:
        if refused.code != "unavailable":
            raise
    return await otherwise()


def _forget(task: asyncio.Task[object]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("act.unsaved", error=error)
