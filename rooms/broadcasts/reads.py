"""Broadcasts: what is on, what comes next, what is over."""

from __future__ import annotations

from collections.abc import Sequence

from rooms.reads import broadcast_of
from rooms.rules import Broadcast
from server.database import Queries, statements

sql = statements(__package__)


async def broadcast(db: Queries, number: int) -> Broadcast | None:
    """Find a broadcast by its number."""
    row = await db.one(sql.broadcast, number)
    return broadcast_of(row) if row else None


async def live_now(db: Queries, rooms: Sequence[int]) -> list[Broadcast]:
    """List what is on in these rooms, the newest first."""
    return [broadcast_of(row) for row in await db.all(sql.live_now, list(rooms))]


async def coming(db: Queries, rooms: Sequence[int], limit: int = 10) -> list[Broadcast]:
    """List what comes next in these rooms."""
    return [broadcast_of(row) for row in await db.all(sql.coming, list(rooms), limit)]


async def ended(db: Queries, rooms: Sequence[int], limit: int = 10) -> list[Broadcast]:
    """List what is over in these rooms, the newest first."""
    return [broadcast_of(row) for row in await db.all(sql.ended, list(rooms), limit)]


async def of_room(db: Queries, room: int, limit: int = 50) -> list[Broadcast]:
    """List the broadcasts of a room, the newest first."""
    return [broadcast_of(row) for row in await db.all(sql.of_room, room, limit)]
