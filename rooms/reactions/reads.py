"""Reactions to messages, as the database has them."""

from __future__ import annotations

from uuid import UUID

from server.database import Queries, statements

sql = statements(__package__)


async def stands(db: Queries, room: int, message: UUID, viewer: str, kind: str) -> bool:
    """Tell whether this viewer's reaction to a message is there."""
    return bool(await db.value(sql.standing, room, message, viewer, kind))


async def message_state(db: Queries, room: int, message: UUID) -> str | None:
    """Give the state of a message; None when it is not saved (yet)."""
    state: str | None = await db.value(sql.message_state, room, message)
    return state
