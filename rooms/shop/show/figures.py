"""What a show sells, for its hosts: orders and sales, its products, who asked, holds and bought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from asyncpg import Record

from moderation.rules import Rank
from rooms import reads as rooms
from rooms.access import Action, require
from rooms.rules import broadcast_number, optional_text, room_number
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.events import ProductInfo
from rooms.shop.rules import number
from rooms.shop.show import rules
from rooms.shop.show.telling import SQL, info_of, stock_of
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused


class Amount(TypedDict):
    """A sum of money in minor units."""

    currency: str
    amount: int


class Line(TypedDict):
    """A product of a show: whether it stands in the rundown, and how it sells in this broadcast."""

    product: ProductInfo
    planned: bool
    planned_at: int | None
    shown: bool
    """Whether it was pinned in this broadcast, or is."""
    orders: int
    sold: int
    holding: int
    waiting: int


class Figures(TypedDict):
    """How a show sells; what was cancelled or is to be paid back does not count."""

    now: int
    pinned: str | None
    orders: int
    units: int
    sales: list[Amount]
    products: list[Line]


async def listed(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Give figures and rundown of a show {room, broadcast?}: by default the room's present one."""
    room_id, broadcast = await _shown(ctx, viewer, args)
    return dict(await of_show(ctx, room_id, broadcast))


async def people(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Tell who named, waits for, holds and bought a product {room, product, broadcast?}."""
    room_id, broadcast = await _shown(ctx, viewer, args)
    product = await catalogue.product(ctx.db, number(args, "product"))
    id, now = int(product.id), rules.moment(ctx.clock())
    team = int(Rank.MODERATOR)
    named = (room_id, broadcast, product.title, rules.code_pattern(product.code), team)
    return {
        "product": product.id,
        "asked": _rows(await ctx.db.all(SQL.asked_by, *named)),
        "waiting": _rows(await ctx.db.all(SQL.waited_by, id)),
        "holding": _rows(await ctx.db.all(SQL.held_by, id, now)),
        "bought": _rows(await ctx.db.all(SQL.bought_by, broadcast, id)),
    }


async def orders(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Give the newest orders of a show {room, broadcast?}, whatever became of them."""
    _, broadcast = await _shown(ctx, viewer, args)
    return {"orders": _rows(await ctx.db.all(SQL.bought_by, broadcast, None))}


async def find(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Find products that are sold {text?}, by words of the title or by the code."""
    require(viewer, Action.SELL)
    text = optional_text(args.get("text"), limit=100, field="text", lines=False)
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await ctx.db.all(SQL.find_products, f"%{plain}%", text)
    products = await catalogue.products(ctx.db, [row["id"] for row in rows], at=ctx.clock())
    left = await stock_of(ctx, *(product.id for product in products))
    return {"products": [info_of(ctx, product, left) for product in products]}


async def of_show(ctx: Context, room_id: int, broadcast: int | None) -> Figures:
    """Give the figures and the rundown of a broadcast, with what its room pinned."""
    entries = await ctx.db.all(SQL.rundown, broadcast, room_id)
    ids = [row["product_id"] for row in entries]
    sold = await ctx.db.all(SQL.sold, broadcast)
    busy = {row["id"]: row for row in await _busy(ctx, ids)}
    shown = {row["product_id"] for row in await ctx.db.all(SQL.shown_before, broadcast)}
    pinned = await ctx.db.one(SQL.pin_open, room_id)
    products = await catalogue.products(ctx.db, ids, at=ctx.clock())
    left = await stock_of(ctx, *ids)
    infos = {product.id: info_of(ctx, product, left) for product in products}
    lines = [
        Line(
            product=infos[str(row["product_id"])],
            planned=row["planned"],
            planned_at=_ms(row["planned_at"]),
            shown=row["product_id"] in shown,
            orders=sum(s["orders"] for s in sold if s["product_id"] == row["product_id"]),
            sold=int(sum(s["units"] for s in sold if s["product_id"] == row["product_id"])),
            holding=busy[row["product_id"]]["holding"],
            waiting=busy[row["product_id"]]["waiting"],
        )
        for row in entries
    ]
    sums: dict[str, int] = {}
    for row in sold:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["amount"]
    return Figures(
        now=ctx.clock(),
        pinned=str(pinned["product_id"]) if pinned else None,
        orders=sum(row["orders"] for row in sold),
        units=int(sum(row["units"] for row in sold)),
        sales=[
            Amount(currency=currency, amount=amount) for currency, amount in sorted(sums.items())
        ],
        products=lines,
    )


async def chapters(db: Queries, broadcast: int) -> list[tuple[str, int]]:
    """Give title and second of each product that was pinned in a broadcast, in its order."""
    return [(row["title"], row["second"]) for row in await db.all(SQL.chapters, broadcast)]


async def _busy(ctx: Context, ids: list[int]) -> list[Record]:
    return await ctx.db.all(SQL.busy, ids, rules.moment(ctx.clock()))


async def _shown(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> tuple[int, int | None]:
    """Read which show is meant: its room, and its broadcast where there is one."""
    room = await rooms.room(ctx.db, room_number(args.get("room")))
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require(viewer, Action.SELL, room)
    if args.get("broadcast") is not None:
        broadcast = broadcast_number(args["broadcast"])
        if await ctx.db.value(SQL.room_of_broadcast, broadcast) != int(room.id):
            raise Refused("not_found", "There is no such broadcast in this room.")
        return int(room.id), broadcast
    return int(room.id), int(room.broadcast.id) if room.broadcast else None


def _rows(rows: list[Record]) -> list[dict[str, Any]]:
    ids = ("id", "product")
    return [
        {name: str(value) if name in ids else value for name, value in row.items()} for row in rows
    ]


def _ms(at: Any) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
