"""Rooms, as the database has them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from moderation.rules import Rank
from rooms.rules import Broadcast, Kind, Pin, Room, State, Visibility, message_id
from server.context import Viewer
from server.database import Queries, statements

if TYPE_CHECKING:
    from asyncpg import Record

sql = statements(__package__)


def visibilities(rank: int) -> list[str]:
    """Name the visibilities that this rank reaches."""
    reached = [Visibility.PUBLIC]
    if rank >= Rank.MEMBER:
        reached.append(Visibility.MEMBERS)
    if rank >= Rank.MODERATOR:
        reached.append(Visibility.STAFF)
    return [str(v) for v in reached]


async def room(db: Queries, number: int) -> Room | None:
    """Find a room by its number."""
    row = await db.one(sql.room, number)
    return room_of(row) if row else None


async def room_by_slug(db: Queries, slug: str) -> Room | None:
    """Find a room by its name in addresses."""
    row = await db.one(sql.room_by_slug, slug)
    return room_of(row) if row else None


async def rooms(db: Queries, viewer: Viewer) -> list[Room]:
    """List the rooms that this viewer may see; open ones first."""
    rows = await db.all(sql.rooms, visibilities(viewer.rank))
    return [room_of(row) for row in rows]


async def visible_ids(db: Queries, rank: int) -> list[int]:
    """List the numbers of all rooms that this rank may see."""
    return [row["id"] for row in await db.all(sql.visible_ids, visibilities(rank))]


def copy_of(room: Room) -> bytes:
    """Write a room as bytes, from which `room_of_copy` makes the same room again."""
    return orjson.dumps(room)


def room_of_copy(copy: bytes) -> Room:
    """Make a room of a copy that another process wrote."""
    data = orjson.loads(copy)
    show, pin = data["broadcast"], data["pinned"]
    if show is not None:
        for name in ("starts_at", "started_at", "ended_at"):
            show[name] = datetime.fromisoformat(show[name]) if show[name] else None
        data["broadcast"] = Broadcast(**{**show, "state": State(show["state"])})
    if pin is not None:
        data["pinned"] = Pin(**pin)
    kinds = {"kind": Kind(data["kind"]), "visibility": Visibility(data["visibility"])}
    return Room(**{**data, **kinds})


def room_of(row: Record) -> Room:
    """Make a room of a row of `rooms_now`."""
    return Room(
        id=str(row["id"]),
        kind=Kind(row["kind"]),
        slug=row["slug"],
        title=row["title"],
        about=row["about"],
        visibility=Visibility(row["visibility"]),
        min_rank=row["min_rank"],
        cooldown_ms=row["cooldown_ms"],
        pinned=_pin(row) if row["pinned_id"] else None,
        closed=row["closed_at"] is not None,
        broadcast=_broadcast_now(row) if row["broadcast_id"] else None,
    )


def _pin(row: Record) -> Pin:
    return Pin(
        id=message_id(row["pinned_id"]),
        author=row["pinned_author"],
        author_name=row["pinned_name"],
        author_rank=row["pinned_rank"],
        text=row["pinned_text"],
    )


def _broadcast_now(row: Record) -> Broadcast:
    return Broadcast(
        id=str(row["broadcast_id"]),
        room_id=str(row["id"]),
        room_slug=row["slug"],
        room_title=row["title"],
        title=row["broadcast_title"],
        about=row["broadcast_about"],
        **_showing(row),
    )


def broadcast_of(row: Record) -> Broadcast:
    """Make a broadcast of a row of `broadcasts_shown`."""
    return Broadcast(
        id=str(row["id"]),
        room_id=str(row["room_id"]),
        room_slug=row["room_slug"],
        room_title=row["room_title"],
        title=row["title"],
        about=row["about"],
        **_showing(row),
    )


_SHOWING = (
    *("video_kind", "video_url", "poster_url", "upright"),
    *("starts_at", "started_at", "ended_at"),
)


def _showing(row: Record) -> dict[str, Any]:
    return {
        "host_id": f"m{row['host_id']}",
        "host_name": row["host_name"],
        "state": State(row["state"]),
        **{name: row[name] for name in _SHOWING},
    }
