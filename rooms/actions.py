"""Creates rooms and changes their mode, slow mode and closing; Postgres first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moderation import audit
from rooms import events, reads
from rooms.access import Action, require
from rooms.rules import (
    MODES,
    SLOW_LIMIT,
    Kind,
    Room,
    Visibility,
    choice,
    clean_text,
    message_uuid,
    optional_text,
    room_number,
    slug,
    whole,
)
from server.context import Context, Viewer
from server.database import Transaction
from server.errors import Refused
from server.outbox import Durable, add_control, durable
from server.publication import Flag, Publish
from server.stream_worker import Entry

VISIBILITIES = tuple(str(v) for v in Visibility)
_OF_MESSAGES = ("comment.edited", "comment.deleted", "comment.hidden", "comment.restored")
_OF_PEOPLE = ("comments.purged", "comments.unpurged")


async def create_room(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Room:
    """Create a live or topic room {kind, slug, title, about?, visibility?, mode?}.

    On the command line the operator is a viewer without id, of the owner's rank.
    """
    require(viewer, Action.CREATE_ROOM)
    kind = choice(args, "kind", (str(Kind.LIVE), str(Kind.TOPIC)))
    visibility = choice({"visibility": "public", **args}, "visibility", VISIBILITIES)
    mode = choice({"mode": "everyone", **args}, "mode", tuple(MODES))
    title, about = _words(args)
    async with durable(ctx) as d:
        number = await d.value(
            reads.sql.create_room,
            kind,
            slug(args.get("slug")),
            title,
            about,
            visibility,
            int(MODES[mode]),
            member_number(viewer) if viewer.id else None,
        )
        if number is None:
            raise Refused(
                "invalid",
                "Another room has this short name already.",
                field="slug",
                problem="slug_taken",
            )
        room = await _room(d, number)
        announce(d, room.id)
    return room


async def edit_room(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Room:
    """Change a room's title, description and who may read it {room, title, about, visibility}."""
    require(viewer, Action.EDIT_ROOM)
    number = room_number(args.get("room"))
    visibility = choice(args, "visibility", VISIBILITIES)
    title, about = _words(args)
    async with durable(ctx) as d:
        room = await _room(d, number)
        await d.run(reads.sql.edit_room, number, title, about, visibility)
        changed = replace(room, title=title, about=about, visibility=Visibility(visibility))
        _publish(d, changed, {})
        announce(d, room.id)
        # Who may no longer read here has to leave at once.
        d.control({"type": "recheck", "channel": room.channel})
    return changed


async def set_mode(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Set who may write {room, mode: everyone, members or staff}."""
    mode = choice(args, "mode", tuple(MODES))
    number = room_number(args.get("room"))
    async with durable(ctx) as d:
        room = await _room(d, number)
        require(viewer, Action.SET_MODE, room)
        await d.run(reads.sql.set_min_rank, number, int(MODES[mode]))
        await _record(ctx, d, viewer, room, "room.mode", mode=mode, before=room.mode)
        changed = replace(room, min_rank=int(MODES[mode]))
        _publish(d, changed, {"min_rank": changed.gate_rank})
        announce(d, room.id)
    return {"mode": mode}


async def set_slow(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Set the seconds that everybody waits between two messages {room, seconds}; 0 ends it."""
    seconds = whole(args, "seconds", least=0, most=SLOW_LIMIT)
    number = room_number(args.get("room"))
    async with durable(ctx) as d:
        room = await _room(d, number)
        require(viewer, Action.SET_SLOW, room)
        await d.run(reads.sql.set_cooldown, number, seconds * 1000)
        before = room.cooldown_ms // 1000
        await _record(ctx, d, viewer, room, "room.slow", seconds=seconds, before=before)
        changed = replace(room, cooldown_ms=seconds * 1000)
        _publish(d, changed, {"cooldown_ms": changed.cooldown_ms})
        announce(d, room.id)
    return {"seconds": seconds}


async def close_room(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, closed: bool = True
) -> dict[str, Any]:
    """Close a room {room}, so that it can only be read, or open it again."""
    number = room_number(args.get("room"))
    async with durable(ctx) as d:
        room = await _room(d, number)
        require(viewer, Action.CLOSE_ROOM, room)
        await d.run(reads.sql.close_room if closed else reads.sql.reopen_room, number)
        await _record(ctx, d, viewer, room, "room.close" if closed else "room.open")
        changed = replace(room, closed=closed)
        _publish(d, changed, {"min_rank": changed.gate_rank})
        announce(d, room.id)
    return {"closed": closed}


async def follow_pins(tx: Transaction, entries: list[Entry]) -> None:
    """Tell every process when a pinned message was changed or hidden (a consumer of the log)."""
    messages = [message_uuid(e.body["id"]) for e in entries if e.event in _OF_MESSAGES]
    people = [e.body["person"] for e in entries if e.event in _OF_PEOPLE]
    if messages or people:
        for row in await tx.all(reads.sql.rooms_pinning, messages, people):
            await add_control(tx, _changed(str(row["id"])))


def announce(d: Durable, room_id: str) -> None:
    """Tell every process that what it knows of this room is out of date."""
    d.control(_changed(room_id))


def _changed(room_id: str) -> dict[str, Any]:
    return {"type": "changed", "what": "room", "id": room_id}


def member_number(viewer: Viewer) -> int:
    """Give the database number of a member; `forbidden` for anybody else."""
    if viewer.id is None or not viewer.id.startswith("m"):
        raise Refused("forbidden", "This is for members.")
    return int(viewer.id[1:])


def _words(args: Mapping[str, Any]) -> tuple[str, str]:
    title = clean_text(args.get("title"), limit=120, field="title")
    return title, optional_text(args.get("about"), limit=2000, field="about")


async def _room(d: Durable, number: int) -> Room:
    # Two changes at once would each announce what the other one replaced.
    await d.run(reads.sql.lock_room, number)
    room = await reads.room(d, number)
    if room is None:
        raise Refused("not_found", "There is no such room.")
    return room


async def _record(
    ctx: Context, d: Durable, viewer: Viewer, room: Room, action: str, **details: Any
) -> None:
    act = audit.begin(ctx, viewer, room=room.id)
    await audit.record(d, audit.Row(act, action, details=details))


def _publish(d: Durable, room: Room, gates: dict[str, int]) -> None:
    """Announce a room; only the gate that changed is set, as commits may be told out of order."""
    d.publish(
        Publish(
            channel=room.channel,
            body=events.packed(events.room_changed(room)),
            flags=Flag.KEEP,
            gates=gates or None,
        )
    )
