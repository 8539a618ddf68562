"""Hides messages and brings them back: one by one, or all that a person said."""

from __future__ import annotations

from typing import Any

from moderation import audit, events, people, sanctions, staff
from moderation.audit import SQL, Act, Row
from moderation.ids import read_id, wire_id
from moderation.messages import Find, Found, locate, nothing_near
from moderation.saving import NotYet
from moderation.screening import Screening
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable
from server.publication import Flag, Publish

REMEMBER_MS = 10_000
"""How long Redis knows who hid a message first; by then Postgres knows it."""
MOST_ROOMS = 500


async def hide(
    ctx: Context,
    actor: Viewer,
    room: str,
    id: str,
    *,
    reason: str = "",
    find: Find = nothing_near,
) -> dict[str, Any]:
    """Hide a message everywhere at once; the second of two moderators is told who was first."""
    act = audit.begin(ctx, actor, room=room, reason=reason)
    message = await locate(ctx, room, id, find)
    await _check(ctx, actor, message)
    if message.state == "hidden":
        return await _already(ctx, message)
    if message.state != "visible":
        raise Refused("invalid", "This message is not shown to anybody.", field="id")
    row = _row(act, "hide", message)
    publication = Publish(
        channel=f"room:{room}",
        body=events.packed(events.comment_hidden(id, actor)),
        publisher=sanctions.STAFF,
        key=id,
        # One hiding for each showing, whoever asks.
        client_message_id=f"hide {message.shown_at} {id}",
        flags=Flag.HIDE | Flag.KEEP,
        private=events.packed({"audit": row.values()}),
    )
    try:
        published = await ctx.broker.publish(publication, remember_ms=REMEMBER_MS)
    except Refused as refused:
        if refused.code != "duplicate_conflict":
            raise
        return await _already(ctx, await locate(ctx, room, id))
    if published.repeated:
        return {"id": id, "saved": True, "already": True, "by": events.by(actor)}
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "id": id, "saved": not published.unsaved}


async def restore(
    ctx: Context,
    actor: Viewer,
    room: str,
    id: str,
    *,
    reason: str = "",
    find: Find = nothing_near,
) -> dict[str, Any]:
    """Bring a hidden message back as it was posted."""
    act = audit.begin(ctx, actor, room=room, reason=reason)
    message = await locate(ctx, room, id, find)
    if message.state == "visible":
        return {"id": id, "saved": True, "already": True, "by": None}
    async with durable(ctx) as d:
        hidden = await d.one(SQL.last_hiding, read_id(id), message.author)
        if hidden is not None and hidden["actor_rank"] > actor.rank:
            raise Refused("forbidden", "Somebody of a higher rank hid this message.")
        row = _row(act, "restore", message)
        await audit.record(d, row)
        show(d, message)
        if hidden is not None and hidden["action"] == "hide":
            await d.run(SQL.mark_undone, hidden["id"], act.id, actor.name)
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "id": id, "saved": True}


async def purge(
    ctx: Context, actor: Viewer, person: str, *, room: str | None, reason: str = ""
) -> dict[str, Any]:
    """Hide all that a person said so far, in every room, and what still waits for review."""
    act = audit.begin(ctx, actor, room=room, reason=reason)
    async with durable(ctx) as d:
        found = await people.find(ctx, d, person, room)
        people.check(actor, person, found.rank)
        await sanctions.lock(d, person)
        rooms = await _rooms(d, person, room)
        waiting = await d.all(SQL.purge_reviews, person, actor.id, actor.name, audit.moment(act.at))
        for where in rooms:
            d.publish(_purged(where, person))
        details = {"rooms": rooms, "reviews": [item["id"].hex for item in waiting]}
        row = Row(act, "purge", person, found.name, details=details)
        await audit.record(d, row)
    if None in d.results:
        raise NotYet
    for item in waiting:
        body = decided(item, "purged", actor)
        await staff.tell(ctx, str(item["room_id"]), body)
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "person": person, "rooms": len(rooms), "saved": True}


async def unpurge(
    ctx: Context, actor: Viewer, person: str, *, room: str | None, reason: str = ""
) -> dict[str, Any]:
    """Bring back what purges hid, and nothing that was hidden one by one."""
    act = audit.begin(ctx, actor, room=room, reason=reason)
    async with durable(ctx) as d:
        found = await people.find(ctx, d, person, room)
        people.check(actor, person, found.rank)
        await sanctions.lock(d, person)
        await show_all(d, person, room)
        row = Row(act, "unpurge", person, found.name)
        await audit.record(d, row)
        await d.run(SQL.mark_unpurged, person, act.id, actor.name)
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "person": person, "saved": True}


def decided(item: Any, decision: str, viewer: Viewer | None) -> events.HeldDecided:
    """Build the push to the staff that an item waits no longer."""
    who = events.by(viewer) if viewer else None
    id = wire_id(item["id"])
    return events.HeldDecided(event="held.decided", id=id, decision=decision, by=who)


def show(d: Durable, message: Found) -> None:
    """Announce that a hidden message is back."""
    if message.state == "deleted":
        raise Refused("invalid", "The author deleted this message.", field="id")
    if message.state != "hidden":
        raise Refused("invalid", "This message was never shown.", field="id")
    body = {**message.body, "event": "comment.restored", "id": message.id}
    d.publish(
        Publish(
            channel=f"room:{message.room}",
            body=events.packed(body),
            # The author's, so that a purge covers it.
            publisher=message.author,
            key=message.id,
            flags=Flag.SHOW | Flag.KEEP,
        )
    )


def take_away(d: Durable, room: str, id: str, actor: Viewer) -> None:
    """Announce that a message is hidden, as part of another act."""
    d.publish(
        Publish(
            channel=f"room:{room}",
            body=events.packed(events.comment_hidden(id, actor)),
            publisher=sanctions.STAFF,
            key=id,
            flags=Flag.HIDE | Flag.KEEP,
        )
    )


async def hide_all(d: Durable, act: Act, person: str, room: str | None) -> None:
    """Announce a purge as part of another act."""
    at = audit.moment(act.at)
    await d.run(SQL.purge_reviews, person, act.actor.id, act.actor.name, at)
    for where in await _rooms(d, person, room):
        d.publish(_purged(where, person))


async def show_all(d: Durable, person: str, room: str | None) -> None:
    """Announce the end of a purge, and let what waited wait again."""
    await d.run(SQL.reopen_purged, person)
    for where in await _rooms(d, person, room):
        d.publish(
            Publish(
                channel=f"room:{where}",
                body=events.packed(events.comments_unpurged(person)),
                publisher=sanctions.STAFF,
                key=person,
                flags=Flag.SHOW | Flag.BY_PUBLISHER | Flag.KEEP,
            )
        )


def _purged(room: str, person: str) -> Publish:
    return Publish(
        channel=f"room:{room}",
        body=events.packed(events.comments_purged(person)),
        publisher=sanctions.STAFF,
        key=person,
        flags=Flag.HIDE | Flag.BY_PUBLISHER | Flag.KEEP,
    )


async def _rooms(d: Durable, person: str, room: str | None) -> list[str]:
    """Give where a person may have spoken: what is saved, and where somebody may speak just now."""
    rows = await d.all(SQL.rooms_of, person, MOST_ROOMS)
    rooms = [str(row["room_id"]) for row in rows]
    return list(dict.fromkeys([*([room] if room else []), *rooms]))


async def _check(ctx: Context, actor: Viewer, message: Found) -> None:
    known = ctx.of(Screening)
    await known.ready()
    people.check(actor, message.author, known.rank_of(message.author))


async def _already(ctx: Context, message: Found) -> dict[str, Any]:
    """Answer who was first."""
    first = message.hidden_by
    if first is None:
        row = await ctx.db.one(SQL.last_hiding, read_id(message.id), message.author)
        first = None if row is None else {"id": row["actor"], "name": row["actor_name"]}
    return {"id": message.id, "saved": True, "already": True, "by": first}


def _row(act: Act, action: str, message: Found) -> Row:
    uuid = read_id(message.id)
    return Row(act, action, message.author, message.author_name, uuid, message.text)
