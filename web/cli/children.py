"""The processes that the supervisor keeps alive: started, asked, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence

from server.log import Log
from web.cli.managed import ManagedProcess
from web.cli.paths import ROOT
from web.cli.process import DRAINING

HEALTHY = 60.0
"""Seconds of life after which a death counts as the first one again."""
LONGEST_DELAY = 30.0
READY = 60.0
"""Seconds in which a process has to serve."""

log = Log(__name__)


class Backoff:
    """When to start again what has died: later after each death in a row."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._deaths = 0
        self._due: float | None = None

    def begin(self) -> None:
        """Note that it was started."""
        self._begun = time.monotonic()
        self._due = None

    def died(self) -> float | None:
        """Note that it is dead; gives the seconds to wait the first time, then None."""
        if self._due is not None:
            return None
        now = time.monotonic()
        self._deaths = 1 if now - self._begun > HEALTHY else self._deaths + 1
        delay = min(LONGEST_DELAY, 0.25 * 2.0**self._deaths)
        self._due = now + delay
        return delay

    def is_due(self) -> bool:
        """Tell whether the time to start it again has come."""
        return self._due is not None and time.monotonic() >= self._due


class ManagedChild:
    """One of our own processes, by its role and number; started again when it dies.

    One that does not talk is never asked anything, and counts as ready when it is started.
    """

    def __init__(
        self,
        role: str,
        name: str,
        environ: Mapping[str, str],
        *,
        listener: socket.socket | None = None,
        module: Sequence[str] = (),
    ) -> None:
        self.role = role
        self.name = name
        self.talks = not module
        self.restarts = 0
        self._arguments = module or ("web.cli", role, "--process", name)
        self._environ = environ
        self._listener = listener
        self._process: ManagedProcess | None = None
        self._coming: ManagedProcess | None = None
        self._leaving: ManagedProcess | None = None
        self._leaves_by = 0.0
        self._left = asyncio.Event()
        self._left.set()
        self._replacing: asyncio.Task[bool] | None = None
        self._succeeded: ManagedProcess | None = None
        """The one that asked for a successor last: it gets one try."""
        self._backoff = Backoff()

    @property
    def pid(self) -> int | None:
        """The process, or None while there is none."""
        return self._process.pid if self._process else None

    @property
    def serves(self) -> bool:
        """Whether it takes new connections: it has said so, and is neither gone nor leaving."""
        process = self._process
        if process is None or process.pid is None:
            return False
        return process.said("ready") and not process.said(DRAINING)

    async def left(self) -> None:
        """Wait until the process that was replaced has ended; `look_after` sees to it."""
        await self._left.wait()

    async def start(self) -> None:
        """Start the process."""
        self._backoff.begin()
        self._process = await self._start()

    async def ready(self) -> bool:
        """Wait until it says that it serves; False when it ends before."""
        return not self.talks or (self._process is not None and await self._process.ready())

    async def ask(self, question: str) -> dict[str, object]:
        """Ask it something; the answers by name, that of one which is leaving too."""
        asked = {self.name: self._process, f"{self.name}-leaving": self._leaving}
        there = {name: process for name, process in asked.items() if process and self.talks}
        answers = await asyncio.gather(*(process.ask(question) for process in there.values()))
        return {name: a for name, a in zip(there, answers, strict=True) if a is not None}

    async def replace(self, grace: float) -> bool:
        """Let another process take over: the one before ends in order, within `grace` seconds.

        It goes on as before when the new one does not come up (False).
        """
        if not self.talks or self._coming or self._leaving or self.pid is None:
            return False
        self._coming = await self._start()
        ready = False
        try:
            async with asyncio.timeout(READY):
                ready = await self._coming.ready()
        except TimeoutError:
            pass
        finally:
            coming, self._coming = self._coming, None
            if not ready:
                await coming.end()
        if not ready:
            log.error("process.not_replaced", name=self.name)
            return False
        self._leaving, self._process = self._process, coming
        self._leaves_by = time.monotonic() + grace
        self._left.clear()
        self._backoff.begin()
        if self._leaving is not None:
            self._leaving.relieve()
        log.info("process.replaced", name=self.name, pid=self.pid)
        return True

    async def look_after(self, grace: float) -> None:
        """Start it again when it has died, later after each death in a row.

        One that was told to end by somebody else gets a successor while it still drains.
        """
        await self._let_go()
        if self._coming is not None:
            return
        if self.pid is not None:
            process = self._process
            if process and process.said(DRAINING) and process is not self._succeeded:
                self._succeeded = process
                self._replacing = asyncio.create_task(self.replace(grace))
            return
        if (delay := self._backoff.died()) is not None:
            status = None if self._process is None else self._process.status
            await self._release()
            log.error("process.died", name=self.name, status=status, again_in=delay)
        elif self._backoff.is_due():
            self.restarts += 1
            try:
                await self.start()
                log.info("process.restarted", name=self.name, pid=self.pid)
            except OSError as error:
                log.error("process.not_started", name=self.name, error=error)

    async def stop(self, seconds: float, hurry: asyncio.Event) -> None:
        """End it in order within `seconds`, at once when `hurry` is set."""
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        running = [process for process in (self._process, self._leaving) if process is not None]
        stopped = await asyncio.gather(*(process.stop(seconds, hurry) for process in running))
        if not all(stopped):
            log.warning("process.killed", name=self.name)
        self._process = self._leaving = None

    async def _start(self) -> ManagedProcess:
        return await ManagedProcess.start(self._arguments, self._environ, self._listener)

    async def _let_go(self) -> None:
        """Be done with a process that was replaced, once it has ended or had its time."""
        leaving = self._leaving
        if leaving is None or (leaving.pid is not None and time.monotonic() < self._leaves_by):
            return
        if leaving.pid is not None:
            log.warning("process.killed", name=f"{self.name}-leaving")
        await leaving.end()
        self._leaving = None
        self._left.set()

    async def _release(self) -> None:
        if self._process is not None:
            await self._process.end()
            self._process = None


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a child: ours, the changes, and a path on which it finds us."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **changes, "PYTHONPATH": os.pathsep.join(paths)}
