"""Signing in and up, out again, and a new password: /sign-in, /sign-up, /sign-out, /reset."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.broadcasts.reads import live_now
from rooms.cache import RoomCache
from rooms.community.reads import CommunityCache
from rooms.members import actions, reads, sessions
from server.context import Context
from server.errors import Refused
from web.pages.demo import offered
from web.pages.refusals import field_errors, read_given, status_of_form, wait_of
from web.pages.rendering import language_of, render, viewer_of
from web.session import address_of, forget_session, read_form, remember_session, safe_back


async def sign_in(request: Request) -> Response:
    """Show the sign-in form, or sign in and go back to where one came from."""
    if request.method == "GET":
        return await _form(request, "sign_in.html")
    form, stale = await read_given(request)
    if stale:
        return await _form(request, "sign_in.html", form, stale)
    ctx: Context = request.state.ctx
    try:
        member_id = await actions.sign_in(
            ctx,
            name=form.get("name", ""),
            password=form.get("password", ""),
            address=address_of(request),
        )
    except Refused as refused:
        return await _form(request, "sign_in.html", form, refused)
    return await welcome(request, member_id, form.get("back", ""))


async def sign_up(request: Request) -> Response:
    """Show the form for a new account, or make it and sign in."""
    ctx: Context = request.state.ctx
    community = await ctx.of(CommunityCache).get()
    if request.method == "GET":
        return await _form(request, "sign_up.html")
    form, stale = await read_given(request)
    if stale:
        return await _form(request, "sign_up.html", form, stale)
    try:
        member_id = await actions.sign_up(
            ctx,
            open_to_all=community.joining == "everyone",
            name=form.get("name", ""),
            password=form.get("password", ""),
            language=language_of(request),
            address=address_of(request),
        )
    except Refused as refused:
        return await _form(request, "sign_up.html", form, refused)
    return await welcome(request, member_id, form.get("back", ""))


async def sign_out(request: Request) -> Response:
    """Sign this browser out."""
    form = await read_form(request)
    response = RedirectResponse(safe_back(form.get("back", "")), 303)
    await forget_session(request, response)
    return response


async def reset(request: Request) -> Response:
    """Set a new password with a one-time link from the owner."""
    ctx: Context = request.state.ctx
    token = request.path_params["token"]
    if request.method == "GET":
        if not await reads.link_is_good(ctx.db, token, "reset"):
            return await spent(request)
        return await _form(request, "reset.html")
    form, stale = await read_given(request)
    if stale:
        return await _form(request, "reset.html", form, stale)
    try:
        member_id = await actions.use_reset_link(ctx, token, form.get("password", ""))
    except Refused as refused:
        if refused.code == "expired":
            return await spent(request)
        return await _form(request, "reset.html", form, refused)
    return await welcome(request, member_id, "/me")


async def welcome(request: Request, member_id: int, back: str) -> Response:
    """Sign this browser in and go on."""
    ctx: Context = request.state.ctx
    cookie = await sessions.begin(ctx, member_id, request.headers.get("user-agent", ""))
    response = RedirectResponse(safe_back(back), 303)
    remember_session(request, response, cookie)
    return response


async def _form(
    request: Request,
    template: str,
    form: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    ctx: Context = request.state.ctx
    given = form or {}
    may_join = (await ctx.of(CommunityCache).get()).joining == "everyone"
    errors = field_errors(request, refused) if refused else {}
    if template == "sign_up.html" and not may_join:
        # The page itself says that nobody can join; a banner would say it twice.
        errors = {}
    return render(
        request,
        template,
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store", **wait_of(refused)},
        back=safe_back(given.get("back") or request.query_params.get("back", "")),
        name=given.get("name", ""),
        errors=errors,
        may_join=may_join,
        on_air=await _on_air(request),
        demo_people=offered() if ctx.settings.demo else [],
    )


async def spent(request: Request, *, back: str = "") -> Response:
    """Say that a one-time link cannot be used any more, and where its owner may go on."""
    headers = {"Cache-Control": "no-store"}
    return render(request, "link_spent.html", status=410, headers=headers, back=back)


async def _on_air(request: Request) -> Any:
    """Give the broadcast to show beside the form: the first one on air that the asker may see."""
    ctx: Context = request.state.ctx
    visible = await ctx.of(RoomCache).visible(viewer_of(request))
    on_air = await live_now(ctx.db, visible)
    return on_air[0] if on_air else None


routes = [
    Route("/sign-in", sign_in, methods=["GET", "POST"], name="sign_in"),
    Route("/sign-up", sign_up, methods=["GET", "POST"], name="sign_up"),
    Route("/sign-out", sign_out, methods=["POST"], name="sign_out"),
    Route("/reset/{token}", reset, methods=["GET", "POST"], name="reset"),
]
