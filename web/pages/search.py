"""/search: answers first, then questions and what was said, each leading to its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms import reads as room_reads
from rooms.search import reads
from rooms.search.rules import Filters, Hit
from server.context import Context
from server.errors import Refused
from web.graphemes import boundary_after, boundary_before
from web.pages.errors import sentence
from web.pages.rendering import render, viewer_of

A_PAGE = 20
MOST = 100
PERIODS = {"day": 1, "week": 7, "month": 31, "year": 366}
"""What the page offers as time, in days."""
STATES = {"answered": True, "open": False}
SHOWN_BEFORE, SHOWN = 60, 240
"""Characters before the first match, and in all, of a text that is cut."""


async def search(request: Request) -> Response:
    """Search, with filters by room, author, time and whether it was answered."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    asked = request.query_params
    text = asked.get("q", "").strip()
    limit = min(MOST, max(A_PAGE, _whole(asked.get("limit", ""), A_PAGE)))
    found: Sequence[Hit] = ()
    problem = ""
    if text:
        try:
            filters = filters_of(asked, ctx.clock())
            found = await reads.search(ctx, viewer, text, filters, limit=limit + 1)
        except Refused as refused:
            if refused.code != "invalid":
                raise
            problem = sentence(request, refused)
    return render(
        request,
        "search.html",
        status=422 if problem else 200,
        headers={"X-Robots-Tag": "noindex"},
        q=text,
        hits=[shown(hit, asked) for hit in found[:limit]],
        more=_address(asked, limit=limit + A_PAGE) if limit < MOST and len(found) > limit else None,
        problem=problem,
        rooms=await room_reads.rooms(ctx.db, viewer),
        chosen={name: asked.get(name, "") for name in ("room", "state", "period", "author")},
        without={name: _address(asked, **{name: None}) for name in asked},
        periods=list(PERIODS),
    )


def filters_of(asked: Any, now: int) -> Filters:
    """Read the filters of an address at `now` (ms); Refused("invalid") names a senseless one."""
    filters = Filters(room=asked.get("room") or None, author=asked.get("author") or None)
    state, period = asked.get("state"), asked.get("period")
    if state:
        if state not in STATES:
            raise Refused("invalid", "state is answered or open.", field="state")
        filters = replace(filters, answered=STATES[state])
    if period:
        if period not in PERIODS:
            raise Refused("invalid", f"period is one of {', '.join(PERIODS)}.", field="period")
        today = datetime.fromtimestamp(now / 1000, UTC)
        filters = replace(filters, since=today - timedelta(days=PERIODS[period]))
    return filters


def shown(hit: Hit, asked: Any) -> dict[str, Any]:
    """Give a hit with its texts marked, and cut around the first match."""
    by = hit.answer_author or hit.author
    return {
        "hit": hit,
        "by": by,
        "of_author": _address(asked, author=by["id"]) if by["name"] else None,
        "text": marked(hit.text, hit.marks),
        "answer": marked(hit.answer, hit.answer_marks) if hit.answer else None,
    }


def marked(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """Write a text with its matches in <mark>, everything escaped and no character torn."""
    begin, end = 0, len(text)
    if end > SHOWN:
        first = marks[0][0] if marks else 0
        begin = boundary_after(text, max(0, min(first - SHOWN_BEFORE, end - SHOWN)))
        end = boundary_before(text, min(end, begin + SHOWN))
    written, at = Markup("…" if begin else ""), begin
    for start, stop in marks:
        start = max(boundary_before(text, start), at)
        stop = min(boundary_after(text, stop), end)
        if start >= stop:
            continue
        written += escape(text[at:start]) + Markup("<mark>{}</mark>").format(text[start:stop])
        at = stop
    return written + escape(text[at:end]) + Markup("…" if end < len(text) else "")


def _address(asked: Any, **changes: Any) -> str:
    """Give the address of this search with some of its parameters changed or (None) left out."""
    values = {**dict(asked), **changes}
    return "/search?" + urlencode({k: v for k, v in values.items() if v not in (None, "")})


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise


routes = [Route("/search", search, name="search")]
