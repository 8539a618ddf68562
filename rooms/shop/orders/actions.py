"""The only code that writes orders: what Postgres decides about reservations, and tells."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from rooms.events import packed
from rooms.rules import message_uuid, room_channel
from rooms.shop import outgoing
from rooms.shop.events import OrderChanged, PurchaseMade, order_info
from rooms.shop.orders import reads, rules
from rooms.shop.orders.reads import SQL
from rooms.shop.orders.rules import SOLD, Buyer, Outcome
from rooms.shop.rules import Order, OrderState, Reservation
from rooms.shop.stock import actions as stock
from rooms.shop.stock import reads as stock_reads
from rooms.shop.stock.rules import no_reservation
from rooms.shop.told import Told
from server.context import Context
from server.database import Queries
from server.errors import HirobaError, Refused
from server.outbox import Durable, durable
from server.publication import Flag, Publish

log = logging.getLogger(__name__)

_TOLD: dict[OrderState, Told] = {
    OrderState.PLACED: "order.placed",
    OrderState.PAID: "order.paid",
    OrderState.CANCELLED: "order.cancelled",
    OrderState.REFUND_DUE: "order.refund_due",
    OrderState.REFUNDED: "order.refunded",
}


async def settle(
    ctx: Context,
    reservation_id: str,
    outcome: Outcome,
    payment: str = "",
    restock: bool = True,
) -> Order | None:
    """Carry out what a shop or a host says of a payment; the order as it then stands.

    Saying it again changes nothing. A payment for a hold that has ended takes the stock again if it
    is there, at the price as fixed; else the order is `refund_due`. `restock`: what is cancelled or
    refunded can be sold again; otherwise it is gone. None: failed or cancelled before any order.
    Refused: not_found, unavailable (say it again later).
    """
    reservation, _, key = await stock.find(ctx, reservation_id)
    found = await reads.of_reservation(ctx.db, reservation_id)
    state = found[0].state if found else None
    if outcome == "paid" and state in (None, OrderState.CANCELLED):
        return await _decide(ctx, reservation, key, OrderState.PAID, payment)
    if found is not None:
        return await _change(ctx, reservation, outcome, payment, restock)
    await stock.release(ctx, reservation_id, None, why=outcome, product_id=reservation.product_id)
    if outcome == "refunded":
        # Should the news of the payment still be on its way, it finds the matter closed.
        return await _close(ctx, reservation, payment)
    return None


async def place(ctx: Context, reservation: Reservation, key: str) -> Order:
    """Make an order that the host will see paid; `expired` when the hold has ended."""
    found = await reads.of_reservation(ctx.db, reservation.id)
    if found is not None:
        return found[0]
    return await _decide(ctx, reservation, key, OrderState.PLACED, "")


async def _decide(ctx: Context, r: Reservation, key: str, state: OrderState, payment: str) -> Order:
    """Let the database decide whether a reservation is sold."""
    late = state is OrderState.PAID
    claimed = await stock.claim(ctx, r, key, again=late)
    if claimed == "again" and not await stock.keeps_discount(ctx, r):
        await stock.release(ctx, r.id, None, why="coupon", product_id=r.product_id)
        claimed = None
    if claimed is None and not late:
        raise Refused("expired", "This reservation has ended.")
    sold, refund_due = False, False
    try:
        async with durable(ctx) as d:
            await stock.touch(d, r.product_id)
            before = await d.one(SQL.lock_order, message_uuid(r.id))
            if before is None or before["state"] == OrderState.CANCELLED:
                sold = claimed is not None and await _sell(d, r)
                if not sold and not late:
                    raise Refused("expired", "This reservation has ended.")
                refund_due = not sold
                decided = state if sold else OrderState.REFUND_DUE
                at = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
                await d.run(SQL.store, message_uuid(r.id), decided, payment, at, sold)
                if sold:
                    await d.run(SQL.reservation_ordered, message_uuid(r.id))
                    await stock.tell_stock(d, r.product_id)
                await _tell(d, r)
    except BaseException:
        if claimed is not None:
            await _let_go(ctx, r)
        raise
    if claimed is not None and refund_due:
        await _let_go(ctx, r, ended=True)
    return await _mirrored(ctx, r)


async def _sell(d: Queries, r: Reservation) -> bool:
    if await d.value(SQL.sell, int(r.variant_id), r.quantity) is None:
        return False
    if r.sale_id and await d.value(SQL.sell_in_sale, int(r.sale_id), r.quantity) is None:
        await d.run(SQL.unsell, int(r.variant_id), r.quantity, True)
        return False
    return True


async def _let_go(ctx: Context, r: Reservation, *, ended: bool = False) -> None:
    """Take a claim back as far as that can be done; else it ends by itself."""
    with suppress(HirobaError):
        if ended:
            await stock.release(ctx, r.id, None, why="sold_out", product_id=r.product_id)
        else:
            await stock.unclaim(ctx, r)


async def _change(
    ctx: Context, r: Reservation, outcome: Outcome, payment: str, restock: bool
) -> Order:
    """Change an order that stands; what was sold is counted back."""
    id = message_uuid(r.id)
    async with durable(ctx) as d:
        await stock.touch(d, r.product_id)
        before = OrderState((await _locked(d, id))["state"])
        after = rules.next_state(before, outcome)
        if after is not before and not (after is OrderState.PAID and before not in SOLD):
            if before in SOLD and after not in SOLD:
                await d.run(SQL.unsell, int(r.variant_id), r.quantity, restock)
                if r.sale_id and restock:
                    await d.run(SQL.unsell_in_sale, int(r.sale_id), r.quantity)
                await stock.tell_stock(d, r.product_id)
            at = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
            await d.run(SQL.set_state, id, after, payment, at)
            await _tell(d, r)
    return await _mirrored(ctx, r)


async def _locked(d: Queries, id: UUID) -> dict[str, str]:
    row = await d.one(SQL.lock_order, id)
    if row is None:
        raise no_reservation()
    return dict(row)


async def _close(ctx: Context, r: Reservation, payment: str) -> Order:
    async with durable(ctx) as d:
        await stock.touch(d, r.product_id)
        if await d.one(SQL.lock_order, message_uuid(r.id)) is None:
            at = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
            await d.run(SQL.store, message_uuid(r.id), OrderState.REFUNDED, payment, at, False)
            await _tell(d, r)
    return await _mirrored(ctx, r)


async def _mirrored(ctx: Context, r: Reservation) -> Order:
    try:
        await stock.mirror(ctx, r.product_id)
    except Refused as error:
        log.warning("stock of %s is mirrored later: %s", r.product_id, error)
    found = await reads.of_reservation(ctx.db, r.id)
    assert found is not None
    return found[0]


async def _tell(d: Durable, r: Reservation) -> None:
    """Tell the shop and the buyer how an order stands, after the commit."""
    found = await reads.of_reservation(d, r.id)
    assert found is not None
    order, title = found
    info = order_info(order, title)
    body = {**info, "person": order.person, "name": order.name, "payment": order.payment}
    await outgoing.tell(d, _TOLD[order.state], int(order.product_id), body)
    rooms = [order.room_id] if order.room_id else []
    if not rooms:
        shown = await stock_reads.rooms_of(d, [int(order.product_id)])
        rooms = [*shown.get(int(order.product_id), [])]
    for room in rooms:
        notice = OrderChanged(event="order.changed", order=info)
        d.notice(room_channel(room), order.person, dict(notice))


async def tell_purchases(ctx: Context) -> None:
    """Tell rooms who bought since the last time; the worker does it every few seconds."""
    for place in await ctx.db.all(SQL.untold):
        async with durable(ctx) as d:
            rows = await d.all(SQL.tell, place["room_id"], place["product_id"])
            if not rows:
                continue
            buyers = [Buyer(row["person"], row["name"], row["named"]) for row in rows]
            named, others = rules.told_of(buyers)
            body = PurchaseMade(
                event="purchase.made",
                product=str(place["product_id"]),
                title=rows[0]["title"],
                name=named.name if named else None,
                others=others,
            )
            # The name is its owner's words: a purge of that person reaches it.
            d.publish(
                Publish(
                    channel=room_channel(str(place["room_id"])),
                    body=packed(body),
                    publisher=named.person if named else "shop",
                    flags=Flag.KEEP,
                )
            )
