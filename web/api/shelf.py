"""GET /v1/rooms/ID/shelf: what a room sells, gives away, and what the asker holds."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.rules import Room
from rooms.shop.gifts import reads as gifts
from rooms.shop.gifts.reads import CouponOpen, GiveawayOpen
from rooms.shop.show import reads
from server.context import Context, Viewer
from web.api.rooms import ROOM
from web.api.table import Endpoint, json
from web.session import context_of


class ShelfAnswer(reads.Shelf):
    """The same with what is given away in the room."""

    coupons: list[CouponOpen]
    giveaways: list[GiveawayOpen]


async def whole(ctx: Context, room: Room, viewer: Viewer) -> ShelfAnswer:
    """Give all that the shop shows to somebody in a room."""
    sold = await reads.shelf(ctx, room, viewer)
    return ShelfAnswer(
        **sold,
        coupons=await gifts.coupons_open(ctx, room, viewer),
        giveaways=await gifts.giveaways_open(ctx, room, viewer),
    )


async def get_shelf(request: Request) -> Response:
    """Give what a room sells, with the asker's reservations."""
    ctx, viewer = context_of(request), request.state.viewer
    room = await ctx.of(RoomCache).room(request.path_params["room"])
    require_sight(viewer, room)
    return json(await whole(ctx, room, viewer))


endpoints = [
    Endpoint(
        "GET",
        "/v1/rooms/{room}/shelf",
        get_shelf,
        "What a room sells: its products in their order, what is pinned, coupons, giveaways, and "
        "what you hold. Money is in minor units; a sale counts while its `on` is true.",
        ShelfAnswer,
        parameters=(ROOM,),
        errors=("not_found",),
    ),
]
