"""Who is acted on: name and rank, and whether the actor may."""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from moderation.audit import SQL
from moderation.ids import is_guest
from moderation.rules import Rank, may_act_on
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused

_SCAN = 1000
"""Entries of the recovery window in which the name of an unsaved guest is looked for."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a moderator acts on."""

    id: str
    name: str
    rank: int


async def find(ctx: Context, queries: Queries, person: str, room: str | None) -> Person:
    """Find a member or guest; Refused `not_found` for a member who never was."""
    if is_guest(person):
        name = await queries.value(SQL.guest_name, person)
        return Person(person, name or await name_nearby(ctx, person, room), Rank.GUEST)
    row = await queries.one(SQL.member, int(person[1:]))
    if row is None:
        raise Refused("not_found", "There is no such member.")
    return Person(person, row["name"], row["rank"])


async def name_nearby(ctx: Context, person: str, room: str | None) -> str:
    """Give the name under which a person spoke a moment ago, or an empty string."""
    if room is None:
        return ""
    window = await ctx.broker.newest(f"room:{room}", _SCAN)
    for entry in reversed(window.entries):
        if entry.publisher == person and entry.body:
            author = msgpack.unpackb(entry.body).get("author")
            if author and author.get("id") == person:
                return str(author["name"])
    return ""


def check(actor: Viewer, person: str, rank: int) -> None:
    """Refuse `forbidden` when the actor may not act on somebody of this rank."""
    if not may_act_on(actor.rank, rank, same=actor.id == person):
        raise Refused("forbidden", "You may not act on this person.")
