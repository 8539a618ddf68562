"""GET /v1/search: what was said, best first."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms.search import reads
from rooms.search.rules import Hit
from server.context import Context
from server.errors import Refused
from web.pages.rendering import viewer_of
from web.pages.search import filters_of

MOST = 100


async def search(request: Request) -> Response:
    """Answer with {hits}; `q`, and optionally room, author, state, period and limit."""
    ctx: Context = request.state.ctx
    asked = request.query_params
    limit = asked.get("limit", "20")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= MOST):
        raise Refused("invalid", f"limit is a number from 1 to {MOST}.", field="limit")
    filters = filters_of(asked, ctx.clock())
    hits = await reads.search(
        ctx, viewer_of(request), asked.get("q", ""), filters, limit=int(limit)
    )
    return JSONResponse(
        {"hits": [as_json(hit) for hit in hits]}, headers={"Cache-Control": "no-store"}
    )


def as_json(hit: Hit) -> dict[str, Any]:
    """Give a hit as clients see it; times in ms, marks as [from, to) in code points."""
    found: dict[str, Any] = {
        "kind": hit.kind,
        "id": hit.id,
        "room": hit.room_id,
        "author": hit.author,
        "text": hit.text,
        "marks": hit.marks,
        "at": round(hit.at.timestamp() * 1000),
    }
    if hit.kind != "message":
        found["votes"] = hit.votes
    if hit.kind == "answer":
        found["answer"] = {
            "author": hit.answer_author,
            "text": hit.answer,
            "marks": hit.answer_marks,
            "second": hit.answer_second,
        }
    return found
