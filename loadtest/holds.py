"""How long anything but fan-out held the event loop of a gateway, as its metrics tell."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from loadtest.servers import Servers, metrics_page

SETTING: Final = "HIROBA_HOLD_EVERY"
EVERY_MS: Final = 2
"""Milliseconds between two looks, which is how much too short a hold may be told."""
WATCHED: Final = {SETTING: str(EVERY_MS)}
REACH_MS: Final = 5.0
_BUCKET: Final = re.compile(r'hiroba_loop_hold_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)')


@dataclass(frozen=True, slots=True)
class Holds:
    """How many looks found the loop held for at most so long (ms), each with those below it."""

    looks: Mapping[float, float]

    @classmethod
    def read(cls, page: str) -> Self:
        """Read a page of metrics; the processes on it are added up."""
        looks: dict[float, float] = {}
        for bound, count in _BUCKET.findall(page):
            bound_ms = float(bound) * 1000
            looks[bound_ms] = looks.get(bound_ms, 0.0) + float(count)
        return cls(looks)

    def since(self, before: Holds) -> Holds:
        """Give what came after an earlier reading."""
        return Holds({b: count - before.looks.get(b, 0.0) for b, count in self.looks.items()})

    @property
    def all(self) -> int:
        """All looks."""
        return round(self.looks.get(math.inf, 0.0))

    @property
    def longest_ms(self) -> float:
        """The least bound (ms) that no hold was above; infinite when none was that high."""
        return min((b for b, count in self.looks.items() if count >= self.all), default=0.0)

    def above(self, bound_ms: float) -> int:
        """Count the looks that found a hold above one of the bounds."""
        return self.all - round(self.looks.get(bound_ms, 0.0))

    def __str__(self) -> str:
        return (
            f"{self.above(REACH_MS)} of {self.all} looks above {REACH_MS:.0f} ms,"
            f" the longest at most {self.longest_ms:g} ms"
        )


async def holds(servers: Servers) -> Holds:
    """Ask the servers; nothing is counted without the setting."""
    return Holds.read(await metrics_page(servers))
