"""What a room sells now, as its page, the API and the socket's clients read it."""

from __future__ import annotations

from typing import TypedDict

from rooms.rules import Room
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.events import ProductInfo, ReservationInfo, reservation_info
from rooms.shop.show.telling import SQL, info_of, stock_of
from rooms.shop.stock import reads as stock
from server.context import Context, Viewer


class Shelf(TypedDict):
    """The products of a room's show in their order, and what the asker holds; `now` in ms."""

    products: list[ProductInfo]
    pinned: str | None
    now: int
    reservations: list[ReservationInfo]


async def shelf(ctx: Context, room: Room, viewer: Viewer) -> Shelf:
    """Give what a room sells: the rundown of its broadcast, and what is pinned."""
    now = ctx.clock()
    broadcast = int(room.broadcast.id) if room.broadcast else None
    rows = await ctx.db.all(SQL.shelf, int(room.id), broadcast)
    products = await catalogue.products(ctx.db, [row["product_id"] for row in rows], at=now)
    left = await stock_of(ctx, *(product.id for product in products))
    held = await stock.of_person(ctx, viewer.id) if viewer.id else []
    return Shelf(
        products=[info_of(ctx, product, left) for product in products],
        pinned=next((str(row["product_id"]) for row in rows if row["pinned"]), None),
        now=now,
        reservations=[reservation_info(each, title) for each, title in held],
    )
