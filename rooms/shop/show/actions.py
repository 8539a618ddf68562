"""The only code that writes a show: its rundown, what is pinned, and stopping all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms import reads as rooms
from rooms.access import Action, require
from rooms.rules import Kind, Room, State, broadcast_number, room_number, whole
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.events import ProductChanged, ProductPinned, ProductRemoved, ProductUnpinned
from rooms.shop.rules import number
from rooms.shop.show import rules
from rooms.shop.show.telling import (
    SQL,
    info_of,
    mirror,
    push,
    say,
    stock_of,
    tell_change,
)
from server import outbox
from server.context import Context, Viewer
from server.database import Transaction
from server.errors import Refused
from server.outbox import Durable, durable
from server.stream_worker import Entry


async def add(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Put a product at the end of a rundown {broadcast, product, planned_at? (ms)}."""
    product_id, planned = number(args, "product"), rules.planned(args.get("planned_at"))
    left = await stock_of(ctx, product_id)
    async with durable(ctx) as d:
        broadcast, room = await _rundown(d, viewer, args)
        product = await catalogue.product(d, product_id, at=ctx.clock())
        if product.archived:
            raise Refused("not_found", "This product is no longer sold.")
        known = [row["product_id"] for row in await d.all(SQL.rundown_ids, broadcast)]
        if product_id not in known:
            if len(known) >= rules.MOST_PRODUCTS:
                raise Refused(
                    "limit_reached", f"A rundown takes at most {rules.MOST_PRODUCTS} products."
                )
            await d.run(SQL.rundown_add, broadcast, product_id, planned)
            known.append(product_id)
            if _is_now(room, broadcast):
                info = info_of(ctx, product, left)
                say(d, room.id, ProductChanged(event="product.changed", product=info))
    return _order(known)


async def remove(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Take a product out of a rundown {broadcast, product}; what is pinned stays pinned."""
    product_id = number(args, "product")
    async with durable(ctx) as d:
        broadcast, room = await _rundown(d, viewer, args)
        gone = await d.value(SQL.rundown_remove, broadcast, product_id)
        pinned = await d.one(SQL.pin_open, int(room.id))
        shown = pinned is not None and pinned["product_id"] == product_id
        if gone is not None and _is_now(room, broadcast) and not shown:
            say(d, room.id, ProductRemoved(event="product.removed", id=str(product_id)))
        known = [row["product_id"] for row in await d.all(SQL.rundown_ids, broadcast)]
    return _order(known)


async def move(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Move a product in a rundown {broadcast, product, by}: places down, or up below 0."""
    product_id = number(args, "product")
    by = whole(args, "by", least=-rules.MOST_PRODUCTS, most=rules.MOST_PRODUCTS)
    async with durable(ctx) as d:
        broadcast, _ = await _rundown(d, viewer, args)
        known = [row["product_id"] for row in await d.all(SQL.rundown_ids, broadcast)]
        if product_id not in known:
            raise Refused("not_found", "This product is not in the rundown.")
        known = rules.moved(known, product_id, by)
        await d.run(SQL.rundown_order, broadcast, known)
    return _order(known)


async def plan(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Say when a product of a rundown is planned {broadcast, product, planned_at: ms or null}."""
    product_id, planned = number(args, "product"), rules.planned(args.get("planned_at"))
    async with durable(ctx) as d:
        broadcast, _ = await _rundown(d, viewer, args)
        if await d.value(SQL.rundown_plan, broadcast, product_id, planned) is None:
            raise Refused("not_found", "This product is not in the rundown.")
    return {"planned_at": args.get("planned_at")}


async def pin(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Show a product {room, product} above the comments, in place of any before it."""
    room_id, product_id = room_number(args.get("room")), number(args, "product")
    left = await stock_of(ctx, product_id)
    async with durable(ctx) as d:
        room = await _selling(d, viewer, room_id)
        await d.run(SQL.lock_room, room_id)
        before = await d.one(SQL.pin_open, room_id)
        if before is not None and before["product_id"] == product_id:
            return {"product": str(product_id), "second": before["second"]}
        now = ctx.clock()
        product = await catalogue.product(d, product_id, at=now)
        if product.archived:
            raise Refused("not_found", "This product is no longer sold.")
        on = room.broadcast if room.broadcast and room.broadcast.state is not State.ENDED else None
        second = rules.second_of(on.started_at if on else None, now)
        at = rules.moment(now)
        await d.run(SQL.pin_close, room_id, at)
        await d.run(SQL.pin_add, room_id, int(on.id) if on else None, product_id, second, at)
        info = info_of(ctx, product, left)
        say(d, room.id, ProductPinned(event="product.pinned", product=info, second=second))
    return {"product": str(product_id), "second": second}


async def unpin(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Show no product {room} above the comments."""
    room_id = room_number(args.get("room"))
    async with durable(ctx) as d:
        room = await _selling(d, viewer, room_id)
        await d.run(SQL.lock_room, room_id)
        gone = await d.value(SQL.pin_close, room_id, rules.moment(ctx.clock()))
        if gone is not None:
            say(d, room.id, ProductUnpinned(event="product.unpinned", id=str(gone)))
    return {"product": None if gone is None else str(gone)}


async def stop(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, stopped: bool = True
) -> dict[str, Any]:
    """Sell nothing of a show {room, broadcast?} any more, or again; gives what changed.

    `products`, as a stop gave them, leaves out what had been stopped before it. Who holds a
    reservation may still pay.
    """
    room_id, wanted = room_number(args.get("room")), _products(args.get("products"))
    named = args.get("broadcast")
    broadcast = None if named is None else broadcast_number(named)
    shown = {row["product_id"] for row in await ctx.db.all(SQL.on_show, room_id, broadcast)}
    left = await stock_of(ctx, *shown)
    async with durable(ctx) as d:
        room = await _selling(d, viewer, room_id)
        ids = sorted(shown if wanted is None else shown & wanted)
        changed = sorted(row["id"] for row in await d.all(SQL.stop, ids, stopped))
        for product_id in changed:
            await tell_change(ctx, d, product_id, left, room.id)
    await mirror(ctx, changed)
    return {"products": [str(id) for id in changed], "stopped": stopped}


async def take_off(tx: Transaction, entries: list[Entry]) -> None:
    """Take off what was pinned in broadcasts that ended (a consumer of the log)."""
    ended = {int(e.body["id"]): e.publication.at for e in entries if e.event == "broadcast.ended"}
    if not ended:
        return
    for row in await tx.all(SQL.pins_over, list(ended), rules.moment(max(ended.values()))):
        body = ProductUnpinned(event="product.unpinned", id=str(row["product_id"]))
        await outbox.add(tx, push(str(row["room_id"]), body))


def _products(value: object) -> set[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > 2 * rules.MOST_PRODUCTS:
        raise Refused("invalid", "products is a list of ids.", field="products")
    return {number({"products": each}, "products") for each in value}


async def _selling(d: Durable, viewer: Viewer, room_id: int) -> Room:
    room = await rooms.room(d, room_id)
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require(viewer, Action.SELL, room)
    if room.kind is not Kind.LIVE:
        raise Refused("invalid", "Products are shown in live rooms.")
    return room


async def _rundown(d: Durable, viewer: Viewer, args: Mapping[str, Any]) -> tuple[int, Room]:
    """Find the broadcast of a rundown that this viewer may change, and hold it meanwhile."""
    require(viewer, Action.SELL)
    broadcast = broadcast_number(args.get("broadcast"))
    room_id = await d.value(SQL.broadcast_room, broadcast)
    if room_id is None:
        raise Refused("not_found", "There is no such broadcast.")
    return broadcast, await _selling(d, viewer, room_id)


def _is_now(room: Room, broadcast: int) -> bool:
    return room.broadcast is not None and room.broadcast.id == str(broadcast)


def _order(ids: list[int]) -> dict[str, Any]:
    return {"products": [str(id) for id in ids]}
