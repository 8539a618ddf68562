"""Which publications the sampled feed shows: the same for every viewer, and on every gateway."""

from __future__ import annotations

from typing import Final

SLOT: Final = 200
"""ms of Redis time that share a quota."""
QUOTA: Final = 5
"""Shown in each slot: 25 a second."""


class Sampler:
    """Chooses about 25 a second from a stream of any rate, and everything from a slower one.

    What a slot leaves unused the next one may use. The choice depends on nothing but the times
    in this slot and the one before, so gateways that joined at different moments soon agree.
    """

    __slots__ = ("_arrived", "_before", "_slot", "quota")

    def __init__(self) -> None:
        self.quota = QUOTA
        self._slot = 0
        self._arrived = 0
        self._before = 0

    def choose(self, at: int, *, keep: bool) -> bool:
        """Tell whether a publication of time `at` (ms) is shown; one marked to keep always is."""
        slot = at // SLOT
        if slot != self._slot:
            self._before = self._arrived if slot == self._slot + 1 else 0
            self._arrived = 0
            self._slot = slot
        self._arrived += 1
        left_over = max(0, self.quota - self._before)
        return keep or self._arrived <= self.quota + left_over
