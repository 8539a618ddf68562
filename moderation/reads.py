"""What the console shows: feed, queue, reports, words and cards; and denials for the fence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from moderation import audit
from moderation.audit import SQL
from moderation.events import HeldItem
from moderation.ids import is_guest, wire_id
from moderation.review import as_item
from moderation.rules import Rank, wire_until
from moderation.sanctions import denials, denials_everywhere
from server.database import Queries

PAGE = 50
MOST = 200

__all__ = ["Card", "Line", "Word", "denials", "denials_everywhere"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the list."""

    id: int
    word: str
    action: str
    added_name: str
    added_at: int


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that the staff knows of a person, as JSON-able values; times in ms."""

    id: str
    name: str
    role: str
    joined: int | None
    language: str
    counts: dict[str, int] = field(default_factory=dict)
    holding: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """A message in the feed of a moderator, hidden ones included; `at` in ms."""

    id: str
    author: str
    author_name: str
    role: str
    text: str
    hidden: bool
    hidden_by: str | None
    question: bool
    reports: int
    at: int
    epoch: int
    offset: int


async def feed(db: Queries, room: str, *, find: str = "", limit: int = PAGE) -> list[Line]:
    """Give the newest messages of a room, the oldest first; `find` looks in texts and names."""
    pattern = re.sub(r"([%_\\])", r"\\\1", find)
    rows = await db.all(SQL.feed, int(room), f"%{pattern}%" if find else None, limit)
    return [
        Line(
            id=wire_id(row["id"]),
            author=row["author"],
            author_name=row["author_name"],
            role=Rank.of(row["author_rank"]).wire,
            text=row["text"],
            hidden=row["state"] == "hidden",
            hidden_by=row["hidden_by"],
            question=row["is_question"],
            reports=row["reports"],
            at=audit.millis(row["at"]),
            epoch=row["epoch"],
            offset=row["offset"],
        )
        for row in rows
    ]


async def queue(db: Queries, room: str | None, *, limit: int = MOST) -> list[HeldItem]:
    """Give what waits for review in a room (None: in all), the oldest first."""
    rows = await db.all(SQL.waiting, int(room) if room else None, limit)
    return [as_item(row) for row in rows]


async def queue_sizes(db: Queries) -> dict[str, int]:
    """Give how many wait in each room where some do."""
    return {str(row["room_id"]): row["held"] for row in await db.all(SQL.count_queue)}


async def reported(db: Queries, room: str | None, *, limit: int = MOST) -> list[dict[str, Any]]:
    """Give the messages with open reports in a room (None: in all), the newest report first."""
    rows = await db.all(SQL.open_reports, int(room) if room else None, limit)
    return [
        {
            "id": wire_id(row["message_id"]),
            "room": str(row["room_id"]),
            "author": {"id": row["author"], "name": row["author_name"]},
            "text": row["text"],
            "count": row["count"],
            "reasons": row["reasons"],
            "notes": row["notes"][:5],
            "at": audit.millis(row["at"]),
        }
        for row in rows
    ]


async def words(db: Queries) -> list[Word]:
    """Give the word list, the newest first."""
    rows = await db.all(SQL.words)
    return [
        Word(
            row["id"], row["word"], row["action"], row["added_name"], audit.millis(row["added_at"])
        )
        for row in reversed(rows)
    ]


async def today(db: Queries, actor: str, now: int) -> dict[str, int]:
    """Give how many acts somebody did in the last 24 hours, and how many were taken back."""
    row = await db.one(SQL.actor_today, actor, audit.moment(now - 86_400_000))
    return {"done": row["done"], "undone": row["undone"]} if row else {"done": 0, "undone": 0}


async def card(db: Queries, person: str, name: str, now: int) -> Card:
    """Give what is known of a person; `name` stands in for a guest who has no row yet."""
    rank, joined, language = int(Rank.GUEST), None, ""
    if is_guest(person):
        name = await db.value(SQL.guest_name, person) or name
        since = await db.value(SQL.guest_joined, person)
        joined = audit.millis(since) if since else None
    else:
        member = await db.one(SQL.member, int(person[1:]))
        row = await db.one(SQL.joined, int(person[1:]))
        if member is not None and row is not None:
            name, rank = member["name"], member["rank"]
            joined, language = audit.millis(row["created_at"]), row["language"]
    counts = await db.one(SQL.counts_of, person)
    return Card(
        person,
        name,
        Rank.of(rank).wire,
        joined,
        language,
        dict(counts) if counts else {},
        [_holding(row) for row in await db.all(SQL.holding, person, audit.moment(now))],
        [_history(row) for row in await db.all(SQL.history_of, person)],
        [_note(row) for row in await db.all(SQL.notes_of, person)],
        [_message(row) for row in await db.all(SQL.messages_of, person, 20)],
    )


def _holding(row: Any) -> dict[str, Any]:
    return {
        "id": wire_id(row["id"]),
        "kind": row["kind"],
        "room": str(row["room_id"]) if row["room_id"] else None,
        "until": wire_until(audit.until_millis(row["until"])),
        "reason": row["reason"],
        "by": row["by_name"],
        "at": audit.millis(row["at"]),
    }


def _history(row: Any) -> dict[str, Any]:
    return {
        "id": wire_id(row["id"]),
        "at": audit.millis(row["at"]),
        "action": row["action"],
        "by": row["actor_name"],
        "reason": row["reason"],
        "details": row["details"],
        "text": row["text"],
        "undone": row["undone_by"] is not None,
    }


def _note(row: Any) -> dict[str, Any]:
    at = audit.millis(row["at"])
    return {"id": wire_id(row["id"]), "text": row["text"], "by": row["by_name"], "at": at}


def _message(row: Any) -> dict[str, Any]:
    return {
        "id": wire_id(row["id"]),
        "room": str(row["room_id"]),
        "title": row["title"],
        "text": row["text"],
        "state": row["state"],
        "at": audit.millis(row["at"]),
    }
