"""Single messages, as the database has them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from rooms.comments import rules
from rooms.comments.rules import Message
from rooms.rules import Position, message_id
from server.answers import MOST, REMEMBER_MS, Answer
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


async def answers(db: Queries, room: int, above: Position, now_ms: int) -> list[Answer]:
    """Give what posts above a place were answered lately, the newest first.

    An edited or deleted one is left out: what its first try said is not known any more.
    """
    since = datetime.fromtimestamp((now_ms - REMEMBER_MS) / 1000, UTC)
    place = (above.epoch, above.offset)
    return [
        Answer(
            row["author"],
            row["client_message_id"],
            rules.digest(
                row["text"],
                message_id(row["reply_to"]) if row["reply_to"] else None,
                row["is_question"],
            ),
            row["epoch"],
            row["offset"],
            round(row["at"].timestamp() * 1000),
            message_id(row["id"]),
        )
        for row in await db.all(sql.answers, room, *place, since, MOST)
    ]


async def members_named(db: Queries, keys: list[str]) -> list[str]:
    """Find members by their folded names, as viewer ids."""
    return [f"m{row['id']}" for row in await db.all(sql.members_named, keys)]
