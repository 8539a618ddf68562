"""What the console shows: queue, reports, cards and the log; and denials for the fence."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

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

__all__ = ["Audit", "Card", "Entry", "Word", "denials", "denials_everywhere"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One act of the audit log; times in ms."""

    id: str
    at: int
    actor: str
    actor_name: str
    actor_role: str
    action: str
    person: str | None
    person_name: str | None
    room: str | None
    message: str | None
    text: str | None
    reason: str
    details: dict[str, Any]
    undone: str | None
    """The name of who took it back."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A page of the log, the newest first."""

    entries: list[Entry]
    before: tuple[int, str] | None = None
    """The place after which an older page begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts to list; None is any."""

    room: str | None = None
    actor: str | None = None
    person: str | None = None
    action: str | None = None
    by_people: bool = False
    """Leave out what filters did: in a raid they hold a hundred messages a minute."""


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


async def audit_page(
    db: Queries, wanted: Wanted, *, before: tuple[int, str] | None = None, limit: int = PAGE
) -> Audit:
    """Give a page of the log; `before` is what the page before it gave."""
    place: tuple[datetime | None, UUID | None] = (None, None)
    if before is not None:
        from_id = UUID(before[1])
        place = (datetime.fromtimestamp(before[0] / 1_000_000, UTC), from_id)
    rows = await db.all(
        SQL.audit_page,
        int(wanted.room) if wanted.room else None,
        wanted.actor,
        wanted.person,
        wanted.action,
        *place,
        limit + 1,
        wanted.by_people,
    )
    kept = rows[:limit]
    last = kept[-1] if len(rows) > limit else None
    following = (round(last["at"].timestamp() * 1_000_000), str(last["id"])) if last else None
    return Audit([_entry(row) for row in kept], following)


def _entry(row: Any) -> Entry:
    return Entry(
        id=wire_id(row["id"]),
        at=audit.millis(row["at"]),
        actor=row["actor"],
        actor_name=row["actor_name"],
        actor_role=Rank.of(row["actor_rank"]).wire,
        action=row["action"],
        person=row["person"],
        person_name=row["person_name"],
        room=str(row["room_id"]) if row["room_id"] else None,
        message=wire_id(row["message_id"]) if row["message_id"] else None,
        text=row["text"],
        reason=row["reason"],
        details=row["details"],
        undone=row["undone_name"] if row["undone_by"] else None,
    )


HEADINGS = (
    *("time", "actor", "actor_id", "action", "person", "person_id", "room", "message_id"),
    *("text", "reason", "details", "undone_by"),
)


async def audit_csv(db: Queries, wanted: Wanted) -> AsyncIterator[bytes]:
    """Give the log as CSV (UTF-8 with a byte order mark, for spreadsheets), page by page."""
    yield "\ufeff".encode() + _csv_lines([HEADINGS])
    before = None
    while True:
        page = await audit_page(db, wanted, before=before, limit=500)
        yield _csv_lines([_cells(entry) for entry in page.entries])
        if page.before is None:
            return
        before = page.before


def _cells(entry: Entry) -> tuple[str, ...]:
    at = audit.moment(entry.at).isoformat(timespec="milliseconds")
    cells = (
        *(at, entry.actor_name, entry.actor, entry.action, entry.person_name, entry.person),
        *(entry.room, entry.message, entry.text, entry.reason),
        *(json.dumps(entry.details, ensure_ascii=False), entry.undone),
    )
    return tuple(_harmless(cell or "") for cell in cells)


def _harmless(cell: str) -> str:
    # A spreadsheet runs what begins like a formula, and anybody may write such a message.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _csv_lines(rows: list[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
