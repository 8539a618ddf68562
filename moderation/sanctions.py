"""Sanctions in Postgres: imposed, lifted, put in force again, and announced to the engine."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from moderation import audit, events
from moderation.audit import SQL, Act
from moderation.ids import is_guest
from moderation.people import Person
from moderation.rules import FOREVER, wire_until
from moderation.standings import SanctionKind
from server.addresses import prefix
from server.context import Context
from server.database import Queries
from server.outbox import Durable
from server.publication import Flag, Publish

STAFF = "staff"
"""The publisher of what moderators do: never a viewer, whose purge would redact it."""


@lru_cache(maxsize=20_000)
def _hash(key: bytes, address: str) -> bytes:
    return hmac.digest(key, prefix(address).encode(), hashlib.sha256)[:16]


class AddressKey:
    """The key of address hashes, read once by each process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.known = b""
        """The key, once it was read."""

    async def get(self) -> bytes:
        """Give the key."""
        if not self.known:
            self.known = bytes(await self._ctx.db.value(SQL.address_key))
        return self.known


async def address_hash(ctx: Context, address: str) -> bytes:
    """Give the keyed hash of an address's prefix (16 bytes); empty for no address."""
    if not address:
        return b""
    key = ctx.of(AddressKey)
    return _hash(key.known or await key.get(), address)


async def lock(queries: Queries, person: str) -> None:
    """Let no other act on this person come between, until the transaction ends."""
    await queries.run(SQL.lock_person, person)


def values(
    act: Act, person: Person, kind: SanctionKind, room: str | None, until: int
) -> tuple[Any, ...]:
    """Give the columns of a sanction with the id of its act, as they travel in the log as well."""
    where, actor = int(room) if room else None, act.actor
    who = (act.id.bytes, person.id, person.name, where, kind)
    return *who, act.reason, until, actor.id or "", actor.name, act.at


async def insert(queries: Queries, columns: Sequence[Any]) -> None:
    """Write what `values` gave, and the addresses that inherit it; nothing when it is there."""
    id, person, name, room, kind, reason, until, by_id, by_name, at = columns
    number = UUID(bytes=bytes(id))
    begin, end = audit.moment(at), audit.until_moment(until)
    row = (number, person, name, room, kind, reason, end, by_id, by_name, begin)
    if await queries.value(SQL.add_sanction, *row) is not None and is_guest(person):
        await queries.run(SQL.add_sanction_addresses, number, person, begin)


async def in_force(
    queries: Queries, person: str, kinds: Iterable[SanctionKind], room: str | None, now: int
) -> list[UUID]:
    """Give the sanctions of these kinds that hold for a person exactly there."""
    where = int(room) if room else None
    rows = await queries.all(SQL.sanctions_of, person, list(kinds), where, audit.moment(now))
    return [row["id"] for row in rows]


async def until_of(
    queries: Queries, person: str, kinds: Iterable[SanctionKind], room: str | None, now: int
) -> int:
    """Give until when sanctions of these kinds hold for a person exactly there (0: none does)."""
    where = int(room) if room else None
    rows = await queries.all(SQL.sanctions_of, person, list(kinds), where, audit.moment(now))
    return max((audit.until_millis(row["until"]) for row in rows), default=0)


async def announce(d: Durable, act: Act, person: str, room: str | None, *, told: str = "") -> int:
    """Make the engine follow what now holds for a person there; gives until when (0: nothing).

    `told` is what the person is told to be: muted, banned or unmuted; nothing for a shadow.
    """
    until = await until_of(d, person, ("mute", "ban"), room, act.at)
    where = room or act.room
    if room is not None:
        d.publish(muted(room, person, until))
    else:
        d.deny_everywhere(person, until)
        banned = await until_of(d, person, ("ban",), None, act.at)
        d.control({"type": "deny", "publisher": person, "until": banned})
        if where is not None:
            d.publish(muted(where, person, until, deny=False))
    if told and where is not None:
        body = events.you_are(told, where if room else None, wire_until(until), act.reason)
        d.notice(f"room:{where}", person, dict(body))
    d.control({"type": "changed", "what": "moderation", "part": "sanctions"})
    return until


def muted(room: str, person: str, until: int, *, deny: bool = True) -> Publish:
    """Give the publication that denies a person in a room until then, or (0) no longer."""
    body = events.person_muted(person, wire_until(until)) if until else events.unmuted(person)
    return Publish(
        channel=f"room:{room}",
        body=events.packed(body),
        publisher=STAFF,
        key=person,
        flags=Flag.KEEP,
        persist=False,
        deny=(person, until) if deny else None,
    )


async def denials(db: Queries, room_id: str, now_ms: int) -> dict[str, int]:
    """Give who may not publish in a room and until when (ms); 0 for who was freed lately."""
    return await _denials(db, int(room_id), now_ms)


async def denials_everywhere(db: Queries, now_ms: int) -> dict[str, int]:
    """Give who may not publish anywhere and until when (ms); 0 for who was freed lately."""
    return await _denials(db, None, now_ms)


async def _denials(db: Queries, room: int | None, now: int) -> dict[str, int]:
    rows = await db.all(SQL.denials, room, audit.moment(now))
    found: dict[str, int] = {}
    for row in rows:
        until = row["until"]
        # asyncpg reads infinity as the largest datetime.
        found[row["person"]] = 0 if until is None else min(audit.millis(until), FOREVER)
    return found
