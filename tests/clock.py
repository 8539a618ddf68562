"""A clock that a test turns itself."""

from __future__ import annotations


class FakeClock:
    """Callable like `server.context.system_clock`; time stands still until `advance`."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        """Turn the clock forward."""
        self.now += milliseconds
