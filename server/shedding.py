"""What a process under flood leaves out, and in which order; nothing of it is ever lost.

What is published is always stored and always in the full feed. A sampled feed says with `of` how
much it leaves out, and never leaves out what is flagged to be kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from server.context import Context
from server.sampling import QUOTA


class Step(IntEnum):
    """What is done from a level on, besides everything before it."""

    NOTHING = 0
    PASSING = 1
    """Passing signs of single viewers are dropped, and viewers counted less often."""
    TALLIES = 2
    """Tallies are passed on less often."""
    BATCHES = 3
    """Publications wait longer for others to travel with."""
    COOLDOWN = 4
    """Whoever publishes has to wait longer before the next time."""
    SAMPLE = 5
    """Sampled feeds show fewer."""


LAG: Final = 0.1
"""Seconds that the loop is late on average, when fan-out is what holds it."""
LAG_ALONE: Final = 1.0
"""The same whatever holds it: then many publish."""
FAN_OUT: Final = 0.75
"""Part of the time that fan-out takes."""
FAN_OUT_NOTED: Final = 0.3
DELIVERIES: Final = 20_000_000
"""Publications a second, each to each viewer: more than the bytes of a fast network card."""
CALM: Final = 0.6
"""Pressure below which it is calm: what is left out lowers it, and must not end by that alone."""
RISE_SECONDS: Final = 2.0
FALL_SECONDS: Final = 10.0
HEARD_SECONDS: Final = 12.0
"""How long the level of another process counts that is not heard again."""
TELL_SECONDS: Final = 5.0

PATIENCE: Final = 3.0
"""How many times as long batches wait."""
SMALL_QUOTA: Final = 2
"""Of a sampled feed in each slot: 10 a second."""
SELDOM: Final = 3
"""How many times as seldom tallies and counts are passed on."""
COOLDOWN_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Load:
    """What one process measured in the last second or so."""

    lag: float
    """Seconds that the loop was late, on average."""
    fan_out: float
    """Part of the time that went into fan-out, 0 to 1."""
    deliveries: float
    """Publications a second, each to each viewer."""

    @property
    def pressure(self) -> float:
        """Give 1 and more for too much."""
        late = min(self.lag / LAG, self.fan_out / FAN_OUT_NOTED)
        return max(self.fan_out / FAN_OUT, late, self.lag / LAG_ALONE, self.deliveries / DELIVERIES)


class Policy:
    """Goes up a step while there is too much, and down only after a long calm."""

    def __init__(self) -> None:
        self.level = 0
        self._pressed_since: float | None = None
        self._calm_since: float | None = None

    def turn(self, pressure: float, now: float) -> int:
        """Take a measurement and give the level, `now` in seconds of any clock."""
        self._pressed_since = _since(self._pressed_since, pressure >= 1.0, now)
        self._calm_since = _since(self._calm_since, pressure < CALM, now)
        if self._pressed_since is not None and now - self._pressed_since >= RISE_SECONDS:
            self.level = min(self.level + 1, max(Step))
            self._pressed_since = now
        if self._calm_since is not None and now - self._calm_since >= FALL_SECONDS:
            self.level = max(self.level - 1, 0)
            self._calm_since = now
        return self.level


class Shedding:
    """The level of this process: its own, or that of another which is under more pressure.

    All processes act on the highest, so that a sampled feed stays the same for everybody.
    `ctx.of(Shedding)` gives it to what leaves something out.
    """

    def __init__(self, ctx: Context) -> None:
        self.level = 0
        """The level that counts."""
        self._allowed = ctx.settings.shedding
        self.policy = Policy()
        self.shed: Counter[str] = Counter()
        """What was left out or put off, by its name."""
        self.pressure = 0.0
        self._others: dict[str, tuple[int, float]] = {}
        self._now = 0.0
        self._told_at = -TELL_SECONDS
        self._told = 0

    def sheds(self, step: Step, name: str = "") -> bool:
        """Tell whether a step is in force, and count by name what is left out because of it."""
        shed = self.level >= step
        if shed and name:
            self.shed[name] += 1
        return shed

    def turn(self, load: Load, now: float) -> None:
        """Take what was measured; forget others that are not heard any more."""
        self._now = now
        self.pressure = load.pressure
        self.policy.turn(load.pressure if self._allowed else 0.0, now)
        heard = self._others.items()
        self._others = {who: each for who, each in heard if now - each[1] < HEARD_SECONDS}
        self._settle()

    def hear(self, who: str, level: int) -> None:
        """Learn the level of another process."""
        self._others.pop(who, None)
        if level > 0 and self._allowed:
            self._others[who] = (min(level, max(Step)), self._now)
        self._settle()

    def to_tell(self) -> int | None:
        """Give the own level when the others should be told it: changed, or not told for long."""
        level = self.policy.level
        due = level > 0 and self._now - self._told_at >= TELL_SECONDS
        if level == self._told and not due:
            return None
        self._told, self._told_at = level, self._now
        return level

    def _settle(self) -> None:
        self.level = max([self.policy.level, *(level for level, _ in self._others.values())])

    @property
    def patience(self) -> float:
        """Give how many times as long batches wait."""
        return PATIENCE if self.level >= Step.BATCHES else 1.0

    @property
    def quota(self) -> int:
        """Give how many publications a sampled feed shows in a slot."""
        return SMALL_QUOTA if self.level >= Step.SAMPLE else QUOTA

    @property
    def cooldown_ms(self) -> int:
        """Give how long whoever publishes has to wait at least before the next time."""
        return COOLDOWN_MS if self.level >= Step.COOLDOWN else 0


def _since(begun: float | None, holds: bool, now: float) -> float | None:
    """Give since when something holds; None while it does not."""
    if not holds:
        return None
    return now if begun is None else begun
