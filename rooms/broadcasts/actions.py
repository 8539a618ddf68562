"""Schedules, edits, starts and ends broadcasts; Postgres first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rooms import events
from rooms import reads as rooms
from rooms.access import Action, require
from rooms.actions import announce, member_number
from rooms.broadcasts import reads
from rooms.broadcasts.rules import read_draft
from rooms.rules import Broadcast, Kind, Room, State, broadcast_number, room_channel, room_number
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable
from server.presence import Presence
from server.publication import Flag, Publish


async def schedule(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Broadcast:
    """Schedule a broadcast {room, title, video, about?, poster?, upright?, starts_at?}."""
    number = room_number(args.get("room"))
    draft = read_draft(args, ctx.clock())
    async with durable(ctx) as d:
        room = await _live_room(d, viewer, number)
        made = await d.value(
            reads.sql.schedule,
            number,
            draft.title,
            draft.about,
            member_number(viewer),
            draft.video.kind,
            draft.video.url,
            draft.poster_url,
            draft.upright,
            draft.starts_at,
        )
        broadcast = await _broadcast(d, made)
        _publish(d, room.channel, events.broadcast_changed(broadcast))
        announce(d, room.id)
    return broadcast


async def edit(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Broadcast:
    """Change a broadcast {broadcast, title, video, about?, poster?, upright?, starts_at?}."""
    number = broadcast_number(args.get("broadcast"))
    async with durable(ctx) as d:
        before = await _hosted(d, viewer, number)
        starts_at = round(before.starts_at.timestamp() * 1000)
        draft = read_draft({"starts_at": starts_at, **args}, min(ctx.clock(), starts_at))
        await d.run(
            reads.sql.edit,
            number,
            draft.title,
            draft.about,
            draft.video.kind,
            draft.video.url,
            draft.poster_url,
            draft.upright,
            draft.starts_at,
        )
        changed = await _broadcast(d, number)
        _publish(d, room_channel(changed.room_id), events.broadcast_changed(changed))
        announce(d, changed.room_id)
    return changed


async def start(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Put a scheduled broadcast on air {broadcast}; one a room."""
    number = broadcast_number(args.get("broadcast"))
    async with durable(ctx) as d:
        before = await _hosted(d, viewer, number)
        if before.state is State.ENDED:
            raise Refused("invalid", "This broadcast is over; schedule a new one.", problem="over")
        if before.state is State.SCHEDULED:
            # Two that begin at once would both see nothing on air.
            await d.run(reads.sql.lock_stage, int(before.room_id))
            if await d.value(reads.sql.start, number, _now(ctx)) is None:
                raise Refused(
                    "invalid",
                    "Another broadcast of this room is on; end it first.",
                    problem="another_on",
                )
            started = await _broadcast(d, number)
            _publish(d, room_channel(started.room_id), events.broadcast_started(started))
            announce(d, started.room_id)
    if before.state is State.SCHEDULED:
        await ctx.of(Presence).reset(room_channel(before.room_id))
    return {"broadcast": str(number), "state": "live"}


async def end(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """End the broadcast that is on air {broadcast}."""
    number = broadcast_number(args.get("broadcast"))
    async with durable(ctx) as d:
        before = await _hosted(d, viewer, number)
        if before.state is State.SCHEDULED:
            raise Refused("invalid", "This broadcast has not begun.", problem="not_on")
        if before.state is State.LIVE:
            await d.value(reads.sql.finish, number, _now(ctx))
            ended = await _broadcast(d, number)
            _publish(d, room_channel(ended.room_id), events.broadcast_ended(ended))
            announce(d, ended.room_id)
    return {"broadcast": str(number), "state": "ended"}


async def cancel(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> None:
    """Take a scheduled broadcast off the programme {broadcast}."""
    number = broadcast_number(args.get("broadcast"))
    async with durable(ctx) as d:
        before = await _hosted(d, viewer, number)
        if await d.value(reads.sql.cancel, number) is None:
            raise Refused(
                "invalid", "Only a broadcast that has not begun can be cancelled.", problem="on_air"
            )
        _publish(d, room_channel(before.room_id), events.broadcast_cancelled(before))
        announce(d, before.room_id)


async def _live_room(d: Durable, viewer: Viewer, number: int) -> Room:
    room = await rooms.room(d, number)
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require(viewer, Action.HOST, room)
    if room.kind is not Kind.LIVE:
        raise Refused("invalid", "Broadcasts are shown in live rooms.")
    if room.closed:
        raise Refused("room_closed", "This room is closed.")
    return room


async def _hosted(d: Durable, viewer: Viewer, number: int) -> Broadcast:
    """Find a broadcast that this viewer may change, and keep others from changing it meanwhile."""
    require(viewer, Action.HOST)
    await d.run(reads.sql.lock, number)
    broadcast = await _broadcast(d, number)
    room = await rooms.room(d, int(broadcast.room_id))
    require(viewer, Action.HOST, room)
    return broadcast


async def _broadcast(d: Durable, number: int) -> Broadcast:
    broadcast = await reads.broadcast(d, number)
    if broadcast is None:
        raise Refused("not_found", "There is no such broadcast.")
    return broadcast


def _publish(d: Durable, channel: str, body: Mapping[str, Any]) -> None:
    d.publish(Publish(channel=channel, body=events.packed(body), flags=Flag.KEEP))


def _now(ctx: Context) -> datetime:
    return datetime.fromtimestamp(ctx.clock() / 1000, UTC)
