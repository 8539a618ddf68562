"""How the broker finds a room's gates and denials again in Postgres after a restart of Redis."""

from __future__ import annotations

from moderation.reads import denials, denials_everywhere
from rooms import reads
from rooms.rules import NOBODY, read_channel
from server.adoption import Gates
from server.context import Clock
from server.database import Database
from server.errors import Refused


class PostgresAdoption:
    """Implements the broker's `Adoption`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def gates(self, channel: str) -> Gates:
        """Give the gates of a room's channel; `not_found` when there is no such room."""
        room, _ = read_channel(channel)
        row = await self._db.one(reads.sql.gates, int(room))
        if row is None:
            raise Refused("not_found", "There is no such room.")
        min_rank = NOBODY if row["closed"] else row["min_rank"]
        return Gates(min_rank, row["cooldown_ms"], row["visibility"])

    async def denials(self, channel: str) -> dict[str, int]:
        """Give who is muted in this room, and until when in ms."""
        room, _ = read_channel(channel)
        return await denials(self._db, room, self._clock())

    async def denials_everywhere(self, partition: int) -> dict[str, int]:
        """Give who is muted or banned in every room; the same for all partitions."""
        return await denials_everywhere(self._db, self._clock())
