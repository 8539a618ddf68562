"""Latencies in narrow buckets, second by second, so that those of many viewers add up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

STEP = math.log(1.02)
"""Buckets are 2 % wide."""
LEAST = 1e-6


class Latencies:
    """Counts of latencies by the second of the run in which they began."""

    def __init__(self) -> None:
        self.seconds: dict[int, Counter[int]] = {}

    def add(self, second: int, latency: float) -> None:
        """Count one, in seconds."""
        bucket = math.floor(math.log(max(latency, LEAST)) / STEP)
        self.seconds.setdefault(second, Counter())[bucket] += 1

    def join(self, other: Mapping[int, Mapping[int, int]]) -> None:
        """Add those of another process."""
        for second, counts in other.items():
            self.seconds.setdefault(second, Counter()).update(counts)

    def total(self) -> Counter[int]:
        """Give the counts over the whole run."""
        total: Counter[int] = Counter()
        for counts in self.seconds.values():
            total.update(counts)
        return total

    def over_time(self, shares: Iterable[float]) -> list[tuple[int, list[float]]]:
        """Give for each second with any its latencies at these shares."""
        wanted = list(shares)
        return [
            (second, [at_share(counts, share) for share in wanted])
            for second, counts in sorted(self.seconds.items())
        ]


def at_share(counts: Mapping[int, int], share: float) -> float:
    """Give the latency in seconds that this share (0 to 1) does not exceed; 0 without any."""
    left = math.ceil(share * sum(counts.values()))
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            return math.exp((bucket + 0.5) * STEP)
    return 0.0
