"""Processes of a load test, so that who measures does not share a core's loop with who loads."""

from __future__ import annotations

import asyncio
import multiprocessing
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from loadtest.errors import CannotRun

Work = Callable[["Side", Any], Coroutine[Any, Any, None]]
"""A coroutine function at the top of a module: what a process does with its configuration."""


class Died(CannotRun):
    """A process of the swarm ended before it was told to."""


class Side:
    """One end of the pipe between the coordinator and a process."""

    def __init__(self, pipe: Connection) -> None:
        """Take over an end."""
        self._pipe = pipe

    def send(self, value: Any) -> None:
        """Send a value that pickles."""
        self._pipe.send(value)

    async def receive(self) -> Any:
        """Wait for a value; Died when the other side is gone, or says what went wrong."""
        try:
            value = await asyncio.get_running_loop().run_in_executor(None, self._pipe.recv)
        except (EOFError, OSError):
            raise Died("a process of the load test ended") from None
        if isinstance(value, Failure):
            raise Died(value.text)
        return value


class Failure:
    """What a process sends instead of an answer when it fails."""

    def __init__(self, text: str) -> None:
        """Keep its traceback."""
        self.text = text


class Member(Side):
    """A started process."""

    def __init__(self, name: str, work: Work, configuration: Any) -> None:
        """Start it; its configuration has to pickle."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        super().__init__(ours)
        self.name = name
        self.process = context.Process(
            target=_main, args=(work, theirs, configuration), name=name, daemon=True
        )
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def stop(self) -> None:
        """End it."""
        self._pipe.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(5)


def _main(work: Work, pipe: Connection, configuration: Any) -> None:
    side = Side(pipe)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work(side, configuration))
    except (KeyboardInterrupt, Died):
        pass
    except BaseException:
        with suppress(OSError):
            side.send(Failure(traceback.format_exc()))
