"""A giveaway at /giveaways/ID: who won, and the draw computed again before one's eyes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.shop.gifts import reads
from rooms.shop.rules import number
from server.context import Context
from server.errors import Refused
from web.pages.rendering import render, viewer_of


async def giveaway(request: Request) -> Response:
    """Show a giveaway of a room that the asker may see, with everything that proves its draw."""
    ctx: Context = request.state.ctx
    try:
        key = number(request.path_params, "id")
    except Refused:
        raise Refused("not_found", "There is no such giveaway.") from None
    found = await reads.giveaway(ctx, key)
    room = await ctx.of(RoomCache).room(found["room"])
    require_sight(viewer_of(request), room)
    return render(request, "giveaway.html", g=found, room=room)


routes = [Route("/giveaways/{id}", giveaway, name="giveaway")]
