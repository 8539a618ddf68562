"""The host's side: broadcasts to come at /studio, and the studio of each at /studio/ID."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms import actions as room_actions
from rooms import reads as room_reads
from rooms.access import Action, require
from rooms.broadcasts import actions, reads
from rooms.cache import RoomCache
from rooms.events import broadcast_info, room_info
from rooms.history import reads as history
from rooms.questions import actions as question_actions
from rooms.questions import reads as question_reads
from rooms.questions.rules import SORTS, info
from rooms.rules import MODES, Broadcast, Kind, Room, State
from rooms.shop.show import figures
from server.context import Context
from server.errors import Refused
from server.presence import Presence
from web.middleware import allow_body
from web.pages.media import MOST_FORM, MOST_PICTURE, keep_picture, read_upload
from web.pages.refusals import field_errors, read_given, status_of_form
from web.pages.rendering import render, viewer_of, zone_of
from web.pages.shelf import offer_of, picture_of
from web.pages.studio_shop import do_in_shop
from web.preflight import preflight

SLOW_STEPS = (0, 3, 5, 10, 30, 60, 120)
NEWEST = 50

Form = dict[str, str]


async def studios(request: Request) -> Response:
    """List the broadcasts to come, on air and over, of the rooms one hosts."""
    ctx: Context = request.state.ctx
    _host(request)
    visible = await ctx.of(RoomCache).visible(viewer_of(request))
    return render(
        request,
        "studios.html",
        headers=NO_STORE,
        live=await reads.live_now(ctx.db, visible),
        coming=await reads.coming(ctx.db, visible, 50),
        ended=await reads.ended(ctx.db, visible, 20),
    )


async def new(request: Request) -> Response:
    """Schedule a broadcast."""
    _host(request)
    if request.method == "GET":
        return await _form(request, None, {})
    allow_body(request, MOST_FORM)
    form, stale = await read_given(request)
    if stale:
        return await _form(request, None, form, stale)
    try:
        made = await actions.schedule(
            request.state.ctx,
            viewer_of(request),
            {"room": form.get("room", ""), **await _draft(request, form)},
        )
    except Refused as refused:
        return await _form(request, None, form, refused)
    return RedirectResponse(f"/studio/{made.id}", 303)


async def edit(request: Request) -> Response:
    """Change a broadcast."""
    broadcast, _ = await _hosted(request)
    if request.method == "GET":
        return await _form(request, broadcast, {})
    allow_body(request, MOST_FORM)
    form, stale = await read_given(request)
    if stale:
        return await _form(request, broadcast, form, stale)
    try:
        args = {"broadcast": broadcast.id, **await _draft(request, form)}
        await actions.edit(request.state.ctx, viewer_of(request), args)
    except Refused as refused:
        return await _form(request, broadcast, form, refused)
    return RedirectResponse(f"/studio/{broadcast.id}", 303)


async def studio(request: Request) -> Response:
    """Show the studio of a broadcast: before, on air, and after."""
    return await _studio(request)


async def checks(request: Request) -> Response:
    """Answer with what has to work before going on air, as JSON for the page."""
    broadcast, _ = await _hosted(request)
    found = await preflight(request.state.ctx, broadcast)
    listed = [{"name": c.name, "state": c.state, "why": c.why} for c in found]
    return JSONResponse({"checks": listed}, headers=NO_STORE)


async def act(request: Request) -> Response:
    """Do what a form of the studio asks, for pages without JavaScript."""
    broadcast, room = await _hosted(request)
    if request.method == "GET":
        return RedirectResponse(f"/studio/{broadcast.id}", 303)
    form, stale = await read_given(request)
    if stale:
        return await _studio(request, stale, form)
    ctx: Context = request.state.ctx
    viewer, what = viewer_of(request), form.get("what", "")
    asked: dict[str, Any] = {"room": room.id, "id": form.get("id")}
    here: dict[str, Any] = {"broadcast": broadcast.id}
    try:
        if what == "start":
            await actions.start(ctx, viewer, here)
        elif what == "end":
            await actions.end(ctx, viewer, here)
        elif what == "cancel":
            await actions.cancel(ctx, viewer, here)
            return RedirectResponse("/studio", 303)
        elif what == "answer":
            await question_actions.answer(ctx, viewer, {**asked, "text": form.get("text", "")})
        elif what == "live":
            await question_actions.answer(ctx, viewer, {**asked, "live": True})
        elif what == "dismiss":
            await question_actions.dismiss(ctx, viewer, asked)
        elif what == "show":
            await question_actions.show(ctx, viewer, {**asked, "id": form.get("id") or None})
        elif what == "shop":
            await do_in_shop(ctx, viewer, room.id, broadcast.id, form.get("do", ""))
        elif what == "mode":
            await room_actions.set_mode(ctx, viewer, {**asked, "mode": form.get("mode")})
        elif what == "slow":
            seconds = form.get("seconds", "")
            wanted = int(seconds) if seconds.isascii() and seconds.isdigit() else -1
            await room_actions.set_slow(ctx, viewer, {**asked, "seconds": wanted})
        else:
            raise Refused("invalid", "There is nothing of this kind to do here.")
    except Refused as refused:
        return await _studio(request, refused, form)
    return RedirectResponse(f"/studio/{broadcast.id}", 303)


async def _studio(
    request: Request, refused: Refused | None = None, form: Form | None = None
) -> Response:
    ctx: Context = request.state.ctx
    # What is published from here on may be missing in what is read now.
    now = ctx.clock()
    broadcast, room = await _hosted(request)
    wanted = request.query_params.get("sort", "")
    sort = wanted if wanted in SORTS else "popular"
    found = await question_reads.listed(ctx.db, room.id, sort)
    viewer = viewer_of(request)
    page = await history.page(
        ctx.db, int(room.id), before=None, limit=NEWEST, viewer=viewer.id or ""
    )
    counts = await question_reads.counts(ctx.db, room.id)
    presence = ctx.of(Presence)
    shop = await figures.of_show(ctx, int(room.id), int(broadcast.id))
    data = {
        "shop": shop,
        "broadcast": broadcast_info(broadcast),
        "room": room_info(room),
        "counts": counts,
        "questions": [info(question) for question in found],
        "sort": sort,
        "you": {"id": viewer.id, "name": viewer.name, "role": Rank.of(viewer.rank).wire},
        "now": now,
    }
    return render(
        request,
        "studio.html",
        status=status_of_form(refused),
        headers=NO_STORE,
        csp=_sources(broadcast),
        broadcast=broadcast,
        room=room,
        questions=found,
        counts=counts,
        shop=shop,
        offer_of=offer_of,
        picture_of=picture_of,
        sort=sort,
        messages=page.messages,
        viewers=await presence.viewers(room.channel),
        hearts=sum((await presence.sums(room.channel)).values()),
        modes=list(MODES),
        slow_steps=sorted({*SLOW_STEPS, room.cooldown_ms // 1000}),
        data=data,
        draft=form or {},
        errors=field_errors(request, refused) if refused else {},
    )


async def _form(
    request: Request, broadcast: Broadcast | None, form: Form, refused: Refused | None = None
) -> Response:
    ctx: Context = request.state.ctx
    rooms = await room_reads.rooms(ctx.db, viewer_of(request))
    starts_at = ""
    if broadcast is not None:
        starts_at = broadcast.starts_at.astimezone(zone_of(request)).strftime("%Y-%m-%dT%H:%M")
    return render(
        request,
        "studio_form.html",
        status=status_of_form(refused),
        headers=NO_STORE,
        broadcast=broadcast,
        rooms=[room for room in rooms if room.kind is Kind.LIVE and not room.closed],
        chosen=form.get("room") or request.query_params.get("room", ""),
        given=form,
        starts_at=form.get("starts_at") or starts_at,
        zone=str(zone_of(request)),
        errors=field_errors(request, refused) if refused else {},
    )


async def _draft(request: Request, form: Form) -> dict[str, Any]:
    """Read the form of a broadcast; a time is meant in the zone that the page showed."""
    args: dict[str, Any] = {
        "title": form.get("title", ""),
        "about": form.get("about", ""),
        "video": form.get("video", ""),
        "poster": form.get("poster", ""),
        "upright": form.get("shape", "upright") == "upright",
    }
    if form.get("starts_at"):
        args["starts_at"] = _moment(form["starts_at"], form.get("zone", "UTC"))
    picture = await read_upload(request, "poster_file", most=MOST_PICTURE)
    if picture:
        ctx: Context = request.state.ctx
        args["poster"] = (
            f"/media/{keep_picture(ctx.settings.data_dir / 'media', picture, 'poster')}"
        )
    return args


def _moment(text: str, zone: str) -> int:
    try:
        local = datetime.fromisoformat(text)
        known = UTC if zone == "UTC" else ZoneInfo(zone)
        return round(local.replace(tzinfo=known).timestamp() * 1000)
    except (ValueError, KeyError, OverflowError, OSError):
        raise Refused("invalid", "This is no date and time.", field="starts_at") from None


async def _hosted(request: Request) -> tuple[Broadcast, Room]:
    ctx: Context = request.state.ctx
    number = request.path_params["id"]
    known = number.isascii() and number.isdigit() and 0 < len(number) < 18 and number[0] != "0"
    broadcast = await reads.broadcast(ctx.db, int(number)) if known else None
    if broadcast is None:
        raise Refused("not_found", "There is no such broadcast.")
    room = await room_reads.room(ctx.db, int(broadcast.room_id))
    if room is None:
        raise Refused("not_found", "There is no such room.")
    require(viewer_of(request), Action.HOST, room)
    return broadcast, room


def _host(request: Request) -> None:
    require(viewer_of(request), Action.HOST)


def _sources(broadcast: Broadcast) -> dict[str, list[str]]:
    """Allow the preview's source in the page's policy."""
    if broadcast.video_url.startswith("/") or broadcast.state is State.ENDED:
        return {}
    origin = "/".join(broadcast.video_url.split("/")[:3])
    if broadcast.video_kind == "embed":
        return {"frame-src": [origin]}
    return {"media-src": [origin], "connect-src": [origin]}


NO_STORE = {"Cache-Control": "no-store"}

routes = [
    Route("/studio", studios, name="studios"),
    Route("/studio/new", new, methods=["GET", "POST"], name="studio_new"),
    Route("/studio/{id}", studio, name="studio"),
    Route("/studio/{id}/edit", edit, methods=["GET", "POST"], name="studio_edit"),
    Route("/studio/{id}/checks", checks, name="studio_checks"),
    Route("/studio/{id}/act", act, methods=["GET", "POST"], name="studio_act"),
]
