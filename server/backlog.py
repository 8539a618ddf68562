"""What waits to be saved: measured by the worker from time to time, for `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from prometheus_client import Gauge

from server.context import Context
from server.errors import Refused
from server.keys import tagged

EVERY: Final = 5.0

ENTRIES = Gauge("hiroba_log_backlog_entries", "Log entries not yet saved, of our partitions")
AGE = Gauge("hiroba_log_backlog_seconds", "How long the oldest of these entries has waited")
OUTBOX = Gauge("hiroba_outbox_waiting", "Outbox rows that are not yet carried out")
OUTBOX_AGE = Gauge("hiroba_outbox_waiting_seconds", "How long the oldest of these rows has waited")
DEAD_LETTERS = Gauge("hiroba_dead_letters", "Entries put aside that nobody has looked after yet")


class Backlog:
    """Measures the partitions that this process owns, and the tables that all share."""

    def __init__(self, ctx: Context, owned: Callable[[], Collection[int]]) -> None:
        self._ctx = ctx
        self._owned = owned

    async def run(self) -> None:
        """Measure until cancelled; what cannot be asked now keeps its last value."""
        while True:
            for measure in (self.measure_logs, self.measure_tables):
                with suppress(Refused):
                    await measure()
            await asyncio.sleep(EVERY)

    async def measure_logs(self) -> None:
        """Count what the logs of our partitions hold, and find the oldest of it."""
        broker = self._ctx.broker
        logs = [tagged(partition, "log") for partition in sorted(self._owned())]
        lengths = await asyncio.gather(*(broker.call("XLEN", log) for log in logs))
        filled = [log for log, length in zip(logs, lengths, strict=True) if length]
        firsts = await asyncio.gather(
            *(broker.call("XRANGE", log, "-", "+", "COUNT", 1) for log in filled)
        )
        # An id begins with the time in ms at which Redis took the entry.
        times = [int(first[0][0].split(b"-")[0]) for first in firsts if first]
        ENTRIES.set(sum(lengths))
        AGE.set(max(0, broker.redis_time - min(times)) / 1000 if times else 0)

    async def measure_tables(self) -> None:
        """Count the rows of the outbox and of the dead letters."""
        row = await self._ctx.db.one(
            """SELECT (SELECT count(*) FROM dead_letters) AS dead, count(*) AS waiting,
                      coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS age
               FROM outbox"""
        )
        assert row is not None
        DEAD_LETTERS.set(row["dead"])
        OUTBOX.set(row["waiting"])
        OUTBOX_AGE.set(max(0.0, row["age"]))
