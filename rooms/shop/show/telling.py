"""What rooms are told of the products that they show; the caller's transaction announces it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rooms.events import packed
from rooms.rules import room_channel
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.events import ProductChanged, ProductInfo, product_info
from rooms.shop.rules import Product
from server.context import Context
from server.database import statements
from server.outbox import Durable
from server.publication import Flag, Publish

SQL = statements(__package__)


async def info_of(ctx: Context, product: Product) -> ProductInfo:
    """Describe a product to everybody, with what is left now."""
    return (await infos_of(ctx, [product]))[0]


async def infos_of(ctx: Context, products: Sequence[Product]) -> list[ProductInfo]:
    """Describe products to everybody, with what is left now."""
    return [product_info(product, ctx.clock()) for product in products]


async def tell_change(ctx: Context, d: Durable, product_id: int, *rooms: str) -> ProductInfo:
    """Tell a product, as it is in this transaction, to these rooms and all others that show it."""
    info = await info_of(ctx, await catalogue.product(d, product_id, at=ctx.clock()))
    showing = {str(row["id"]) for row in await d.all(SQL.rooms_with, product_id)}
    for room in sorted(showing | set(rooms), key=int):
        say(d, room, ProductChanged(event="product.changed", product=info))
    return info


def say(d: Durable, room_id: str, body: Mapping[str, Any]) -> None:
    """Publish in a room after the commit; the sampled feed never leaves it out."""
    d.publish(Publish(channel=room_channel(room_id), body=packed(body), flags=Flag.KEEP))
