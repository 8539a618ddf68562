"""The live commands about stock: what the wire gives, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.rules import told, wire_until
from moderation.screening import standing
from rooms.access import Action, require
from rooms.cache import RoomCache
from rooms.limits import Limit
from rooms.rules import whole
from rooms.shop.events import reservation_info
from rooms.shop.rules import number
from rooms.shop.stock import actions, reads, rules
from rooms.shop.stock.decide import decide
from rooms.shop.stock.rules import Discount
from server.context import Context, Viewer
from server.errors import Refused
from server.settings import Rate

Args = Mapping[str, Any]


class BuyLimit(Limit):
    """Reserving, letting go and waiting."""

    rate = Rate(20, 10_000)


async def reserve(
    ctx: Context, viewer: Viewer, args: Args, coupon: Discount | None = None
) -> dict[str, Any]:
    """Reserve {product, variant, quantity, key, price?, room?, named?}, at a discount if given."""
    await may_buy(ctx, viewer, args)
    wanted = rules.read_wanted(args, coupon)
    reservation, title = await actions.reserve(ctx, viewer, wanted)
    return {"reservation": reservation_info(reservation, title)}


async def release(ctx: Context, viewer: Viewer, args: Args) -> dict[str, Any]:
    """Let one's own reservation go: {id, product?}; letting go twice is once."""
    require(viewer, Action.BUY)
    ctx.of(BuyLimit).take(viewer)
    id = rules.read_reservation_id(args)
    product = await product_for(ctx, id, args)
    return {"id": id, "released": await actions.release(ctx, id, viewer.id, product_id=product)}


async def product_for(ctx: Context, id: str, args: Args) -> str:
    """Give the product of a reservation; `product` names it where it may not be saved yet."""
    if args.get("product") is not None:
        return str(number(args, "product"))
    return ctx.of(actions.Recent).product(id) or (await actions.find(ctx, id))[0].product_id


async def wait(ctx: Context, viewer: Viewer, args: Args) -> dict[str, Any]:
    """Wait for {product, variant, quantity, room?, named?} to be free; gives the place."""
    await may_buy(ctx, viewer, args)
    wanted = rules.read_wanted({**args, "key": "waiting", "price": None})
    return {"place": await actions.wait(ctx, viewer, wanted)}


async def leave(ctx: Context, viewer: Viewer, args: Args) -> dict[str, Any]:
    """Wait no longer for {product, variant}."""
    require(viewer, Action.BUY)
    product, variant = str(number(args, "product")), str(number(args, "variant"))
    return {"left": await actions.leave(ctx, viewer, product, variant)}


async def set_total(ctx: Context, viewer: Viewer, args: Args) -> dict[str, Any]:
    """Set how many there are: {product, variant, total}; `void`: holds that ended by that."""
    require(viewer, Action.SELL)
    product, variant = str(number(args, "product")), str(number(args, "variant"))
    total = whole(args, "total", least=0, most=rules.MOST_TOTAL)
    void = await actions.set_total(ctx, product, variant, total)
    return {"product": product, "variant": variant, "total": total, "void": void}


async def see(ctx: Context, viewer: Viewer, args: Args) -> dict[str, Any]:
    """See how the stock of {product} stands at one moment."""
    require(viewer, Action.SELL)
    product = str(number(args, "product"))
    # Where nothing was reserved yet, Redis learns of the product now.
    await decide(ctx, "find", product, "")
    known = await reads.snapshot(ctx, product)
    if known is None:
        raise Refused("unavailable", "The stock is being counted anew.", retry_after=500)
    return {
        "version": known.version,
        "at": known.at,
        "stopped": known.stopped,
        "sale_left": known.sale_left,
        "variants": {
            id: {
                "total": each.total,
                "sold": each.sold,
                "held": each.held,
                "available": each.available,
                "waiting": each.waiting,
            }
            for id, each in known.variants.items()
        },
    }


async def may_buy(ctx: Context, viewer: Viewer, args: Args) -> None:
    """Refuse who may not buy (in the room that is named), is banned, or asks too often.

    Who is muted may buy: that is about words.
    """
    named = args.get("room")
    room = None if named is None else await ctx.of(RoomCache).room(str(named))
    require(viewer, Action.BUY, room)
    ctx.of(BuyLimit).take(viewer)
    known = await standing(ctx, viewer, room.id if room else None)
    if known.banned_until > ctx.clock():
        sentence, until = told("banned", known.reason), wire_until(known.banned_until)
        raise Refused("banned", sentence, until=until, why=known.reason)
