"""Reserving from a page whose scripts do not run; paying goes on at the orders."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms import reads
from rooms.access import require_sight
from rooms.shop import signing
from rooms.shop.gifts import buying
from server.errors import Refused
from web.pages.rendering import viewer_of
from web.session import context_of, read_form


async def reserve(request: Request) -> Response:
    """Reserve what a form chose, once however often it is sent, and lead to the orders."""
    form, viewer, slug = await read_form(request), viewer_of(request), request.path_params["slug"]
    ctx = context_of(request)
    room = await reads.room_by_slug(ctx.db, slug)
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require_sight(viewer, room)
    if viewer.id is None:
        return RedirectResponse(f"/sign-in?back=/rooms/{slug}", 303)
    variant, _, price = form.get("variant", "").partition(":")
    args = {
        "room": room.id,
        "product": form.get("product"),
        "variant": variant,
        "price": _whole(price),
        "quantity": _whole(form.get("quantity", "")),
        "key": form.get("key"),
        "named": False,
    }
    made = await buying.reserve(ctx, viewer, args)
    return RedirectResponse(f"/orders?{signing.PARAMETER}={made['reservation']['id']}", 303)


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return int(text)
    raise Refused("invalid", "This is not a whole number.", field="quantity")


routes = [Route("/rooms/{slug}/reserve", reserve, methods=["POST"], name="reserve")]
