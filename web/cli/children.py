"""The processes that the supervisor keeps alive: started, asked, started again, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence

from server.child import Child, spawn
from server.control_pipe import VARIABLE, ControlPipe
from server.log import Log
from web.cli import listeners
from web.cli.paths import ROOT

HEALTHY = 60.0
"""Seconds of life after which a death counts as the first one again."""
LONGEST_DELAY = 30.0
ANSWER = 2.0
"""Seconds that a child gets to answer a question."""

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
        self._child: Child | None = None
        self._pipe: ControlPipe | None = None
        self._pipe_task: asyncio.Task[None] | None = None
        self._backoff = Backoff()

    @property
    def pid(self) -> int | None:
        """The process, or None while there is none."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Start the process with its end of the pipe and, for a gateway, its listening socket."""
        self._backoff.begin()
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [theirs.fileno()]
            environ = {**self._environ, VARIABLE: str(theirs.fileno())}
            if self._listener is not None:
                environ[listeners.VARIABLE] = str(self._listener.fileno())
                descriptors.append(self._listener.fileno())
            self._child = spawn(
                [sys.executable, "-P", "-m", *self._arguments],
                death_signal=signal.SIGKILL,
                environ=environ,
                pass_fds=descriptors,
            )
        self._pipe = await ControlPipe.open(ours)
        self._pipe_task = asyncio.create_task(self._pipe.run())

    async def ready(self) -> bool:
        """Wait until it says that it serves; False when it ends before."""
        assert self._pipe is not None
        if not self.talks:
            return True
        try:
            await self._pipe.heard("ready")
        except ConnectionError:
            return False
        return True

    async def ask(self, question: str) -> object:
        """Ask it something; None when it does not answer in time."""
        if self._pipe is None or self.pid is None or not self.talks:
            return None
        try:
            async with asyncio.timeout(ANSWER):
                return await self._pipe.ask(question)
        except (TimeoutError, ConnectionError):
            return None

    async def look_after(self) -> None:
        """Start it again when it has died, later after each death in a row."""
        if self.pid is not None:
            return
        if (delay := self._backoff.died()) is not None:
            await self._release()
            status = None if self._child is None else self._child.returncode
            log.error("process.died", name=self.name, status=status, again_in=delay)
        elif self._backoff.is_due():
            self.restarts += 1
            try:
                await self.start()
                log.info("process.restarted", name=self.name, pid=self.pid)
            except OSError as error:
                log.error("process.not_started", name=self.name, error=error)

    def send(self, number: int) -> None:
        """Send a signal to it."""
        if self._child is not None:
            self._child.send(number)

    async def stop(self, seconds: float, hurry: asyncio.Event) -> None:
        """End it in order within `seconds`, at once when `hurry` is set."""
        self.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.pid is not None and time.monotonic() < deadline and not hurry.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), 0.05)
        if self.pid is not None:
            log.warning("process.killed", name=self.name)
        if self._child is not None:
            self._child.stop(())
        await self._release()

    async def _release(self) -> None:
        if self._pipe is not None and self._pipe_task is not None:
            self._pipe.close()
            self._pipe_task.cancel()
            await asyncio.gather(self._pipe_task, return_exceptions=True)
            self._pipe = self._pipe_task = None


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a child: ours, the changes, and a path on which it finds us."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **changes, "PYTHONPATH": os.pathsep.join(paths)}
