"""What was said in a room, page by page, from Postgres alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from rooms.access import can_read
from rooms.history.rules import PAGE, Asked, Page, PastMessage, Quoted, Reactions, Waiting
from rooms.rules import Position, message_id, message_uuid
from server.context import Viewer
from server.database import Queries, statements

if TYPE_CHECKING:
    from asyncpg import Record

sql = statements(__package__)


async def page(
    db: Queries, room: int, *, before: Position | None = None, limit: int = 50, viewer: str = ""
) -> Page:
    """Give the newest messages before a place, or the newest of all; at most 100."""
    limit = max(1, min(limit, PAGE))
    place = (before.epoch, before.offset) if before else (None, None)
    rows = await db.all(sql.before, room, *place, limit + 1)
    messages = [past_message(row) for row in reversed(rows[:limit])]
    messages = await _completed(db, room, messages, viewer)
    return Page(messages, older=len(rows) > limit, newer=before is not None)


async def around(
    db: Queries, room: int, uuid: UUID, *, each: int = 25, viewer: str = ""
) -> Page | None:
    """Give a message and what was said before and after it; None when it has no place here."""
    row = await db.one(sql.one, room, uuid)
    if row is None:
        return None
    each = max(1, min(each, PAGE // 2))
    place = (row["epoch"], row["offset"])
    before = await db.all(sql.before, room, *place, each + 1)
    after = await db.all(sql.after, room, *place, each + 1)
    rows = [*reversed(before[:each]), row, *after[:each]]
    messages = await _completed(db, room, [past_message(r) for r in rows], viewer)
    return Page(messages, older=len(before) > each, newer=len(after) > each)


async def latest(db: Queries, rooms: Sequence[int]) -> dict[str, PastMessage]:
    """Give the newest visible message of each of these rooms, by the room's id."""
    rows = await db.all(sql.latest, list(rooms))
    return {str(row["room_id"]): past_message(row) for row in rows}


async def by_author(
    db: Queries, author: str, rooms: Sequence[int], *, before: int | None = None, limit: int = 50
) -> list[PastMessage]:
    """List what one person said in these rooms, newest first; `before` in ms."""
    at = datetime.fromtimestamp(before / 1000, UTC) if before is not None else None
    rows = await db.all(sql.by_author, author, list(rooms), at, max(1, min(limit, PAGE)))
    return [past_message(row) for row in rows]


async def waiting(db: Queries, room: int, viewer: Viewer) -> list[Waiting]:
    """List what this viewer wrote in a room that waits for review; for its author's eyes only."""
    if viewer.id is None:
        return []
    rows = await db.all(sql.waiting, room, viewer.id)
    return [
        Waiting(message_id(row["id"]), row["text"], row["is_question"], _ms(row["at"]))
        for row in rows
        if can_read(viewer, row["state"], row["author"])
    ]


async def room_of_message(db: Queries, uuid: UUID) -> str | None:
    """Find the room of a message that is known by its id alone."""
    row = await db.one(sql.room_of_message, uuid)
    return str(row["room_id"]) if row else None


def past_message(row: Record) -> PastMessage:
    """Make a message of a row of `messages_shown`."""
    quoted = None
    if row["reply_to"] is not None:
        quoted = Quoted(
            id=message_id(row["reply_to"]), name=row["reply_name"] or "", text=row["reply_text"]
        )
    return PastMessage(
        id=message_id(row["id"]),
        room_id=str(row["room_id"]),
        position=Position(row["epoch"], row["offset"]),
        at=_ms(row["at"]),
        author=row["author"],
        author_name=row["author_name"],
        author_rank=row["author_rank"],
        client_message_id=row["client_message_id"],
        text=row["text"],
        state=row["state"],
        broadcast_id=str(row["broadcast_id"]) if row["broadcast_id"] else None,
        reply_to=quoted,
        edited=row["edited_at"] is not None,
        question=Asked(votes=0, answered=False) if row["is_question"] else None,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def _completed(
    db: Queries, room: int, messages: list[PastMessage], viewer: str
) -> list[PastMessage]:
    """Add what others did with the messages: reactions, and votes for questions."""
    if not messages:
        return messages
    ids = [message_uuid(m.id) for m in messages]
    reactions: dict[str, list[Reactions]] = {}
    for row in await db.all(sql.reactions, room, ids, viewer):
        reaction = Reactions(kind=row["kind"], count=row["count"], own=row["own"])
        reactions.setdefault(message_id(row["message_id"]), []).append(reaction)
    asked = {
        message_id(row["id"]): Asked(votes=row["votes"], answered=row["answered"])
        for row in await db.all(sql.questions, room, ids)
    }
    return [
        replace(m, reactions=tuple(reactions.get(m.id, ())), question=asked.get(m.id, m.question))
        for m in messages
    ]
