"""GET /v1/rooms/ID/questions: the questions of a room."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.questions import reads
from rooms.questions.rules import SORTS, info
from server.context import Context
from server.errors import Refused
from web.pages.rendering import viewer_of

MOST = 100


async def room_questions(request: Request) -> Response:
    """Answer with {questions, counts}; `sort` is popular, new or answered, `limit` at most 100."""
    ctx: Context = request.state.ctx
    room = await ctx.of(RoomCache).room(request.path_params["room"])
    viewer = viewer_of(request)
    require_sight(viewer, room)
    sort = request.query_params.get("sort", "popular")
    limit = request.query_params.get("limit", "50")
    if sort not in SORTS:
        raise Refused("invalid", f"sort is one of {', '.join(SORTS)}.", field="sort")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= MOST):
        raise Refused("invalid", f"limit is a number from 1 to {MOST}.", field="limit")
    voted = await reads.voted(ctx.db, room.id, viewer.id)
    found = await reads.listed(ctx.db, room.id, sort, limit=int(limit))
    return JSONResponse(
        {
            "questions": [{**info(q), "voted": q.id in voted} for q in found],
            "counts": await reads.counts(ctx.db, room.id),
        },
        headers={"Cache-Control": "no-store"},
    )
