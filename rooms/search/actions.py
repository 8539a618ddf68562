"""What the worker does for the search: tokens of questions, and statistics of tokens."""

from __future__ import annotations

from rooms.rules import message_uuid, read_channel
from rooms.search.encode import tsvector
from rooms.search.reads import SQL
from server.context import Context
from server.database import Transaction
from server.stream_worker import Entry

CHANGING = {"question.asked", "question.answered", "comment.edited", "comment.deleted"}
FIRST_ROWS = 1000
GROWTH = 0.1
ANALYSE_SECONDS = 120.0
FOLD_SECONDS = 20.0


async def index_questions(tx: Transaction, entries: list[Entry]) -> None:
    """Store the tokens of questions and answers that came or changed (a consumer)."""
    wanted = {
        (int(read_channel(e.channel)[0]), message_uuid(e.body["id"]))
        for e in entries
        if e.body.get("event") in CHANGING
    }
    if not wanted:
        return
    rows = await tx.all(SQL.texts, *(list(column) for column in zip(*wanted, strict=True)))
    if rows:
        await tx.run(
            SQL.index_questions,
            [row["room_id"] for row in rows],
            [row["id"] for row in rows],
            [tsvector(row["text"], row["answer"] or "") for row in rows],
        )


async def analyse(ctx: Context) -> list[str]:
    """Make the statistics anew after the first 1,000 rows and every 10 % of growth (a chore).

    Autovacuum would come too, but up to a minute later, or not at all where it is off.
    """
    due = [
        row["name"]
        for row in await ctx.db.all(SQL.grown)
        if row["changed"] >= max(FIRST_ROWS, GROWTH * row["rows"])
    ]
    for name in due:
        await ctx.db.run(f"ANALYZE {name}", timeout=ANALYSE_SECONDS)
    return due


async def fold(ctx: Context) -> None:
    """Take what was written lately into the indexes (a chore).

    New entries gather in a list that every search has to read through: 4 MB of it take 30 ms.
    """
    for index in ("messages_tokens", "questions_tokens"):
        await ctx.db.value(SQL.fold, index, timeout=FOLD_SECONDS)
