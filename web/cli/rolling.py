"""A rolling restart: every process gives way to a fresh one, and nobody is without one."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence

from server.log import Log
from web.cli import listeners
from web.cli.children import ManagedChild

ORDER = ("worker", "gateway")
"""Whoever stores comes first: it may be newer than what it stores, not older."""

log = Log(__name__)


class Rolling:
    """Replaces one process after another, each once the one before it has gone."""

    def __init__(
        self, children: Sequence[ManagedChild], sockets: Sequence[socket.socket], grace: float
    ) -> None:
        self._children = children
        self._sockets = sockets
        self._grace = grace
        self._task: asyncio.Task[None] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it is under way, and steers new connections itself."""
        return self._task is not None and not self._task.done()

    def begin(self) -> None:
        """Begin, unless it goes on already."""
        if not self.goes_on:
            self._task = asyncio.create_task(self._roll())

    async def stop(self) -> None:
        """Leave it where it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _roll(self) -> None:
        log.info("rolling.begun")
        gateways = [child for child in self._children if child.role == "gateway"]
        try:
            for role in ORDER:
                for child in [child for child in self._children if child.role == role]:
                    if child in gateways:
                        # Whom the old one sends away comes to its successor: so each gateway
                        # holds as many afterwards as before.
                        listeners.steer(self._sockets, [gateways.index(child)])
                    if not await self._replaced(child):
                        log.error("rolling.given_up", name=child.name)
                        return
        finally:
            listeners.steer(self._sockets, ())
        log.info("rolling.done")

    async def _replaced(self, child: ManagedChild) -> bool:
        """Replace a process and wait until the one before has ended."""
        await child.left()
        if not await child.replace(self._grace):
            return False
        await child.left()
        return True


def has_terminal() -> bool:
    """Tell whether somebody sits at a terminal from which this was started."""
    try:
        os.tcgetpgrp(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return True
