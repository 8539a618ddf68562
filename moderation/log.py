"""The audit log as it is read: by pages, filtered, and as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moderation import audit
from moderation.audit import SQL
from moderation.ids import wire_id
from moderation.rules import Rank
from server.database import Queries

PAGE = 50


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
