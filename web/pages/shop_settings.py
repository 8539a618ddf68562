"""The shop behind it, for the owner: /settings/shop, and what was sent and came: …/shop/log."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.shop import checkout
from rooms.shop.told import KINDS
from rooms.shop.webhooks import actions, reads
from server.context import Context
from server.errors import Refused
from web.pages.refusals import field_errors, status_of_form
from web.pages.rendering import render, viewer_of
from web.pages.settings import Form, owned

LINES_A_PAGE = 50


async def shop(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show or change where people pay, what is shared with the shop, and where events go."""
    ctx: Context = request.state.ctx
    if form is not None and refused is None:
        await _change(request, form)
        return RedirectResponse(f"/settings/shop?saved=1#{form.get('at', '')}", 303)
    return _page(
        request,
        "settings_shop.html",
        refused,
        checkout=await checkout.load(ctx.db),
        endpoints=await reads.endpoints(ctx.db),
        kinds=KINDS,
        given=form or {},
        incoming=f"{ctx.settings.public_url}/v1/shop/webhook",
    )


async def log(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show every try to tell an endpoint something, and what the shop told; send one again."""
    ctx: Context = request.state.ctx
    if form is not None and refused is None:
        skips = form.get("what") == "skip"
        await (actions.skip if skips else actions.send_again)(ctx, viewer_of(request), form)
        done = "saved" if skips else "again"
        return RedirectResponse(f"/settings/shop/log?endpoint={form['endpoint']}&{done}=1", 303)
    endpoints = await reads.endpoints(ctx.db)
    asked = (form or {}).get("endpoint") or request.query_params.get("endpoint", "")
    chosen = next((e for e in endpoints if e.id == asked), None)
    lines: list[reads.Logged] = []
    if chosen is not None:
        before = _whole(request.query_params.get("before", ""))
        number = int(chosen.id)
        lines = await reads.attempts(ctx.db, number, before=before, limit=LINES_A_PAGE + 1)
    return _page(
        request,
        "settings_shop_log.html",
        refused,
        endpoints=endpoints,
        chosen=chosen,
        lines=lines[:LINES_A_PAGE],
        older=lines[LINES_A_PAGE - 1].id if len(lines) > LINES_A_PAGE else None,
        received=await reads.received(ctx.db) if chosen is None else [],
        again="again" in request.query_params and refused is None,
    )


async def _change(request: Request, form: Form) -> None:
    ctx: Context = request.state.ctx
    viewer, what = viewer_of(request), form.get("what", "")
    args: dict[str, Any] = {**form, "kinds": [kind for kind in KINDS if f"kind-{kind}" in form]}
    if what == "checkout":
        await actions.set_checkout(ctx, viewer, form.get("checkout_url", "").strip())
    elif what == "new_secret":
        await actions.add_secret(ctx, viewer)
    elif what == "drop_secrets":
        await actions.drop_old_secrets(ctx, viewer)
    elif what == "add":
        await actions.add_endpoint(ctx, viewer, args)
    elif what == "change":
        await actions.change_endpoint(ctx, viewer, args)
    elif what in ("rotate", "finish"):
        await actions.rotate_endpoint(ctx, viewer, args, finish=what == "finish")
    elif what in ("pause", "resume"):
        await actions.pause_endpoint(ctx, viewer, args, paused=what == "pause")
    elif what == "remove":
        await actions.remove_endpoint(ctx, viewer, args)
    else:
        raise Refused("invalid", "There is nothing of this kind to do here.")


def _page(request: Request, template: str, refused: Refused | None, **values: Any) -> Response:
    return render(
        request,
        template,
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store"},
        here="shop",
        saved="saved" in request.query_params and refused is None,
        errors=field_errors(request, refused) if refused else {},
        **values,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


routes = [
    Route("/settings/shop", owned(shop), methods=["GET", "POST"], name="owner_shop"),
    Route("/settings/shop/log", owned(log), methods=["GET", "POST"], name="owner_shop_log"),
]
