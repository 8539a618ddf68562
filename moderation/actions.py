"""Mutes and bans people, and lifts it: the same promise on every gateway and after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from moderation import audit, events, people, sanctions, staff
from moderation.audit import SQL, Act, Row
from moderation.people import Person
from moderation.rules import LONGEST, until_after, wire_until
from moderation.saving import NotYet, postgres_first
from moderation.screening import Screening
from moderation.standings import Sanction, SanctionKind
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import durable

TOLD: dict[SanctionKind, str] = {"mute": "muted", "ban": "banned", "shadow": ""}


@dataclass(frozen=True, slots=True)
class Measure:
    """A sanction that is about to be imposed."""

    act: Act
    person: str
    kind: SanctionKind
    room: str | None
    """None: everywhere."""
    seconds: int | None

    @property
    def until(self) -> int:
        """When it ends, in ms."""
        return until_after(self.act.at, self.seconds)

    def row(self, person: Person) -> Row:
        """Give the row of the audit log."""
        details = {
            "sanctions": [self.act.id.hex],
            "seconds": self.seconds,
            "until": wire_until(self.until),
            "everywhere": self.room is None,
        }
        return Row(self.act, self.kind, person.id, person.name, details=details)


async def mute(
    ctx: Context,
    actor: Viewer,
    person: str,
    *,
    room: str | None,
    seconds: int | None,
    reason: str = "",
    everywhere: bool = False,
    id: UUID | None = None,
) -> dict[str, Any]:
    """Let nobody write in a room, or everywhere, for a time or (None) for good.

    When this has answered, no later message of that person has a place there.
    """
    act = _begin(ctx, actor, room, seconds, reason, id)
    return await _impose(ctx, Measure(act, person, "mute", None if everywhere else room, seconds))


async def ban(
    ctx: Context,
    actor: Viewer,
    person: str,
    *,
    room: str | None,
    seconds: int | None = None,
    reason: str = "",
    id: UUID | None = None,
) -> dict[str, Any]:
    """Shut somebody out of the whole community; `room` is where the moderator stands."""
    act = _begin(ctx, actor, room, seconds, reason, id)
    return await _impose(ctx, Measure(act, person, "ban", None, seconds))


async def unmute(
    ctx: Context, actor: Viewer, person: str, *, room: str | None, reason: str = ""
) -> dict[str, Any]:
    """Lift every mute that holds for a person in a room and everywhere."""
    return await _lift(ctx, actor, person, "mute", room, reason)


async def unban(
    ctx: Context, actor: Viewer, person: str, *, room: str | None, reason: str = ""
) -> dict[str, Any]:
    """Let a banned person in again."""
    return await _lift(ctx, actor, person, "ban", room, reason)


def _begin(
    ctx: Context,
    actor: Viewer,
    room: str | None,
    seconds: int | None,
    reason: str,
    id: UUID | None,
) -> Act:
    if seconds is not None and not 1 <= seconds <= LONGEST:
        raise Refused("invalid", "A time between one second and a year.", field="seconds")
    return audit.begin(ctx, actor, room=room, reason=reason, id=id)


async def _impose(ctx: Context, measure: Measure) -> dict[str, Any]:
    async def save(answered: asyncio.Event) -> dict[str, Any]:
        return await _impose_durably(ctx, measure, answered)

    async def run_anyway() -> dict[str, Any]:
        return await _impose_at_once(ctx, measure)

    return await postgres_first(save, run_anyway)


async def _impose_durably(
    ctx: Context, measure: Measure, answered: asyncio.Event
) -> dict[str, Any]:
    act, id = measure.act, measure.person
    async with durable(ctx) as d:
        person = await people.find(ctx, d, id, act.room)
        people.check(act.actor, id, person.rank)
        await sanctions.lock(d, id)
        row = measure.row(person)
        fresh = await audit.record(d, row)
        if fresh:
            columns = sanctions.values(act, person, measure.kind, measure.room, measure.until)
            await sanctions.insert(d, columns)
            told = TOLD[measure.kind]
            until = await sanctions.announce(d, act, id, measure.room, told=told)
        else:
            until = await sanctions.until_of(d, id, ("mute", "ban"), measure.room, act.at)
        answered.set()
    if None in d.results or (measure.room is None and await _is_left(ctx, id)):
        raise NotYet
    ctx.of(Screening).stale()
    if fresh:
        await staff.tell_act(ctx, act.room, row)
    return {"action": audit.wire(act), "person": id, "until": wire_until(until), "saved": True}


async def _is_left(ctx: Context, person: str) -> bool:
    """Whether the engine could not be told yet to deny a person everywhere."""
    return await ctx.db.value(SQL.left_behind, f"publisher {person}") is not None


async def _impose_at_once(ctx: Context, measure: Measure) -> dict[str, Any]:
    """Deny first, while Postgres is away; the log entry carries what the worker saves later."""
    act, id, room = measure.act, measure.person, measure.room
    where = room or act.room
    if where is None:
        raise Refused("unavailable", "The database does not answer.")
    known = ctx.of(Screening)
    await known.ready()
    person = Person(id, await people.name_nearby(ctx, id, where), known.rank_of(id))
    people.check(act.actor, id, person.rank)
    row = measure.row(person)
    until = max(measure.until, known.standings.until(id, room, act.at))
    columns = sanctions.values(act, person, measure.kind, room, measure.until)
    publication = sanctions.muted(where, id, until, deny=room is not None)
    private = events.packed({"audit": row.values(), "sanction": columns})
    id_of_act = audit.wire(act)
    publication = publication._replace(private=private, persist=True, client_message_id=id_of_act)
    await ctx.broker.publish(publication)
    if room is None:
        await ctx.broker.deny_everywhere(id, until)
    if measure.kind == "ban":
        await ctx.broker.control({"type": "deny", "publisher": id, "until": until})
    known.standings.put(Sanction(act.id, id, room, measure.kind, measure.until, act.reason))
    told = events.you_are(TOLD[measure.kind], room, wire_until(until), act.reason)
    await ctx.broker.notice(f"room:{where}", id, events.packed(told))
    await staff.tell_act(ctx, act.room, row)
    return {"action": audit.wire(act), "person": id, "until": wire_until(until), "saved": False}


async def _lift(
    ctx: Context, actor: Viewer, person: str, kind: SanctionKind, room: str | None, reason: str
) -> dict[str, Any]:
    act = audit.begin(ctx, actor, room=room, reason=reason)
    async with durable(ctx) as d:
        found = await people.find(ctx, d, person, room)
        people.check(actor, person, found.rank)
        await sanctions.lock(d, person)
        held = {
            where: await sanctions.in_force(d, person, (kind,), where, act.at)
            for where in dict.fromkeys((room, None))
        }
        ids = [id for found_ids in held.values() for id in found_ids]
        if not ids:
            raise Refused("not_found", "Nothing of that kind holds for this person.")
        await d.run(SQL.revoke_sanctions, ids, audit.moment(act.at))
        details = {"sanctions": [id.hex for id in ids]}
        row = Row(act, f"un{kind}", person, found.name, details=details)
        await audit.record(d, row)
        await d.run(SQL.mark_lifted, ids, act.id, actor.name)
        for where in [where for where, found_ids in held.items() if found_ids]:
            await sanctions.announce(d, act, person, where, told="unmuted")
    ctx.of(Screening).stale()
    await staff.tell_act(ctx, room, row)
    return {"action": audit.wire(act), "person": person, "saved": True}
