"""Rooms are told what is left of a product: at once, then at most four times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from rooms.events import packed
from rooms.rules import room_channel
from rooms.shop.events import StockChanged, StockLeft
from rooms.shop.stock import reads
from rooms.shop.stock.rules import Left
from server.context import Context
from server.errors import Refused

log = logging.getLogger(__name__)

PAUSE = 0.25
ROOMS_FRESH_MS = 1000


class Teller:
    """Coalesces for each product what this process changes; the last state is always told."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._changed: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._rooms: dict[str, tuple[int, list[str]]] = {}

    def changed(self, product_id: str) -> None:
        """Have it told; nobody waits for that."""
        self._changed.add(product_id)
        if product_id not in self._running:
            task = asyncio.create_task(self._tell(product_id), name=f"stock {product_id}")
            self._running[product_id] = task

    async def settled(self) -> None:
        """Wait until all is told."""
        while self._running:
            await asyncio.gather(*self._running.values())

    async def _tell(self, product_id: str) -> None:
        try:
            while product_id in self._changed:
                self._changed.discard(product_id)
                try:
                    await self._tell_now(product_id)
                except Refused as error:
                    log.info("stock of %s is not told: %s", product_id, error)
                    return
                await asyncio.sleep(PAUSE)
        finally:
            self._running.pop(product_id, None)

    async def _tell_now(self, product_id: str) -> None:
        rooms = await self._shown_in(product_id)
        if not rooms:
            return
        known = await reads.left(self._ctx, [product_id])
        if product_id not in known:
            return
        body = packed(stock_changed(product_id, known[product_id]))
        for room in rooms:
            await self._ctx.broker.pass_on(room_channel(room), body)

    async def _shown_in(self, product_id: str) -> list[str]:
        now = self._ctx.clock()
        kept = self._rooms.get(product_id)
        if kept is not None and 0 <= now - kept[0] < ROOMS_FRESH_MS:
            return kept[1]
        found: Mapping[int, list[str]] = await reads.rooms_of(self._ctx.db, [int(product_id)])
        rooms = found.get(int(product_id), [])
        self._rooms[product_id] = (now, rooms)
        if len(self._rooms) > 1000:
            self._rooms.pop(next(iter(self._rooms)))
        return rooms


def stock_changed(product_id: str, left: Left) -> StockChanged:
    """Describe what is left to everybody."""
    return StockChanged(
        event="stock.changed",
        product=product_id,
        variants=[
            StockLeft(id=id, left=free, in_carts=in_carts)
            for id, (free, in_carts) in left.variants.items()
        ],
        sale_left=left.sale,
    )
