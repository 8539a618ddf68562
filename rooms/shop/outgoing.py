"""What shops are told is written here, in the transaction that made it true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rooms.shop.told import Told
from server.database import Queries

__all__ = ["Told", "tell"]


async def tell(db: Queries, kind: Told, product_id: int, body: Mapping[str, Any]) -> None:
    """Have every endpoint that wants this kind told after the commit, in order, each once."""
    await tell_all(db, [(kind, product_id, body)])


async def tell_all(db: Queries, events: Iterable[tuple[Told, int, Mapping[str, Any]]]) -> None:
    """Have several events (kind, product, body) told, in this order."""
    await db.many(
        "INSERT INTO webhook_events (kind, product_id, body) VALUES ($1, $2, $3)",
        [(kind, product_id, dict(body)) for kind, product_id, body in events],
    )
