"""Finds a message that a moderator acts on, saved or not: near, in Postgres, or in the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack

from moderation.audit import SQL
from moderation.ids import read_id, wire_id
from moderation.rules import Rank
from server.context import Context
from server.errors import Refused
from server.publication import Publication

Find = Callable[[str, str], list[Publication]]
"""Gives the newest publications of a channel with a key, from this process's memory."""
PATIENCE = 0.5
"""Seconds Postgres has to answer."""
SCAN = 1000
"""Entries of the recovery window that are looked through."""


def nothing_near(channel: str, key: str) -> list[Publication]:
    """Stand in for the hub's tail where there is no connection."""
    return []


@dataclass(frozen=True, slots=True)
class Found:
    """A message as it is now."""

    id: str
    room: str
    author: str
    author_name: str
    text: str
    state: str
    """visible, held, rejected, hidden or deleted."""
    body: dict[str, Any] = field(default_factory=dict)
    """The message as it was posted, with its present text."""
    hidden_by: dict[str, str] | None = None
    """The moderator who hid it, when the memory of the engine tells."""
    shown_at: int = 0
    """The offset at which it was last shown again; 0 when not lately."""


async def locate(ctx: Context, room: str, id: str, find: Find = nothing_near) -> Found:
    """Find a message of a room; Refused `not_found`."""
    channel = f"room:{room}"
    uuid = read_id(id)
    near = find(channel, id)
    if not near:
        # Postgres may be a moment behind, and what is not near may still be in the window.
        window = await ctx.broker.newest(channel, SCAN)
        near = [entry for entry in window.entries if entry.key == id]
    found = _replayed(room, id, near)
    if found is not None and found.author:
        return found
    row = await ctx.db.one(SQL.message, int(room), uuid, timeout=PATIENCE)
    if row is None:
        raise Refused("not_found", "There is no such message.")
    saved = _saved(room, row)
    return saved if found is None else _later(saved, found)


def _later(saved: Found, near: Found) -> Found:
    """Apply to what is saved what happened since."""
    state = near.state if near.state != "unknown" else saved.state
    text = near.text or saved.text
    return replace(
        saved,
        state=state,
        text=text,
        body={**saved.body, "text": text},
        hidden_by=near.hidden_by,
        shown_at=near.shown_at,
    )


def _replayed(room: str, id: str, entries: Iterable[Publication]) -> Found | None:
    """Read the story of one message from publications with its key, the oldest first."""
    found: Found | None = None
    for entry in entries:
        if not entry.body:
            continue
        body = msgpack.unpackb(entry.body)
        found = _after(found or Found(id, room, "", "", "", "unknown"), entry, body)
    return found


def _after(found: Found, entry: Publication, body: dict[str, Any]) -> Found:
    match body.get("event"):
        case "comment.posted" | "comment.restored":
            author = body["author"]
            shown = entry.offset if body["event"] == "comment.restored" else 0
            return Found(
                *(found.id, found.room, author["id"], author["name"], body["text"], "visible"),
                body=body,
                shown_at=shown,
            )
        case "comment.edited":
            return replace(found, text=body["text"], body={**found.body, "text": body["text"]})
        case "comment.hidden":
            return replace(found, state="hidden", hidden_by=body.get("by"))
        case "comment.deleted":
            return replace(found, state="deleted")
    return found


def _saved(room: str, row: Any) -> Found:
    author = {
        "id": row["author"],
        "name": row["author_name"],
        "role": Rank.of(row["author_rank"]).wire,
    }
    body: dict[str, Any] = {
        "author": author,
        "text": row["text"],
        "client_message_id": row["client_message_id"],
    }
    if row["reply_to"] is not None and row["reply_name"] is not None:
        body["reply_to"] = {"id": wire_id(row["reply_to"]), "name": row["reply_name"]}
    if row["is_question"]:
        body["question"] = True
    return Found(
        *(wire_id(row["id"]), room, row["author"], row["author_name"], row["text"], row["state"]),
        body=body,
    )
