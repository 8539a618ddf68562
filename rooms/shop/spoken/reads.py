"""What can be bought by comment."""

from __future__ import annotations

from collections.abc import Collection

from rooms.shop.codes import folded
from rooms.shop.spoken.rules import Coded, Variant
from server.database import Queries, statements

SQL = statements(__package__)


async def codes(db: Queries, rooms: Collection[int]) -> dict[int, list[Coded]]:
    """Give, for each of these rooms whose broadcast is on, what can be bought by comment there."""
    found: dict[int, list[Coded]] = {}
    for row in await db.all(SQL.codes, sorted(rooms)):
        variants = tuple(Variant(id, folded(code)) for id, code in row["variants"] or ())
        coded = Coded(row["id"], folded(row["code"]), variants)
        found.setdefault(row["room_id"], []).append(coded)
    return found
