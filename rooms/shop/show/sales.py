"""Flash sales: one price for some minutes of server time, one at a time for each product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms import reads as rooms
from rooms.access import Action, require
from rooms.actions import member_number
from rooms.rules import room_number, whole
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.rules import Sale, number
from rooms.shop.show import rules
from rooms.shop.show.telling import SQL, Stock, mirror, stock_of, tell_change
from rooms.shop.stock.actions import touch
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable


async def start(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Sell for less {room, product, price, total, per_person?, starts_in? (s), minutes}.

    The price is in minor units or as people write it. `in_stock` of the answer says what is not
    sold yet, `short` how many the sale promises beyond that.
    """
    room_id, product_id = room_number(args.get("room")), number(args, "product")
    left = await stock_of(ctx, product_id)
    async with durable(ctx) as d:
        await _require(d, viewer, room_id)
        await touch(d, str(product_id))
        now = ctx.clock()
        if await d.value(SQL.sale_open, product_id, rules.moment(now)) is not None:
            raise Refused(
                "invalid",
                "This product has a flash sale already; end it first.",
                problem="sale_on",
            )
        product = await catalogue.product(d, product_id, at=now)
        if product.archived:
            raise Refused("not_found", "This product is no longer sold.")
        draft = rules.read_sale(args, product, now)
        await d.value(
            SQL.sale_add,
            product_id,
            room_id,
            draft.price,
            draft.total,
            draft.per_person,
            rules.moment(draft.starts_at),
            rules.moment(draft.ends_at),
            member_number(viewer),
            1 if draft.starts_at <= now else 0,
        )
        info = await tell_change(ctx, d, product_id, left, str(room_id))
    await mirror(ctx, [product_id])
    stock = rules.in_stock(product)
    return {"sale": info["sale"], "in_stock": stock, "short": max(0, draft.total - stock)}


async def extend(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Let a flash sale last longer {sale, minutes, ends_at?}.

    With `ends_at`, the end that the host saw, two hosts who press at once extend it once.
    """
    minutes = whole(args, "minutes", least=1, most=rules.MOST_MINUTES)
    left = await _stock(ctx, viewer, args)
    async with durable(ctx) as d:
        sale = await _sale(d, viewer, args)
        ends_at = rules.longer(sale, minutes, ctx.clock())
        if args.get("ends_at") not in (None, sale.ends_at):
            return {"ends_at": sale.ends_at}
        await d.run(SQL.sale_extend, int(sale.id), rules.moment(ends_at))
        await _changed(ctx, d, sale, left)
    await mirror(ctx, [int(sale.product_id)])
    return {"ends_at": ends_at}


async def end(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """End a flash sale now {sale}, also one that has not begun."""
    left = await _stock(ctx, viewer, args)
    async with durable(ctx) as d:
        sale = await _sale(d, viewer, args)
        now = ctx.clock()
        if await d.value(SQL.sale_end, int(sale.id), rules.moment(now)) is None:
            return {"ends_at": sale.ends_at}
        await _changed(ctx, d, sale, left)
    await mirror(ctx, [int(sale.product_id)])
    return {"ends_at": now}


async def tell_turns(ctx: Context) -> None:
    """Tell the rooms of flash sales that began or ended; the worker does it every second."""
    now = rules.moment(ctx.clock())
    for row in await ctx.db.all(SQL.sales_turned, now):
        left = await stock_of(ctx, row["product_id"])
        async with durable(ctx) as d:
            await d.value(SQL.lock_product, row["product_id"])
            if await d.value(SQL.sale_told, row["id"], now) is not None:
                await tell_change(ctx, d, row["product_id"], left, str(row["room_id"]))


async def _changed(ctx: Context, d: Durable, sale: Sale, left: Stock) -> None:
    await touch(d, sale.product_id)
    await tell_change(ctx, d, int(sale.product_id), left, sale.room_id)


async def _stock(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Stock:
    """Give what is left of the product of a sale, for whoever may sell."""
    require(viewer, Action.SELL)
    row = await ctx.db.one(SQL.sale, number(args, "sale"))
    return {} if row is None else await stock_of(ctx, row["product_id"])


async def _sale(d: Durable, viewer: Viewer, args: Mapping[str, Any]) -> Sale:
    """Find a flash sale that this viewer may change, and hold its product meanwhile."""
    row = await d.one(SQL.sale, number(args, "sale"))
    if row is None:
        raise Refused("not_found", "There is no such flash sale.")
    await _require(d, viewer, row["room_id"])
    await d.value(SQL.lock_product, row["product_id"])
    held = await d.one(SQL.sale, row["id"])
    assert held is not None
    return Sale(
        id=str(held["id"]),
        product_id=str(held["product_id"]),
        room_id=str(held["room_id"]),
        price=held["price"],
        total=held["total"],
        sold=held["sold"],
        per_person=held["per_person"],
        starts_at=held["starts_ms"],
        ends_at=held["ends_ms"],
    )


async def _require(d: Durable, viewer: Viewer, room_id: int) -> None:
    room = await rooms.room(d, room_id)
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require(viewer, Action.SELL, room)
