"""Questions as pages, the API and the socket show them."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from moderation.rules import Rank
from rooms.events import Author
from rooms.questions.rules import Answer, Question
from rooms.rules import message_id, message_uuid
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)


async def question(db: Queries, key: str) -> Question:
    """Find a question by its id; `not_found` also when its message is hidden."""
    row = await db.one(SQL.question, message_uuid(key))
    if row is None:
        raise Refused("not_found", "There is no such question.")
    return question_of(row)


async def listed(
    db: Queries, room_id: str, sort: str = "popular", *, limit: int = 50, skip: int = 0
) -> list[Question]:
    """List the questions of a room: `popular` and `new` ones that are open, or `answered` ones."""
    sql = {"popular": SQL.popular, "new": SQL.new, "answered": SQL.answered}[sort]
    return [question_of(row) for row in await db.all(sql, int(room_id), limit, skip)]


async def across(
    db: Queries, rooms: Sequence[int], state: str = "answered", *, limit: int = 30, skip: int = 0
) -> list[Question]:
    """List questions of several rooms, most votes first; `state` is open or answered."""
    rows = await db.all(SQL.across, list(rooms), state, limit, skip)
    return [question_of(row) for row in rows]


async def of_broadcast(db: Queries, broadcast_id: str) -> list[Question]:
    """List what was answered in a broadcast, in the order of the recording."""
    return [question_of(row) for row in await db.all(SQL.of_broadcast, int(broadcast_id))]


async def counts(db: Queries, room_id: str) -> dict[str, int]:
    """Count a room's questions: {open, answered}."""
    row = await db.one(SQL.counts, int(room_id))
    return dict(row) if row else {"open": 0, "answered": 0}


async def voted(db: Queries, room_id: str, person: str | None) -> set[str]:
    """Give the ids of the questions that this viewer voted for."""
    if person is None:
        return set()
    rows = await db.all(SQL.voted, int(room_id), person)
    return {message_id(row["question_id"]) for row in rows}


def question_of(row: Record) -> Question:
    """Make a question of a row of `questions_shown`."""
    answer = None
    if row["answered_at"] is not None and row["state"] == "answered":
        answer = Answer(
            author=_author(row["answered_by"], row["answered_name"], row["answered_rank"]),
            at=row["answered_at"],
            text=row["answer"],
            second=row["answered_second"],
        )
    return Question(
        id=message_id(row["id"]),
        room_id=str(row["room_id"]),
        room_slug=row["room_slug"],
        room_title=row["room_title"],
        room_kind=row["room_kind"],
        author=_author(row["author"], row["author_name"], row["author_rank"]),
        text=row["text"],
        state=row["state"],
        votes=row["votes"],
        asked_at=row["asked_at"],
        shown=row["shown_since"] is not None,
        broadcast_id=str(row["broadcast_id"]) if row["broadcast_id"] else None,
        broadcast_title=row["broadcast_title"],
        answer=answer,
        epoch=row["epoch"],
        offset=row["offset"],
    )


def _author(person: str, name: str, rank: int) -> Author:
    return Author(id=person, name=name, role=Rank.of(rank).wire)
