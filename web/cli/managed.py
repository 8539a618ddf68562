"""One process of ours while it runs: started with a pipe, asked, relieved, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence

from server.child import Child, spawn
from server.control_pipe import VARIABLE, ControlPipe
from web.cli import listeners
from web.cli.process import RELIEVED, STOPPING

ANSWER = 2.0
"""Seconds that a process gets to answer a question."""


class ManagedProcess:
    """One process that was started, and our end of the pipe to it."""

    def __init__(self, child: Child, pipe: ControlPipe) -> None:
        self._child = child
        self._pipe = pipe
        self._task = asyncio.create_task(pipe.run())

    @classmethod
    async def start(
        cls, arguments: Sequence[str], environ: Mapping[str, str], listener: socket.socket | None
    ) -> ManagedProcess:
        """Start it with its end of the pipe and, for a gateway, its listening socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [theirs.fileno()]
            environ = {**environ, VARIABLE: str(theirs.fileno())}
            if listener is not None:
                environ[listeners.VARIABLE] = str(listener.fileno())
                descriptors.append(listener.fileno())
            child = spawn(
                [sys.executable, "-P", "-m", *arguments],
                death_signal=signal.SIGKILL,
                environ=environ,
                pass_fds=descriptors,
            )
        return cls(child, await ControlPipe.open(ours))

    @property
    def pid(self) -> int | None:
        """Its number, or None once it has ended."""
        return self._child.pid if self._child.returncode is None else None

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._child.returncode

    async def ready(self) -> bool:
        """Wait until it says that it serves; False when it ends before."""
        try:
            await self._pipe.heard("ready")
        except ConnectionError:
            return False
        return True

    async def ask(self, question: str) -> object:
        """Ask it something; None when it does not answer in time."""
        if self.pid is None:
            return None
        try:
            async with asyncio.timeout(ANSWER):
                return await self._pipe.ask(question)
        except (TimeoutError, ConnectionError):
            return None

    def said(self, name: str) -> bool:
        """Tell whether it has said this."""
        return name in self._pipe.said

    def relieve(self) -> None:
        """Tell it that another one serves in its place: it ends in order."""
        self._pipe.say(RELIEVED)

    async def stop(self, seconds: float, hurry: asyncio.Event) -> bool:
        """End it in order within `seconds`, at once when `hurry` is set; False if it was killed."""
        self._pipe.say(STOPPING)
        self._child.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.pid is not None and time.monotonic() < deadline and not hurry.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), 0.05)
        in_order = self.pid is None
        await self.end()
        return in_order

    async def end(self) -> None:
        """Kill it if it still runs, and let go of what belongs to it."""
        self._child.stop(())
        self._pipe.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
