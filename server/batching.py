"""How long a channel waits for more before it writes: the largest lever of fan-out."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 0.1
"""Seconds; never longer than this."""
SHARE: Final = 0.25
"""Part of the process's time that fan-out aims at when there is a flood."""
WRITE: Final = 5e-6
"""Seconds that one write to one viewer takes, about."""
SMALL: Final = 50
"""Viewers for whom every publication is written at once."""


def delay(audience: int, busy: int, since_last: float, patience: float = 1.0) -> float:
    """Give the seconds to wait before the next flush; 0 for small or quiet channels.

    `audience` are the viewers of this channel, `busy` those of all channels that were written
    within the last second, `since_last` the seconds since this channel was written. The first
    publication after a pause never waits; the more there are, the longer each next one does.
    A loaded process waits `patience` times as long.
    """
    viewers = max(audience, busy)
    if viewers <= SMALL:
        return 0.0
    return max(0.0, min(LONGEST, viewers * WRITE / SHARE) * patience - since_last)
