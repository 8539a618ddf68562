"""The review queue: what is held, who looks at it, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import msgpack

from moderation import audit, events, hiding, staff
from moderation.audit import SQL, SYSTEM, Act, Row
from moderation.events import By, HeldItem, Writer
from moderation.ids import fresh_id, is_guest, read_id, wire_id
from moderation.rules import Draft, Verdict
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused
from server.outbox import Durable, durable
from server.publication import Flag, Publish

MOST_WAITING = 5
"""Messages of one author that may wait at a time."""
CLAIM_MS = 60_000
"""How long somebody who looks at an item is named before another one looks as well."""

HeldKind = Literal["post", "edit"]


async def hold(
    d: Durable,
    draft: Draft,
    verdict: Verdict,
    *,
    item: str,
    release: Publish,
    kind: HeldKind = "post",
) -> None:
    """Put a draft before the moderators; approval publishes `release` as it is given here.

    Refused `rate_limited` when the author already waits with many.
    """
    await d.run(SQL.lock_person, draft.author)
    if await d.value(SQL.count_waiting, draft.author) >= MOST_WAITING:
        raise Refused("rate_limited", "Your messages are being reviewed.", retry_after=30_000)
    silent = verdict.kind == "shadow"
    now = await d.value(SQL.now)
    spans = [list(span) for span in verdict.spans]
    await d.run(
        SQL.add_review,
        *(read_id(item), kind, int(draft.room), read_id(release.key), draft.author),
        *(draft.author_name, draft.rank, draft.text, verdict.rule, verdict.word, spans),
        *(silent, _packed(release), now),
    )
    if draft.address and is_guest(draft.author):
        await d.run(SQL.guest_addresses, [draft.author], [draft.address], [now])
    at = audit.millis(now)
    act = Act(fresh_id(at), SYSTEM, at, room=draft.room)
    details = {"rule": verdict.rule, "word": verdict.word, "item": item}
    person, name = draft.author, draft.author_name
    await audit.record(d, Row(act, "hold", person, name, read_id(item), draft.text, details))
    body = HeldItem(
        event="held.added",
        id=item,
        kind=kind,
        room=draft.room,
        message=release.key,
        author=Writer(id=person, name=name),
        text=draft.text,
        rule=verdict.rule,
        word=verdict.word,
        spans=spans,
        at=at,
        claimed=None,
        claimed_at=None,
    )
    d.publish(staff.push(draft.room, body))


async def withdraw(d: Durable, room_id: str, message_id: str) -> bool:
    """Take what its author deletes from the queue; False when nothing waited."""
    rows = await d.all(SQL.withdraw, int(room_id), read_id(message_id))
    for row in rows:
        d.publish(staff.push(room_id, hiding.decided(row, "withdrawn", None)))
    return bool(rows)


async def claim(ctx: Context, actor: Viewer, id: str, *, take: bool = False) -> dict[str, Any]:
    """Say that one looks at an item; with `take` also when somebody else does."""
    audit.require_staff(actor)
    now = ctx.clock()
    async with ctx.db.transaction() as tx:
        item = await _locked(tx, id)
        if item["decision"] is not None:
            return _decided_before(item)
        other = item["claimed_by"] not in (None, actor.id)
        if other and not take and now - audit.millis(item["claimed_at"]) < CLAIM_MS:
            return {"id": id, "claimed": By(id=item["claimed_by"], name=item["claimed_name"])}
        await tx.run(SQL.claim, item["id"], actor.id, actor.name, audit.moment(now))
    who = events.by(actor)
    room = str(item["room_id"])
    await staff.tell(ctx, room, events.HeldClaimed(event="held.claimed", id=id, by=who))
    return {"id": id, "claimed": who}


async def approve(ctx: Context, actor: Viewer, id: str) -> dict[str, Any]:
    """Publish a held message under the id it had from the beginning; the author is told."""
    act = audit.begin(ctx, actor)
    async with durable(ctx) as d:
        item = await _locked(d, id)
        if item["decision"] is not None:
            return _decided_before(item)
        act = replace(act, room=str(item["room_id"]))
        row = await _decide(d, act, item, "approved")
        d.publish(_unpacked(item["release"]))
        if not item["silent"]:
            message = wire_id(item["message_id"])
            told = events.HeldApproved(event="held.approved", id=message)
            d.notice(f"room:{item['room_id']}", item["author"], dict(told))
    await _tell_decided(ctx, item, "approved", actor, row)
    published = d.results[0]
    reply = {"action": audit.wire(act), "id": id, "decision": "approved", "saved": True}
    if published is not None:
        reply |= {"epoch": published.epoch, "offset": published.offset, "at": published.at}
    return reply


async def reject(ctx: Context, actor: Viewer, id: str, *, reason: str = "") -> dict[str, Any]:
    """Decide that a held message is never published; the author is told, and why."""
    act = audit.begin(ctx, actor, reason=reason)
    async with durable(ctx) as d:
        item = await _locked(d, id)
        if item["decision"] is not None:
            return _decided_before(item)
        act = replace(act, room=str(item["room_id"]))
        row = await _decide(d, act, item, "rejected")
        if item["kind"] == "post":
            await d.run(SQL.set_rejected, item["room_id"], item["message_id"])
        if not item["silent"]:
            message = wire_id(item["message_id"])
            told = events.HeldRejected(event="held.rejected", id=message, reason=act.reason)
            d.notice(f"room:{item['room_id']}", item["author"], dict(told))
    await _tell_decided(ctx, item, "rejected", actor, row)
    return {"action": audit.wire(act), "id": id, "decision": "rejected", "saved": True}


async def reopen(d: Durable, id: UUID) -> HeldItem:
    """Let a rejected item wait again; gives the push that tells the staff."""
    item = await d.one(SQL.review, id)
    if item is None or item["decision"] != "rejected":
        raise Refused("invalid", "This message does not wait to be decided again.", field="id")
    await d.run(SQL.reopen, id)
    if item["kind"] == "post":
        await d.run(SQL.set_held, item["room_id"], item["message_id"])
    return as_item(item)


def as_item(row: Any) -> HeldItem:
    """Build the push, or the line of the queue, for a row of `reviews`."""
    who = By(id=row["claimed_by"], name=row["claimed_name"]) if row["claimed_by"] else None
    return HeldItem(
        event="held.added",
        id=wire_id(row["id"]),
        kind=row["kind"],
        room=str(row["room_id"]),
        message=wire_id(row["message_id"]),
        author=Writer(id=row["author"], name=row["author_name"]),
        text=row["text"],
        rule=row["rule"],
        word=row["word"],
        spans=row["spans"],
        at=audit.millis(row["held_at"]),
        claimed=who,
        claimed_at=audit.millis(row["claimed_at"]) if row["claimed_at"] else None,
    )


async def _locked(queries: Queries, id: str) -> Any:
    item = await queries.one(SQL.review, read_id(id))
    if item is None:
        raise Refused("not_found", "This message does not wait for review.")
    return item


def _decided_before(item: Any) -> dict[str, Any]:
    """Answer the second of two moderators: what the first one decided."""
    who = By(id=item["decided_by"] or "", name=item["decided_name"] or "")
    return {
        "id": wire_id(item["id"]),
        "decision": item["decision"],
        "already": True,
        "by": who,
        "saved": True,
    }


async def _decide(d: Durable, act: Act, item: Any, decision: str) -> Row:
    actor = act.actor
    at = audit.moment(act.at)
    await d.run(SQL.decide, item["id"], decision, actor.id, actor.name, at)
    action = "approve" if decision == "approved" else "reject"
    details = {"item": item["id"].hex, "rule": item["rule"], "kind": item["kind"]}
    who = (item["author"], item["author_name"], item["message_id"], item["text"])
    row = Row(act, action, *who, details)
    await audit.record(d, row)
    return row


async def _tell_decided(ctx: Context, item: Any, decision: str, actor: Viewer, row: Row) -> None:
    room = str(item["room_id"])
    await staff.tell(ctx, room, hiding.decided(item, decision, actor))
    await staff.tell_act(ctx, room, row)


def _packed(release: Publish) -> bytes:
    return events.packed({**release._asdict(), "flags": int(release.flags)})


def _unpacked(stored: bytes) -> Publish:
    values = msgpack.unpackb(stored)
    flags = Flag(values["flags"]) | Flag.KEEP
    fixed = {"flags": flags, "client_message_id": "", "gated": False, "paced": False}
    return Publish(**{**values, "deny": None, "gates": None, **fixed})
