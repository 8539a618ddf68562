"""Single messages, as the database has them."""

from __future__ import annotations

from uuid import UUID

from rooms.comments.rules import Message
from rooms.rules import Position, message_id
from server.database import Queries, statements

sql = statements(__package__)


async def message(db: Queries, room: int, uuid: UUID) -> Message | None:
    """Find a message by its id."""
    row = await db.one(sql.message, room, uuid)
    if row is None:
        return None
    return Message(
        id=message_id(uuid),
        author=row["author"],
        name=row["author_name"],
        text=row["text"],
        at=round(row["at"].timestamp() * 1000),
        state=row["state"],
        rank=row["author_rank"],
        shown=Position(row["epoch"] or 0, row["offset"] or 0),
    )


async def members_named(db: Queries, keys: list[str]) -> list[str]:
    """Find members by their folded names, as viewer ids."""
    return [f"m{row['id']}" for row in await db.all(sql.members_named, keys)]
