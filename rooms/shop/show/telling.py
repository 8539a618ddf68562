"""What rooms are told of the products that they show; the caller's transaction announces it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from rooms.events import packed
from rooms.rules import room_channel
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.events import ProductChanged, ProductInfo, product_info
from rooms.shop.rules import Product
from rooms.shop.stock import actions
from rooms.shop.stock import reads as stock
from rooms.shop.stock.rules import Left
from server.context import Context
from server.database import statements
from server.errors import Refused
from server.outbox import Durable
from server.publication import Flag, Publish

SQL = statements(__package__)
log = logging.getLogger(__name__)
_UNTOUCHED = Left({})


Stock = Mapping[str, Left]
"""What is left of products, by their ids."""


async def stock_of(ctx: Context, *ids: int | str) -> Stock:
    """Give what is left of products; before a transaction, for it may ask the database too."""
    return await stock.left(ctx, [str(id) for id in ids])


def info_of(ctx: Context, product: Product, left: Stock) -> ProductInfo:
    """Describe a product to everybody, with what is left of it."""
    known = left.get(product.id, _UNTOUCHED)
    return product_info(product, ctx.clock(), known.variants, known.sale)


async def tell_change(
    ctx: Context, d: Durable, product_id: int, left: Stock, *rooms: str
) -> ProductInfo:
    """Tell a product, as it is in this transaction, to these rooms and all others that show it."""
    info = info_of(ctx, await catalogue.product(d, product_id, at=ctx.clock()), left)
    showing = {str(row["id"]) for row in await d.all(SQL.rooms_with, product_id)}
    for room in sorted(showing | set(rooms), key=int):
        say(d, room, ProductChanged(event="product.changed", product=info))
    return info


async def mirror(ctx: Context, ids: Iterable[int]) -> None:
    """Bring to Redis what was committed of products; what fails is left for the worker's chore."""
    few = asyncio.Semaphore(4)

    async def one(id: int) -> None:
        async with few:
            try:
                await actions.mirror(ctx, str(id))
            except Refused as refused:
                log.warning("product %s is mirrored later: %s", id, refused)

    await asyncio.gather(*(one(id) for id in ids))


def say(d: Durable, room_id: str, body: Mapping[str, Any]) -> None:
    """Publish in a room after the commit."""
    d.publish(push(room_id, body))


def push(room_id: str, body: Mapping[str, Any]) -> Publish:
    """Make a push to a room, which the sampled feed never leaves out."""
    return Publish(channel=room_channel(room_id), body=packed(body), flags=Flag.KEEP)
