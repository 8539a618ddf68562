"""Reserving with a coupon: it has to be claimed, to fit, and not to be over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms.access import Action, require
from rooms.shop.gifts.reads import GRACE_MS, SQL, millis
from rooms.shop.rules import number
from rooms.shop.stock import commands as stock
from rooms.shop.stock.rules import Discount
from server.context import Context, Viewer
from server.errors import Refused


async def reserve(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Reserve {product, variant, quantity, key, price?, room?, named?, coupon?}.

    A coupon is refused as not_found when it was not claimed, as expired an hour after its end, as
    invalid with a `problem` (other_product, other_currency) when it does not fit.
    """
    coupon = None
    if args.get("coupon") is not None:
        require(viewer, Action.BUY)
        coupon = await discount(ctx, viewer, number(args, "coupon"), number(args, "product"))
    return await stock.reserve(ctx, viewer, args, coupon)


async def discount(ctx: Context, viewer: Viewer, coupon: int, product: int) -> Discount:
    """Give what a coupon that this person claimed takes off a product."""
    row = await ctx.db.one(SQL.claimed, coupon, viewer.id, product)
    if row is None:
        raise Refused("not_found", "You have not claimed this coupon.", field="coupon")
    if ctx.clock() > millis(row["ends_at"]) + GRACE_MS:
        raise Refused("expired", "This coupon is over.", field="coupon")
    if row["product_id"] not in (None, product):
        raise Refused(
            *("invalid", "This coupon is for another product."),
            field="coupon",
            problem="other_product",
        )
    if row["currency"] not in (None, row["of_product"]):
        raise Refused(
            *("invalid", "This coupon is for another currency."),
            field="coupon",
            problem="other_currency",
        )
    return Discount(str(coupon), row["percent"], row["amount"])
