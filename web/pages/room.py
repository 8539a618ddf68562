"""A room at its address: the live page or the topic page, and comments sent without scripts."""

from __future__ import annotations

import secrets
from dataclasses import replace

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
from rooms.rules import Broadcast, Kind, Room, read_position
from server.context import Context, Viewer
from server.errors import Refused
from server.presence import Presence
from web.errors import status_of
from web.pages.errors import sentence
from web.pages.live import LiveRoom, live_page
from web.pages.rendering import viewer_of
from web.product import you_in
from web.session import context_of, read_form

NEWEST = 50
ANSWERED = 20


async def room(request: Request) -> Response:
    """Show a room as it stands, or the comments before a place."""
    return await _page(request, await _room(request))


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
        return await _page(request, found, refused, form.get("text", ""))
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


async def _page(
    request: Request, found: Room, refused: Refused | None = None, draft: str = ""
) -> Response:
    """Show a room; after a refusal with the reason and the words that were refused."""
    if found.kind is not Kind.LIVE:
        raise Refused("not_found", "There is no such room.")
    live = await _live(context_of(request), viewer_of(request), found, request)
    said = sentence(request, refused) if refused else ""
    page = live_page(request, replace(live, said=said, draft=draft))
    if refused:
        page.status_code = status_of(refused)
    return page


async def _live(ctx: Context, viewer: Viewer, found: Room, request: Request) -> LiveRoom:
    show = found.broadcast or await _last(ctx, found)
    before = request.query_params.get("before")
    said = await history.page(
        ctx.db,
        int(found.id),
        before=read_position(before) if before else None,
        limit=NEWEST,
        viewer=viewer.id or "",
    )
    asked = await questions.listed(ctx.db, found.id, limit=NEWEST)
    answered = await questions.listed(ctx.db, found.id, "answered", limit=ANSWERED)
    presence = ctx.of(Presence)
    you = await you_in(ctx, viewer, found)
    return LiveRoom(
        replace(found, broadcast=show),
        comments=said if before else _of_broadcast(said, show),
        place=said.messages[-1].position if said.messages and not before else None,
        questions=[*asked, *answered],
        voted=await questions.voted(ctx.db, found.id, viewer.id),
        viewers=await presence.viewers(found.channel),
        hearts=sum((await presence.sums(found.channel)).values()),
        sanction=you.get("sanction"),
        held="held" in request.query_params,
    )


async def _last(ctx: Context, found: Room) -> Broadcast | None:
    """Give the broadcast that was on last: its page stays readable until the next one."""
    past = await broadcasts.ended(ctx.db, [int(found.id)], 1)
    return past[0] if past else None


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
