"""Reports on messages, and short notes of the staff on people."""

from __future__ import annotations

from typing import Any

from moderation import audit, events, people, staff
from moderation.audit import SQL, Row
from moderation.events import ReportAdded, ReportResolved, Writer
from moderation.ids import fresh_id, read_id, wire_id
from moderation.messages import Find, locate, nothing_near
from moderation.rules import MAX_REASON
from server.context import Context, Viewer
from server.errors import Refused

REASONS = ("spam", "abuse", "scam", "privacy", "other")
OUTCOMES = ("acted", "dismissed")
MOST = 20
"""Reports of one person in ten minutes."""


async def report(
    ctx: Context,
    viewer: Viewer,
    room: str,
    id: str,
    reason: str,
    *,
    note: str = "",
    find: Find = nothing_near,
) -> dict[str, Any]:
    """Report a message to the staff; the same one twice counts once."""
    if viewer.id is None:
        raise Refused("unauthenticated", "Give yourself a name first.")
    if reason not in REASONS:
        raise Refused("invalid", f"One of {', '.join(REASONS)}.", field="reason")
    if len(note) > MAX_REASON:
        raise Refused("invalid", f"At most {MAX_REASON} characters.", field="note")
    message = await locate(ctx, room, id, find)
    if message.author == viewer.id:
        raise Refused("invalid", "This is your own message.", field="id")
    if message.state != "visible":
        raise Refused("not_found", "There is no such message.")
    now = ctx.clock()
    uuid = read_id(id)
    async with ctx.db.transaction() as tx:
        await tx.run(SQL.lock_person, viewer.id)
        recent = await tx.value(SQL.count_reports, viewer.id, audit.moment(now - 600_000))
        if recent >= MOST:
            raise Refused("rate_limited", "That was too much at once.", retry_after=60_000)
        added = await tx.value(
            SQL.add_report,
            *(int(room), uuid, viewer.id, reason, note.strip()),
            *(message.author, message.author_name, message.text, audit.moment(now)),
        )
        count = await tx.value(SQL.count_open, int(room), uuid)
    if added is None:
        return {"id": id, "already": True}
    body = ReportAdded(
        event="report.added",
        id=id,
        room=room,
        author=Writer(id=message.author, name=message.author_name),
        text=message.text,
        reason=reason,
        count=count,
        at=now,
    )
    await staff.tell(ctx, room, body)
    return {"id": id}


async def resolve(ctx: Context, actor: Viewer, room: str, id: str, outcome: str) -> dict[str, Any]:
    """Settle all open reports on a message: `acted` upon, or `dismissed`."""
    act = audit.begin(ctx, actor, room=room)
    if outcome not in OUTCOMES:
        raise Refused("invalid", "Acted or dismissed.", field="outcome")
    uuid = read_id(id)
    async with ctx.db.transaction() as tx:
        at = audit.moment(act.at)
        rows = await tx.all(SQL.resolve_reports, int(room), uuid, outcome, actor.id, actor.name, at)
        if not rows:
            return {"id": id, "already": True, "saved": True}
        about = (rows[0]["author"], rows[0]["author_name"], uuid, rows[0]["text"])
        details = {"outcome": outcome, "reporters": [row["reporter"] for row in rows]}
        row = Row(act, "report.resolve", *about, details)
        await audit.record(tx, row)
    who = events.by(actor)
    body = ReportResolved(event="report.resolved", id=id, outcome=outcome, by=who)
    await staff.tell(ctx, room, body)
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "id": id, "outcome": outcome, "saved": True}


async def note(
    ctx: Context, actor: Viewer, person: str, text: str, *, room: str | None = None
) -> dict[str, Any]:
    """Leave a note on a person, which only the staff reads."""
    act = audit.begin(ctx, actor, room=room)
    text = text.strip()
    if not 1 <= len(text) <= MAX_REASON:
        raise Refused("invalid", f"1 to {MAX_REASON} characters.", field="text")
    async with ctx.db.transaction() as tx:
        found = await people.find(ctx, tx, person, room)
        number = fresh_id(act.at)
        at = audit.moment(act.at)
        await tx.run(SQL.add_note, number, person, text, actor.id, actor.name, at)
        row = Row(act, "note", person, found.name, details={"note": number.hex, "text": text})
        await audit.record(tx, row)
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "id": wire_id(number), "saved": True}
