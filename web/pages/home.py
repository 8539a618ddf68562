"""The home page: what is on air, what comes next, what was, and where people talk; and /topics."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms import reads as room_reads
from rooms.access import Action, may
from rooms.broadcasts import reads as broadcasts
from rooms.cache import RoomCache
from rooms.history import reads as history
from rooms.questions import reads as questions
from rooms.rules import Kind, Room, room_channel
from server.context import Context
from server.presence import Presence
from web.pages.rendering import render, viewer_of

RECENT = 3
COMING = 5
ASKED = 4


async def home(request: Request) -> Response:
    """Show what is going on in the rooms that the asker may see."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    visible = await ctx.of(RoomCache).visible(viewer)
    rooms = await room_reads.rooms(ctx.db, viewer)
    on_air, coming, ended, waiting, answered, topics = await asyncio.gather(
        broadcasts.live_now(ctx.db, visible),
        broadcasts.coming(ctx.db, visible, COMING),
        broadcasts.ended(ctx.db, visible, RECENT),
        questions.across(ctx.db, visible, "open", limit=ASKED),
        questions.across(ctx.db, visible, "answered", limit=ASKED),
        _topics(ctx, rooms),
    )
    first = on_air[0] if on_air else None
    watching = await ctx.of(Presence).viewers(room_channel(first.room_id)) if first else 0
    asked = (await questions.counts(ctx.db, first.room_id))["open"] if first else 0
    return render(
        request,
        "home.html",
        first=first,
        watching=watching,
        asked=asked,
        others=on_air[1:],
        coming=coming,
        ended=ended,
        topics=topics,
        waiting=waiting,
        answered=answered,
        rooms=rooms,
        may_host=may(viewer, Action.HOST),
        may_own=may(viewer, Action.OWN),
    )


async def topics(request: Request) -> Response:
    """List the topic rooms with what was said last."""
    ctx: Context = request.state.ctx
    rooms = await room_reads.rooms(ctx.db, viewer_of(request))
    return render(request, "topics.html", topics=await _topics(ctx, rooms), rooms=rooms)


async def _topics(ctx: Context, rooms: list[Room]) -> list[dict[str, Any]]:
    """Give the topic rooms, the one that was written in last first."""
    wanted = [room for room in rooms if room.kind is Kind.TOPIC]
    latest = await history.latest(ctx.db, [int(room.id) for room in wanted])
    listed = [{"room": room, "last": latest.get(room.id)} for room in wanted]
    return sorted(listed, key=lambda topic: -(topic["last"].at if topic["last"] else 0))


routes = [
    Route("/", home, name="home"),
    Route("/topics", topics, name="topics"),
]
