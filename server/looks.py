"""When those of a process look who look again and again: together, for waking it is what costs."""

from __future__ import annotations

import random
from typing import Final

EVERY: Final = 0.25
"""Seconds between two looks, about."""

PHASE: Final = random.random()
"""Seconds; processes look at different times."""


def next_look(now: float, every: float = EVERY) -> float:
    """Give the time of the next look, the same for all here; at least half of `every` away."""
    # Timers may be early by a millisecond, and two looks at once are one too many.
    later = now + 1.5 * every
    return later - (later - PHASE) % every
