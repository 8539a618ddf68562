"""What a hub counts while it writes; the metrics read it when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from server.measure import Measure

BATCHES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
OFF_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


@dataclass(slots=True)
class Stats:
    """What a hub counts."""

    publications: int = 0
    """Taken from Redis."""
    frames: int = 0
    """Written to viewers."""
    deliveries: int = 0
    """Publications in these frames, each as often as it was written."""
    left_out: int = 0
    """Publications that the sampled feed of a channel did not show."""
    fan_out_seconds: float = 0.0
    """Time of the loop that building and writing frames took."""
    fan_out_cpu: float = 0.0
    """CPU time of writing alone: of pushes, heartbeats and pings."""
    bytes: int = 0
    short_writes: int = 0
    slow: int = 0
    """Viewers let go because they stopped reading."""
    lost: int = 0
    """Viewers let go because the tail no longer reached back to them."""
    batches: Measure = field(default_factory=lambda: Measure(*BATCHES))
    """Publications written together to one list."""
    off_seconds: Measure = field(default_factory=lambda: Measure(*OFF_SECONDS))
    """How long viewers were off their lists who came back."""
