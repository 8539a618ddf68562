"""Runs the scripts, and builds a product anew from the database when Redis has lost it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rooms.rules import message_id
from rooms.shop.rules import OFFER_MS
from rooms.shop.stock.reads import SQL, reservation_of, waiter_of
from rooms.shop.stock.rules import as_hold, given, refusal
from rooms.shop.stock.scripts import packed, send
from server.context import Context
from server.database import Queries
from server.errors import Refused
from server.redis_wire import Argument

_TRIES = 3


async def decide(
    ctx: Context, verb: str, product_id: str, *args: Argument, kept: str = ""
) -> tuple[str, Sequence[Any]]:
    """Run a script, after rebuilding the product where that is needed; its word and what follows.

    Refused: unavailable, not_found for a product that is not there.
    """
    word, rest = await send(ctx, verb, product_id, *args, kept=kept)
    for _ in range(_TRIES):
        if word not in ("stale", "absent"):
            break
        await ctx.of(Rebuilder).rebuild(product_id)
        word, rest = await send(ctx, verb, product_id, *args, kept=kept)
    if word in ("stale", "absent", "too_late"):
        raise refusal("stale", ())
    return word, rest


async def truth(db: Queries, product_id: str, at: int, *, whole: bool = False) -> dict[str, Any]:
    """Read what the scripts have to know, in one statement; `whole` is for a product built anew."""
    time = datetime.fromtimestamp(at / 1000, UTC)
    row = await db.one(SQL.truth, int(product_id), time, whole)
    if row is None:
        raise Refused("not_found", "There is no such product.")
    hold_ms = row["hold_seconds"] * 1000
    values = dict(row) | {"hold_ms": hold_ms, "offer_ms": min(OFFER_MS, hold_ms)}
    values["sales"] = [given(sale) for sale in row["sales"]]
    return given(values)


class Rebuilder:
    """Rebuilds each product once at a time in this process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._running: dict[str, asyncio.Task[None]] = {}

    async def rebuild(self, product_id: str) -> None:
        """Write into Redis what the database knows; Refused unavailable while it cannot be read."""
        task = self._running.get(product_id)
        if task is None:
            task = asyncio.create_task(self._rebuild(product_id), name=f"rebuild {product_id}")
            self._running[product_id] = task
            task.add_done_callback(lambda _: self._running.pop(product_id, None))
        # One buyer who goes away must not take the others' stock along.
        await asyncio.shield(task)

    async def _rebuild(self, product_id: str) -> None:
        for _ in range(_TRIES):
            epoch = await self._begin_epoch(product_id)
            if epoch is None or await self._adopt(product_id, epoch):
                return
        raise refusal("stale", ())

    async def _begin_epoch(self, product_id: str) -> int | None:
        """Void whatever of the log is not saved yet; None when another process has rebuilt it."""
        async with self._ctx.db.transaction() as tx:
            row = await tx.one(SQL.lock, int(product_id))
            if row is None:
                raise Refused("not_found", "There is no such product.")
            word, _ = await send(self._ctx, "find", product_id, "")
            if word != "stale":
                return None
            epoch = max(row["stock_epoch"] + 1, self._ctx.broker.redis_time)
            await tx.run(SQL.begin_epoch, int(product_id), epoch)
        # Committed before it is read: what the worker saves from now on is void, so the holds that
        # are read are all that will ever be known of before.
        return int(epoch)

    async def _adopt(self, product_id: str, epoch: int) -> bool:
        number = int(product_id)
        async with self._ctx.db.transaction() as tx:
            row = await tx.one(SQL.lock, number)
            if row is None or row["stock_epoch"] != epoch:
                return False
            known = await truth(tx, product_id, self._ctx.broker.redis_time, whole=True)
            holds = await tx.all(SQL.holds, number)
            known["holds"] = [as_hold(reservation_of(row), row["key"]) for row in holds]
            known["waiters"] = [waiter_of(row) for row in await tx.all(SQL.waiters, number)]
            done = await tx.all(SQL.done, number)
            known["done"] = [message_id(row["reservation_id"]) for row in done]
            known["seq"] = await tx.value(SQL.newest_seq, number)
            word, _ = await send(self._ctx, "adopt", product_id, packed(known), epoch)
        return word in ("ok", "already")
