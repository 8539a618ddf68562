"""Many deadlines of one length behind one timer: a timer for each would cost more than all else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Deadlines(Generic[Key]):
    """Whoever is added is late after `seconds`, unless taken off before."""

    def __init__(self, seconds: float, late: Callable[[Key, float], None]) -> None:
        """`late` is told who, and when it was due in the time of the loop."""
        self.seconds = seconds
        self._late = late
        # In the order in which they are due, as all wait equally long.
        self._due: dict[Key, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of the first who was added: to ask for it each time is a call into the kernel."""

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: object) -> bool:
        return key in self._due

    def add(self, key: Key) -> None:
        """Begin to wait for somebody, or anew."""
        self._due.pop(key, None)
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        due = self._due[key] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def discard(self, key: Key) -> None:
        """Wait no longer."""
        self._due.pop(key, None)

    def close(self) -> None:
        """Wait for nobody any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = []
        for key, due in self._due.items():
            if due > now:
                self._timer = loop.call_at(due, self._look)
                break
            late.append((key, due))
        # First all are taken off: being late has effects on others.
        for key, _ in late:
            del self._due[key]
        for key, due in late:
            self._late(key, due)
