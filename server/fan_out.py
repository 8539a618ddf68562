"""Writes to many, a few milliseconds at a time: the loop does other things in between."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from server.roster import Descriptors, PlainDescriptors, Roster
from server.stats import Stats

TURN: Final = 0.003
"""Seconds of writing in one turn of the loop."""

Job = tuple[Roster[Any], Callable[[], None]]


class FanOut:
    """What is being written in this process: a slice of each roster after another."""

    def __init__(
        self,
        stats: Stats,
        make: Callable[[], Descriptors] = PlainDescriptors,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Write through the descriptors that `make` gives for each roster."""
        self._stats = stats
        self._make = make
        self._now = now
        self._jobs: deque[Job] = deque()
        self._turn: asyncio.Handle | None = None
        self._until = 0.0
        self._working = False

    def roster(self) -> Roster[Any]:
        """Give a roster with nobody on it."""
        return Roster(self._make())

    def begin(self, roster: Roster[Any], data: bytes, done: Callable[[], None]) -> None:
        """Write to all on a roster, which has to be idle: now, or as soon as it is their turn.

        `done` is called when all have it; that may be before this comes back.
        """
        roster.begin(data)
        self._jobs.append((roster, done))
        if self._turn is None:
            now = self._now()
            # Whoever begins soon after the end of a turn may do so in the same turn of the loop.
            if now >= self._until + TURN:
                self._until = now + TURN
        self._work()

    def finish(self, roster: Roster[Any]) -> None:
        """Write the rest of what is being written to a roster, however long that takes."""
        for job in [job for job in self._jobs if job[0] is roster]:
            self._jobs.remove(job)
            while not self._advance(job):
                pass

    def close(self) -> None:
        """Write nothing more."""
        self._jobs.clear()
        if self._turn is not None:
            self._turn.cancel()

    def _go_on(self) -> None:
        self._turn = None
        if self._jobs:
            began = self._now()
            self._until = began + TURN
            self._work(least=1)
            self._stats.fan_out_seconds += self._now() - began

    def _work(self, least: int = 0) -> None:
        """Write until the turn is over; `least` slices in any case, so that it goes on."""
        if self._working:
            # Told that something is done, somebody wants to write more: it waits in the queue.
            return
        self._working = True
        used = time.thread_time()
        try:
            while self._jobs and (least > 0 or self._now() < self._until):
                least -= 1
                job = self._jobs.popleft()
                if not self._advance(job):
                    self._jobs.append(job)
        finally:
            self._working = False
            self._stats.fan_out_cpu += time.thread_time() - used
            if self._jobs and self._turn is None:
                self._turn = asyncio.get_running_loop().call_soon(self._go_on)

    def _advance(self, job: Job) -> bool:
        """Write one slice; tell whether it was the last."""
        roster, done = job
        self._stats.short_writes += roster.write()
        if not roster.is_done:
            return False
        roster.end()
        done()
        return True
