"""Keeps the garbage collector from holding the loop: it never looks through those who stay.

What a connection is made of lives long and is freed without the collector, but looking through
thousands of them for cycles takes tens of milliseconds, during which nobody is served. So new
objects are looked through soon and few at a time, and what has survived that is frozen. All of it
is looked through again while few are connected, and on a gateway that is never empty four times a
day: what became garbage after it was frozen may not pile up for ever.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

THRESHOLDS: Final = (10_000, 10, 1_000_000)
"""New objects, and rounds of the younger generation, before cycles are looked for; all: never."""
STEP: Final = 50
"""Connections that opened, after which what survived is frozen: about a millisecond of looking."""
EVERY: Final = 600.0
"""Seconds between two looks through all while few are connected."""
FEW: Final = 200
"""Connections, with which such a look takes a few milliseconds."""
LATEST: Final = 6 * 3600.0
"""Seconds after which all is looked through however many are connected."""


class Garbage:
    """When this process looks for garbage; one of each process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Leave the collector as it is; `begin` takes over."""
        self._now = now
        self._opened = 0
        self._looked_at = 0.0
        self._begun = False

    def begin(self) -> None:
        """Freeze what is there from the start, and look as little as is needed from now on."""
        gc.set_threshold(*THRESHOLDS)
        self._begun = True
        self._look_through_all()

    def opened(self) -> None:
        """Count a connection that opened."""
        self._opened += 1
        if self._opened >= STEP:
            self._freeze()

    def tick(self, connections: int) -> None:
        """Freeze what opened since, or look through all when it is time."""
        if not self._begun:
            return
        if self._now() - self._looked_at >= (EVERY if connections < FEW else LATEST):
            gc.unfreeze()
            self._look_through_all()
        elif self._opened:
            self._freeze()

    def _freeze(self) -> None:
        self._opened = 0
        if self._begun:
            # Only what is young is looked through; what is frozen has no generation.
            gc.collect(1)
            gc.freeze()

    def _look_through_all(self) -> None:
        self._looked_at = self._now()
        self._opened = 0
        gc.collect()
        gc.freeze()
