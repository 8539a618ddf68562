"""The live commands about orders: going to pay, and what the host marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms.access import Action, require
from rooms.rules import choice, flag, message_uuid
from rooms.shop import checkout as shop
from rooms.shop.catalogue.reads import product
from rooms.shop.events import order_info
from rooms.shop.orders import actions, reads
from rooms.shop.orders.rules import Outcome
from rooms.shop.rules import HoldState, number
from rooms.shop.stock import actions as stock
from rooms.shop.stock import commands as stock_commands
from rooms.shop.stock.reads import SQL as STOCK
from rooms.shop.stock.rules import no_reservation, read_reservation_id
from server.context import Context, Viewer
from server.errors import Refused

_MARKS: Mapping[str, Outcome] = {
    "paid": "paid",
    "cancelled": "cancelled",
    "refunded": "refunded",
}


async def checkout(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Go and pay for one's reservation {id, product?, named?}: {url}, or {order} where offline.

    Refused: not_found, expired when it has ended.
    """
    require(viewer, Action.BUY)
    ctx.of(stock_commands.BuyLimit).take(viewer)
    id = read_reservation_id(args)
    of = await stock_commands.product_for(ctx, id, args)
    is_held = await stock.save(ctx, of, id)
    reservation, _, key = await stock.find(ctx, id)
    if reservation.person != viewer.id:
        raise no_reservation()
    found = await reads.of_reservation(ctx.db, id)
    if found is not None:
        return {"order": order_info(*found)}
    if reservation.state is not HoldState.HELD or not is_held:
        raise Refused("expired", "This reservation has ended.")
    if args.get("named") is not None:
        await ctx.db.run(STOCK.set_named, message_uuid(id), flag(args, "named"))
    sold = await product(ctx.db, reservation.product_id)
    if sold.checkout != "offline":
        return {"url": await shop.address(ctx, sold, reservation)}
    await actions.place(ctx, reservation, key)
    placed = await reads.of_reservation(ctx.db, id)
    assert placed is not None
    return {"order": order_info(*placed)}


async def mark(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Say in the shop's place what became of an order: {order, state, restock?}.

    `state` is paid, cancelled or refunded; `restock` (default true) says whether it can be sold
    again. Gives {order}, as it then stands.
    """
    require(viewer, Action.SELL)
    state = choice(args, "state", tuple(_MARKS))
    restock = args.get("restock") is None or flag(args, "restock")
    order, title = await reads.order(ctx.db, number(args, "order"))
    # Where the host gets the money, the host's word is as good as the shop's.
    changed = await actions.settle(ctx, order.reservation_id, _MARKS[state], "", restock)
    return {"order": order_info(changed or order, title)}
