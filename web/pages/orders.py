"""What one reserved and ordered: /orders, where people also come back to from paying."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.shop import checkout, signing
from rooms.shop.catalogue.reads import products
from rooms.shop.orders import commands, mine
from rooms.shop.orders.mine import Mine
from rooms.shop.stock import actions as stock
from server.context import Context
from server.errors import Refused
from web.pages.errors import sentence
from web.pages.refusals import Form, read_given, status_of_form
from web.pages.rendering import render, viewer_of

LINES_A_PAGE = 30


async def orders(request: Request) -> Response:
    """Show one's own reservations and orders, or let one go, or order where it is paid offline."""
    if request.method == "GET":
        return await _page(request)
    form, refused = await read_given(request)
    if refused is None:
        try:
            await _do(request, form)
        except Refused as error:
            refused = error
    if refused is not None:
        return await _page(request, refused)
    chosen = form.get("reservation", "")
    return RedirectResponse(f"/orders?{signing.PARAMETER}={chosen}", 303)


async def _do(request: Request, form: Form) -> None:
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    if viewer.id is None:
        raise Refused("unauthenticated", "Sign in first.")
    chosen = await mine.one(ctx.db, viewer.id, form.get("reservation", ""))
    if chosen is None:
        raise Refused("not_found", "There is no such reservation.")
    if form.get("what") == "release":
        held = chosen.reservation
        await stock.release(ctx, held.id, viewer.id, product_id=held.product_id)
    elif form.get("what") == "order" and chosen.checkout == "offline":
        await commands.checkout(ctx, viewer, {"id": chosen.reservation.id})
    else:
        raise Refused("invalid", "There is nothing of this kind to do here.")


async def _page(request: Request, refused: Refused | None = None) -> Response:
    ctx: Context = request.state.ctx
    viewer, now = viewer_of(request), ctx.clock()
    lines: Sequence[Mine] = ()
    chosen = None
    if viewer.id is not None:
        before = _whole(request.query_params.get("before", ""))
        lines = await mine.listed(ctx.db, viewer.id, before=before, limit=LINES_A_PAGE + 1)
        asked = request.query_params.get(signing.PARAMETER, "")
        chosen = await mine.one(ctx.db, viewer.id, asked) if asked else None
    shown = [line for line in lines[:LINES_A_PAGE] if not _same(line, chosen)]
    return render(
        request,
        "orders.html",
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store"},
        now=now,
        chosen=chosen,
        lines=shown,
        older=lines[LINES_A_PAGE - 1].reservation.at if len(lines) > LINES_A_PAGE else None,
        pay=await _addresses(ctx, [*([chosen] if chosen else []), *shown], now),
        problem=sentence(request, refused) if refused else "",
    )


async def _addresses(ctx: Context, lines: Sequence[Mine], now: int) -> dict[str, str]:
    """Give where each of those that are held is paid for, signed."""
    held = [line for line in lines if line.is_held(now) and line.checkout != "offline"]
    sold = {p.id: p for p in await products(ctx.db, {r.reservation.product_id for r in held})}
    found: dict[str, str] = {}
    for line in held:
        product = sold.get(line.reservation.product_id)
        try:
            if product is not None:
                found[line.reservation.id] = await checkout.address(ctx, product, line.reservation)
        except Refused:
            continue
    return found


def _same(line: Mine, chosen: Mine | None) -> bool:
    return chosen is not None and line.reservation.id == chosen.reservation.id


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 15 else None


routes = [Route("/orders", orders, methods=["GET", "POST"], name="orders")]
