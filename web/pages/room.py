"""A room at its address: live page, topic page or its past, and comments sent without scripts."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms import reads
from rooms.access import require_sight
from rooms.broadcasts import reads as broadcasts
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.history import reads as history
from rooms.history.rules import Page
from rooms.questions import reads as questions
from rooms.rules import TEXT_LIMIT, Broadcast, Kind, Room, State, message_uuid, read_position
from rooms.shop.show.figures import chapters
from server.context import Context
from server.errors import Refused
from server.presence import Presence
from web.api.shelf import whole
from web.errors import status_of
from web.pages.errors import sentence
from web.pages.live import LiveRoom, live_page
from web.pages.rendering import render, viewer_of, zone_of
from web.pages.talk import lines
from web.pages.topic import REACTIONS, TopicRoom, topic_page
from web.product import sanction_in
from web.session import context_of, read_form

NEWEST = 50
ANSWERED = 20


async def room(request: Request) -> Response:
    """Show a room as it stands, or what was said before a place or around a message."""
    found = await _room(request)
    query = request.query_params
    if "before" in query or "at" in query:
        return await _past(request, found)
    held, asked = "held" in query, query.get("ask", "")[:TEXT_LIMIT]
    return await _page(request, found, draft=asked, asking=bool(asked), held=held)


async def post_comment(request: Request) -> Response:
    """Take a comment from a page whose scripts do not run, and lead back to it."""
    form = await read_form(request)
    found = await _room(request)
    args = {
        "room": found.id,
        "text": form.get("text"),
        "client_message_id": form.get("client_message_id") or secrets.token_urlsafe(16),
    }
    try:
        reply = await comments.post(context_of(request), viewer_of(request), args)
    except Refused as refused:
        if refused.code == "unauthenticated":
            return RedirectResponse(f"/sign-in?back=/rooms/{found.slug}", 303)
        said = sentence(request, refused)
        page = await _page(request, found, said=said, draft=form.get("text", ""))
        page.status_code = status_of(refused)
        return page
    held = "?held=1" if reply["verdict"] == "held" else ""
    return RedirectResponse(f"/rooms/{found.slug}{held}#m-{reply['id']}", 303)


async def live(request: Request) -> Response:
    """Lead to what is on, what comes next, or what was on last."""
    ctx = context_of(request)
    visible = await ctx.of(RoomCache).visible(viewer_of(request))
    found = (
        await broadcasts.live_now(ctx.db, visible)
        or await broadcasts.coming(ctx.db, visible, 1)
        or await broadcasts.ended(ctx.db, visible, 1)
    )
    return RedirectResponse(f"/rooms/{found[0].room_slug}" if found else "/", 303)


async def _room(request: Request) -> Room:
    found = await reads.room_by_slug(context_of(request).db, request.path_params["slug"])
    if found is None:
        raise Refused("not_found", "There is no such room.")
    require_sight(viewer_of(request), found)
    return found


async def _page(request: Request, found: Room, **said: Any) -> Response:
    """Show a room; `said`, `draft`, `held`, `asking` tell of the comment that was just sent."""
    ctx, viewer = context_of(request), viewer_of(request)
    newest = await history.page(ctx.db, int(found.id), limit=NEWEST, viewer=viewer.id or "")
    shared: dict[str, Any] = {
        "place": newest.messages[-1].position if newest.messages else None,
        "viewers": await ctx.of(Presence).viewers(found.channel),
        "sanction": await sanction_in(ctx, viewer, found),
        **said,
    }
    answered = await questions.listed(ctx.db, found.id, "answered", limit=ANSWERED)
    if found.kind is not Kind.LIVE:
        shared |= {"answered": answered[:4], "rooms": await reads.rooms(ctx.db, viewer)}
        return topic_page(request, TopicRoom(found, newest, **shared))
    asked = await questions.listed(ctx.db, found.id, limit=NEWEST)
    return live_page(
        request,
        LiveRoom(
            found,
            _of_broadcast(newest, found.broadcast),
            questions=[*asked, *answered],
            voted=await questions.voted(ctx.db, found.id, viewer.id),
            shop=await whole(ctx, found, viewer),
            chapters=await _chapters(ctx, found.broadcast),
            hearts=sum((await ctx.of(Presence).sums(found.channel)).values()),
            **shared,
        ),
    )


async def _chapters(ctx: Context, show: Broadcast | None) -> list[tuple[str, int]]:
    if show is None or show.state is not State.ENDED:
        return []
    return await chapters(ctx.db, int(show.id))


async def _past(request: Request, found: Room) -> Response:
    """Show what was said before a place, or around a message; it stands still."""
    ctx, viewer = context_of(request), viewer_of(request)
    at, before = request.query_params.get("at"), request.query_params.get("before", "")
    if at is None:
        page: Page | None = await history.page(
            ctx.db,
            int(found.id),
            before=read_position(before),
            limit=NEWEST,
            viewer=viewer.id or "",
        )
    else:
        page = await history.around(ctx.db, int(found.id), message_uuid(at), viewer=viewer.id or "")
    if page is None:
        raise Refused("not_found", "There is no such message.")
    return render(
        request,
        "past.html",
        room=found,
        rooms=await reads.rooms(ctx.db, viewer),
        messages=page,
        lines=list(lines(page.messages, zone_of(request))),
        reactions=REACTIONS,
        wanted=at or "",
    )


def _of_broadcast(page: Page, show: Broadcast | None) -> Page:
    """Leave out what was said under earlier broadcasts; it is read by going back."""
    if show is None:
        return page
    kept = [m for m in page.messages if m.broadcast_id in (None, show.id)]
    return replace(page, messages=kept, older=page.older or len(kept) < len(page.messages))


routes = [
    Route("/live", live, name="live"),
    Route("/rooms/{slug}", room, name="room"),
    Route("/rooms/{slug}/comments", post_comment, methods=["POST"], name="post_comment"),
]
