"""Members as pages and the command line show them."""

from __future__ import annotations

from typing import Any

from asyncpg import Record

from moderation.rules import Rank
from rooms.members.rules import Member, secret_hash
from rooms.rules import message_id
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)


def _member(row: Record) -> Member:
    return Member(**{**dict(row), "rank": Rank(row["rank"])})


async def member(db: Queries, member_id: int) -> Member:
    """Give a member; `not_found` when there never was one or the account was deleted."""
    row = await db.one(SQL.member, member_id)
    if row is None or row["deleted"]:
        raise Refused("not_found", "There is no such member.")
    return _member(row)


async def page(db: Queries, part: str = "", *, limit: int = 50, skip: int = 0) -> list[Member]:
    """List members whose name holds `part`, staff first."""
    return [_member(row) for row in await db.all(SQL.list_members, part, limit, skip)]


async def has_owner(db: Queries) -> bool:
    """Tell whether somebody owns this community already."""
    return bool(await db.value(SQL.has_owner))


async def link_is_good(db: Queries, token: str, purpose: str) -> bool:
    """Tell whether a one-time link can still be used."""
    return await db.one(SQL.link, secret_hash(token), purpose) is not None


async def newest_messages(db: Queries, member_id: int, limit: int = 50) -> list[dict[str, Any]]:
    """Give a member's newest messages for their profile, newest first."""
    rows = await db.all(SQL.newest_messages, member_id, limit)
    return [{**dict(row), "id": message_id(row["id"])} for row in rows]
