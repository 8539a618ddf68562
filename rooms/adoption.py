"""How the broker finds again in Postgres what Redis has forgotten of a room by a restart."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.reads import denials, denials_everywhere
from rooms import reads
from rooms.comments.reads import answers
from rooms.rules import NOBODY, Position, read_channel
from server.adoption import Gates
from server.answers import Answer
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

    async def answers(self, channel: str, epoch: int, offset: int) -> Sequence[Answer]:
        """Give what was posted lately above a place; other channels' publications are not kept."""
        room, part = read_channel(channel)
        if part:
            return ()
        return await answers(self._db, int(room), Position(epoch, offset), self._clock())
