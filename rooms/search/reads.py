"""Finds what was said: candidates from PostgreSQL, ranked exactly, with their places."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any

from moderation.rules import Rank
from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.events import Author
from rooms.rules import message_id
from rooms.search.marks import marks
from rooms.search.query import Plan, plan
from rooms.search.rank import Scored, rank
from rooms.search.rules import Filters, Hit, read_question
from rooms.search.weights import Statistics
from server.context import Context, Viewer
from server.database import Queries, statements

if TYPE_CHECKING:
    from asyncpg import Record

SQL = statements(__package__)

FRESH_MS = 60_000
FEW = 10
"""Fewer candidates than this ask for a wider look."""


class TokenStatistics:
    """The statistics that this process goes by; looked after once a minute."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = asyncio.Lock()
        self._looked: float = -inf
        self._made: datetime | None = None
        self._statistics = Statistics()

    async def now(self) -> Statistics:
        """Give them, read anew when PostgreSQL has made new ones."""
        async with self._lock:
            if self._ctx.clock() - self._looked >= FRESH_MS:
                made = await self._ctx.db.value(SQL.analysed)
                # A crash of PostgreSQL loses that date, but not the statistics themselves.
                if made != self._made or self._looked == -inf:
                    self._statistics = await statistics(self._ctx.db)
                self._made, self._looked = made, self._ctx.clock()
            return self._statistics


async def statistics(db: Queries) -> Statistics:
    """Read how often tokens occur, as the last ANALYZE found it."""
    row = await db.one(SQL.statistics)
    if row is None or row["tokens"] is None or row["rows"] <= 0:
        return Statistics()
    # The list of shares ends with the smallest and the largest once more.
    shares = dict(zip(row["tokens"], row["shares"], strict=False))
    return Statistics.of(row["rows"], shares, row["moments"] or ())


async def search(
    ctx: Context,
    viewer: Viewer,
    text: str,
    filters: Filters = Filters(),  # noqa: B008
    *,
    limit: int = 20,
    boost: bool = True,
) -> list[Hit]:
    """Find what was said in the rooms that this viewer may see; answered questions first.

    `invalid` for an empty or too long text, `not_found` for a room that may not be seen.
    """
    text = read_question(text)
    visible = await ctx.of(RoomCache).visible(viewer)
    if filters.room is not None:
        room = await ctx.of(RoomCache).room(filters.room)
        require_sight(viewer, room)
        visible = [int(room.id)]
    planned = plan(text, await ctx.of(TokenStatistics).now())
    if planned is None or not visible:
        return []
    rows = await _candidates(ctx.db, planned, visible, filters)
    scored = await asyncio.to_thread(
        rank, text, planned.weights, [(row["kind"], row["text"]) for row in rows], boost=boost
    )
    best = [(rows[s.place], s) for s in scored[:limit]]
    return await _placed(ctx.db, planned, best)


async def _candidates(
    db: Queries, planned: Plan, rooms: Sequence[int], filters: Filters
) -> list[Record]:
    questions, comments = await asyncio.gather(
        _questions(db, planned, rooms, filters), _comments(db, planned, rooms, filters)
    )
    asked = {(row["room_id"], row["id"]) for row in questions}
    return [*questions, *(row for row in comments if (row["room_id"], row["id"]) not in asked)]


async def _questions(
    db: Queries, planned: Plan, rooms: Sequence[int], filters: Filters
) -> list[Record]:
    f = filters
    for condition in (planned.condition, planned.wider):
        rows = await db.all(
            SQL.questions,
            *(condition, rooms, f.author, f.since, f.until, f.answered),
            *_buckets(planned),
        )
        if len(rows) >= FEW:
            break
    return rows


async def _comments(
    db: Queries, planned: Plan, rooms: Sequence[int], filters: Filters
) -> list[Record]:
    if filters.answered is not None:
        return []
    f = filters
    tries: list[tuple[str, Any]] = [(planned.condition, None), (planned.wider, None)]
    if planned.least_id is not None:
        tries.insert(0, (planned.condition, planned.least_id))
    for condition, least_id in tries:
        rows = await db.all(
            SQL.comments,
            *(condition, rooms, f.author, f.since, f.until, least_id),
            *_buckets(planned),
        )
        if len(rows) >= FEW:
            break
    return rows


def _buckets(planned: Plan) -> tuple[list[float], list[str]]:
    return [weight for weight, _ in planned.buckets], [query for _, query in planned.buckets]


async def _placed(db: Queries, planned: Plan, best: Sequence[tuple[Record, Scored]]) -> list[Hit]:
    """Say of what was found where it was said; what was hidden meanwhile is left out."""
    places = await db.all(
        SQL.places, [row["room_id"] for row, _ in best], [row["id"] for row, _ in best]
    )
    by_id = {(place["room_id"], place["id"]): place for place in places}
    hits = [
        _hit(by_id[row["room_id"], row["id"]], row["kind"], scored.score)
        for row, scored in best
        if (row["room_id"], row["id"]) in by_id
    ]
    return await asyncio.to_thread(_marked, hits, planned)


def _marked(hits: Sequence[Hit], planned: Plan) -> list[Hit]:
    return [
        replace(
            hit,
            marks=marks(hit.text, planned.weights),
            answer_marks=marks(hit.answer or "", planned.weights),
        )
        for hit in hits
    ]


def _hit(row: Record, kind: Any, score: float) -> Hit:
    answered = kind == "answer"
    return Hit(
        kind=kind,
        id=message_id(row["id"]),
        room_id=str(row["room_id"]),
        room_slug=row["room_slug"],
        room_title=row["room_title"],
        room_kind=row["room_kind"],
        author=_author(row["author"], row["author_name"], row["author_rank"]),
        text=row["text"],
        at=row["at"],
        marks=(),
        votes=row["votes"] or 0,
        answer=row["answer"] if answered else None,
        answer_author=_author(row["answered_by"], row["answered_name"], row["answered_rank"])
        if answered and row["answered_by"]
        else None,
        answer_second=row["answered_second"] if answered else None,
        broadcast_title=row["broadcast_title"],
        second=_second(row),
        score=score,
    )


def _second(row: Record) -> int | None:
    start, end = row["started_at"], row["ended_at"]
    if start is None or row["at"] < start or (end is not None and row["at"] > end):
        return None
    return int((row["at"] - start).total_seconds())


def _author(person: str, name: str | None, rank_number: int | None) -> Author:
    return Author(id=person, name=name or "", role=Rank.of(rank_number or 0).wire)
