"""Adds and takes back reactions: hearts pass, reactions to a message of a topic room are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moderation import screening
from rooms import events
from rooms.access import Action, in_wire_words, require
from rooms.cache import RoomCache
from rooms.limits import ReactionLimit
from rooms.reactions import reads
from rooms.reactions.rules import only_in_topics, read_hearts, read_kind
from rooms.rules import Kind, Room, message_id, message_uuid, read_channel
from server.context import Context, Viewer
from server.database import Transaction
from server.errors import Refused
from server.presence import Presence
from server.publication import Publication, Publish
from server.stream_worker import Entry

Find = Callable[[str, str], list[Publication]]


async def add(ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find) -> dict[str, Any]:
    """React {room, kind?, count?} with hearts, or {room, id, kind} to a message."""
    room = await _room(ctx, viewer, args)
    if args.get("id") is not None:
        return await _change(ctx, viewer, room, args, find, events.reaction_added)
    kind, count = read_hearts(args)
    ctx.of(Presence).add(room.channel, kind, count)
    return {}


async def remove(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find
) -> dict[str, Any]:
    """Take back a reaction to a message {room, id, kind}."""
    room = await _room(ctx, viewer, args)
    return await _change(ctx, viewer, room, args, find, events.reaction_removed)


async def saved(tx: Transaction, entries: list[Entry]) -> None:
    """Store a run of reactions added or taken back (the worker's handler)."""
    last = {(e.channel, e.body["id"], e.body["person"], e.body["kind"]): e for e in entries}
    rows = [
        (
            int(read_channel(e.channel)[0]),
            message_uuid(e.body["id"]),
            e.body["person"],
            e.body["kind"],
            e.body["event"] == "reaction.removed",
            e.publication.epoch,
            e.publication.offset,
            datetime.fromtimestamp(e.publication.at / 1000, UTC),
        )
        for e in last.values()
    ]
    await tx.run(reads.sql.save, *map(list, zip(*rows, strict=True)))


async def _room(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Room:
    room = await ctx.of(RoomCache).room(str(args.get("room")))
    require(viewer, Action.REACT, room)
    ctx.of(ReactionLimit).take(viewer)
    return room


async def _change(
    ctx: Context,
    viewer: Viewer,
    room: Room,
    args: Mapping[str, Any],
    find: Find,
    push: Callable[[str, str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    """Publish a reaction to a message, unless it stands (or is gone) already."""
    if room.kind is not Kind.TOPIC:
        raise only_in_topics()
    key, kind, person = message_id(message_uuid(args.get("id"))), read_kind(args), viewer.id or ""
    await _require_message(ctx, room, key, find)
    adding = push is events.reaction_added
    if await reads.stands(ctx.db, int(room.id), message_uuid(key), person, kind) == adding:
        return {"id": key, "kind": kind}
    request = Publish(
        channel=room.channel,
        body=events.packed(push(key, kind, person)),
        publisher=person,
        key=key,
        gated=True,
        rank=viewer.rank,
        refuse_on_backlog=True,
    )
    try:
        await ctx.broker.publish(request)
    except Refused as refused:
        if refused.code == "denied":
            raise await screening.denied_as(ctx, viewer, room.id, refused) from None
        raise in_wire_words(refused) from None
    return {"id": key, "kind": kind}


async def _require_message(ctx: Context, room: Room, key: str, find: Find) -> None:
    state = await reads.message_state(ctx.db, int(room.id), message_uuid(key))
    # A message that is not saved yet is still in this process's memory.
    if state != "visible" and (state is not None or not find(room.channel, key)):
        raise Refused("not_found", "There is no such message any more.")
