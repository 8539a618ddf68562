"""Posts, edits and deletes comments and messages; says who is typing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from moderation import audit, review, sanctions, screening
from moderation.names import name_key
from moderation.rules import Draft, Rank, Verdict
from rooms import events
from rooms.access import Action, in_wire_words, require
from rooms.actions import announce
from rooms.cache import RoomCache
from rooms.comments import reads, rules
from rooms.comments.rules import Message, Post
from rooms.crowd import CrowdLimit
from rooms.limits import EditLimit, TypingLimit
from rooms.rules import Kind, Room, clean_text, message_id, message_uuid, new_message_id
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable
from server.publication import Publication, Publish, Published
from server.shedding import Shedding, Step

Find = Callable[[str, str], list[Publication]]
"""Gives the newest publications of a channel with a key, from this process's memory."""
PATIENCE = 0.2
"""Seconds that an answered post waits to find out whom it names."""
SCAN = 1000
"""How many entries of the recovery window are looked through for a message not yet saved."""


def nothing_near(channel: str, key: str) -> list[Publication]:
    """Stand in for the hub's tail where there is no connection, as with a form post."""
    return []


async def post(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find = nothing_near
) -> dict[str, Any]:
    """Post a comment or message; the reply tells its id, place and verdict."""
    id, rooms = rules.room_of(args), ctx.of(RoomCache)
    room = rooms.at_hand(id) or await rooms.room(id)
    wanted = rules.read_post(args, limit=ctx.settings.max_text, lines=room.kind is Kind.TOPIC)
    require(viewer, Action.POST, room)
    answered = await _answered(ctx, room, wanted.reply_to, find) if wanted.reply_to else None
    draft = await _draft(ctx, viewer, room, wanted.text)
    verdict = await screening.screen(ctx, draft)
    if verdict.kind == "reject":
        raise verdict.refused()
    key = new_message_id(ctx.clock(), os.urandom)
    request = rules.publication(viewer, room, wanted, key, answered, draft.address)
    if verdict.kind in ("hold", "shadow"):
        return await _hold(ctx, viewer, room, wanted, draft, verdict, request)
    crowd = ctx.of(CrowdLimit)
    crowd.check(viewer, room, wanted.client_message_id)
    published = await _published(ctx, viewer, room, request)
    crowd.wrote(viewer, room, wanted.client_message_id)
    if answered or "@" in wanted.text:
        await _tell_mentioned(ctx, viewer, room, published.key, wanted.text, answered)
    return _reply(published)


async def ask(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find = nothing_near
) -> dict[str, Any]:
    """Post a comment that is a question."""
    return await post(ctx, viewer, {**args, "question": True}, find)


async def edit(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find = nothing_near
) -> dict[str, Any]:
    """Change one's own message within 5 minutes; the new text is judged like a new message."""
    room = await ctx.of(RoomCache).room(rules.room_of(args))
    key = message_id(message_uuid(args.get("id")))
    text = clean_text(args.get("text"), limit=ctx.settings.max_text, lines=room.kind is Kind.TOPIC)
    require(viewer, Action.EDIT, room)
    ctx.of(EditLimit).take(viewer)
    message = rules.check_change(await locate(ctx, room, key, find), viewer.id, ctx.clock())
    if message.state == "held":
        raise Refused("forbidden", "This message waits for a moderator; delete it to write anew.")
    draft = await _draft(ctx, viewer, room, text)
    verdict = await screening.screen(ctx, draft)
    if verdict.kind == "reject":
        raise verdict.refused()
    request = rules.edit_publication(viewer, room, key, text)
    if verdict.kind in ("hold", "shadow"):
        item = new_message_id(ctx.clock(), os.urandom)
        async with durable(ctx) as d:
            release = request._replace(gated=False)
            await review.hold(d, draft, verdict, item=item, release=release, kind="edit")
        return {"id": key, "verdict": "held"}
    return _reply(await _published(ctx, viewer, room, request))


async def delete(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find = nothing_near
) -> dict[str, Any]:
    """Take one's own message back within 5 minutes; its text is gone for everybody."""
    room = await ctx.of(RoomCache).room(rules.room_of(args))
    key = message_id(message_uuid(args.get("id")))
    require(viewer, Action.DELETE, room)
    ctx.of(EditLimit).take(viewer)
    message = rules.check_change(await locate(ctx, room, key, find), viewer.id, ctx.clock())
    if message.state == "held":
        async with durable(ctx) as d:
            await review.withdraw(d, room.id, key)
            await d.run(reads.sql.withdraw, int(room.id), message_uuid(key))
        return {"id": key}
    return _reply(await _published(ctx, viewer, room, rules.delete_publication(viewer, room, key)))


async def pin(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], find: Find = nothing_near
) -> dict[str, Any]:
    """Let a comment {room, id} stand above the others, in place of any before it."""
    room = await ctx.of(RoomCache).room(rules.room_of(args))
    require(viewer, Action.PIN, room)
    key = message_id(message_uuid(args.get("id")))
    message = await locate(ctx, room, key, find)
    if message is None or message.state != "visible":
        raise Refused("not_found", "There is no such message any more.")
    await _set_pin(ctx, viewer, room, message)
    return {"id": key}


async def unpin(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Let nothing {room} stand above the others."""
    room = await ctx.of(RoomCache).room(rules.room_of(args))
    require(viewer, Action.PIN, room)
    await _set_pin(ctx, viewer, room, None)
    return {}


async def typing(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Say in a topic room that this viewer writes; it passes and is never stored."""
    room = await ctx.of(RoomCache).room(rules.room_of(args))
    require(viewer, Action.TYPE, room)
    ctx.of(TypingLimit).take(viewer)
    standing = await screening.standing(ctx, viewer, room.id)
    if max(standing.muted_until, standing.banned_until) > ctx.clock():
        return {}
    if not ctx.of(Shedding).sheds(Step.PASSING, "typing"):
        await ctx.broker.pass_on(room.channel, events.packed(events.typing_started(viewer)))
    return {}


async def locate(ctx: Context, room: Room, key: str, find: Find) -> Message | None:
    """Find a message: in this process's memory, else in Postgres, else in the recovery window."""
    near = find(room.channel, key)
    found = rules.from_tail(key, near)
    if found is None:
        found = await reads.message(ctx.db, int(room.id), message_uuid(key))
    if found is None:
        # What was said a moment ago may still be on its way to the database.
        window = (await ctx.broker.newest(room.channel, SCAN)).entries
        found = rules.from_tail(key, [entry for entry in window if entry.key == key])
        near = window if found else []
    if found is None or found.state != "visible":
        return found
    signs = [e for e in near if e.key in (key, found.author)] + find(room.channel, found.author)
    hidden = rules.hidden_since(sorted(signs, key=lambda e: (e.epoch, e.offset)), found.shown)
    return replace(found, state="hidden") if hidden else found


async def _set_pin(ctx: Context, viewer: Viewer, room: Room, message: Message | None) -> None:
    act = audit.begin(ctx, viewer, room=room.id)
    async with durable(ctx) as d:
        number = message_uuid(message.id) if message else None
        before = await d.value(reads.sql.pin, int(room.id), number)
        if message is not None:
            row = (message.author, message.name, message_uuid(message.id), message.text)
            await audit.record(d, audit.Row(act, "pin", *row))
            d.publish(rules.pin_publication(room, message))
        elif before is not None:
            await audit.record(d, audit.Row(act, "unpin", message=before))
            d.publish(rules.unpin_publication(room, message_id(before)))
        announce(d, room.id)


async def _answered(ctx: Context, room: Room, reply_to: str, find: Find) -> Message:
    message = await locate(ctx, room, reply_to, find)
    if message is None or message.state != "visible":
        raise Refused("invalid", "The message you answer is not there any more.", field="reply_to")
    return message


async def _draft(ctx: Context, viewer: Viewer, room: Room, text: str) -> Draft:
    address = b""
    if viewer.rank < Rank.MEMBER:
        address = await sanctions.address_hash(ctx, viewer.address)
    author = viewer.id or ""
    return Draft(text, room.id, author, viewer.name, viewer.rank, address, viewer.since)


async def _published(ctx: Context, viewer: Viewer, room: Room, request: Publish) -> Published:
    try:
        return await ctx.broker.publish(request)
    except Refused as refused:
        if refused.code == "denied":
            raise await screening.denied_as(ctx, viewer, room.id, refused) from None
        raise in_wire_words(refused) from None


def _reply(published: Published) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "id": published.key,
        "epoch": published.epoch,
        "offset": published.offset,
        "at": published.at,
        "verdict": "allow",
    }
    if published.unsaved:
        reply["unsaved"] = True
    return reply


async def _hold(
    ctx: Context,
    viewer: Viewer,
    room: Room,
    wanted: Post,
    draft: Draft,
    verdict: Verdict,
    request: Publish,
) -> dict[str, Any]:
    """Keep a message without a place until a moderator has looked at it."""
    async with durable(ctx) as d:
        fresh = await _insert_held(d, viewer, room, wanted, request.key, ctx.clock())
        if fresh:
            release = request._replace(gated=False, paced=False)
            await review.hold(d, draft, verdict, item=request.key, release=release)
    if not fresh:
        return await _repeated(ctx, viewer, room, wanted)
    if verdict.kind == "shadow":
        top = await ctx.broker.newest(room.channel, 1)
        place = Published(top.epoch, top.top, ctx.clock(), request.key)
        return _reply(place)
    return {"id": request.key, "verdict": "held"}


async def _insert_held(
    d: Durable, viewer: Viewer, room: Room, wanted: Post, key: str, now_ms: int
) -> bool:
    author = viewer.id or ""
    member = int(author[1:]) if author.startswith("m") else None
    if member is None:
        await d.run(reads.sql.hold_guest, author, viewer.name)
    row = await d.one(
        reads.sql.hold,
        int(room.id),
        message_uuid(key),
        int(room.broadcast.id) if room.broadcast else None,
        member,
        author if member is None else None,
        viewer.name,
        viewer.rank,
        wanted.client_message_id,
        wanted.text,
        message_uuid(wanted.reply_to) if wanted.reply_to else None,
        wanted.question,
        datetime.fromtimestamp(now_ms / 1000, UTC),
    )
    return row is not None


async def _repeated(ctx: Context, viewer: Viewer, room: Room, wanted: Post) -> dict[str, Any]:
    """Answer a repetition of a held message with what became of the first one."""
    row = await ctx.db.one(reads.sql.repeated, int(room.id), viewer.id, wanted.client_message_id)
    if row is None or row["text"] != wanted.text:
        raise in_wire_words(Refused("duplicate_conflict"))
    key = message_id(row["id"])
    if row["offset"] is None:
        return {"id": key, "verdict": "held"}
    at = round(row["at"].timestamp() * 1000)
    return _reply(Published(row["epoch"], row["offset"], at, key, repeated=True))


async def _tell_mentioned(
    ctx: Context, viewer: Viewer, room: Room, key: str, text: str, answered: Message | None
) -> None:
    """Tell those whom a message answers or names; a sampled feed might leave it out."""
    people = {answered.author} if answered else set()
    keys = [name_key(name) for name in rules.mentions(text)]
    if keys:
        # The message stands; at worst the sign beside it is missing.
        with suppress(Refused, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                people.update(await reads.members_named(ctx.db, keys))
    people.discard(viewer.id or "")
    if not people:
        return
    body = events.packed(events.mentioned(key, events.author_of(viewer), text))
    for person in people:
        await ctx.broker.notice(room.channel, person, body)
