"""Questions and answers: the list at /questions and each one at /questions/ID."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.access import Action, may, require_sight
from rooms.cache import RoomCache
from rooms.questions import actions, reads
from rooms.questions.rules import Question
from server.context import Context
from server.errors import Refused
from web.pages.refusals import field_errors, read_given, status_of_form
from web.pages.rendering import render, viewer_of

A_PAGE = 30


async def questions(request: Request) -> Response:
    """List the questions of all rooms that the asker may see, answered or open."""
    ctx: Context = request.state.ctx
    state = "open" if request.query_params.get("state") == "open" else "answered"
    skip = _whole(request.query_params.get("skip", "0"))
    visible = await ctx.of(RoomCache).visible(viewer_of(request))
    found = await reads.across(ctx.db, visible, state, limit=A_PAGE + 1, skip=skip)
    return render(
        request,
        "questions.html",
        questions=found[:A_PAGE],
        state=state,
        more=skip + A_PAGE if len(found) > A_PAGE else None,
    )


async def question(request: Request) -> Response:
    """Show a question with its answer first, and where both were said."""
    return await _page(request)


async def vote(request: Request) -> Response:
    """Vote or take the vote back, for pages without JavaScript."""
    asked, _ = await _asked(request)
    if request.method == "GET":
        return RedirectResponse(f"/questions/{asked.id}", 303)
    form, stale = await read_given(request)
    if stale:
        return await _page(request, stale)
    removed = form.get("voted") == "1"
    args = {"room": asked.room_id, "id": asked.id}
    try:
        await actions.vote(request.state.ctx, viewer_of(request), args, removed=removed)
    except Refused as refused:
        if refused.code == "unauthenticated":
            return RedirectResponse(f"/sign-in?back=/questions/{asked.id}", 303)
        return await _page(request, refused)
    return RedirectResponse(f"/questions/{asked.id}?voted={0 if removed else 1}", 303)


async def answer(request: Request) -> Response:
    """Write an answer, for hosts and moderators."""
    asked, _ = await _asked(request)
    if request.method == "GET":
        return RedirectResponse(f"/questions/{asked.id}", 303)
    form, stale = await read_given(request)
    if stale:
        return await _page(request, stale, form.get("text", ""))
    args: dict[str, Any] = {"room": asked.room_id, "id": asked.id, "text": form.get("text", "")}
    try:
        await actions.answer(request.state.ctx, viewer_of(request), args)
    except Refused as refused:
        return await _page(request, refused, form.get("text", ""))
    return RedirectResponse(f"/questions/{asked.id}", 303)


async def _asked(request: Request) -> tuple[Question, Any]:
    ctx: Context = request.state.ctx
    try:
        asked = await reads.question(ctx.db, request.path_params["id"])
    except Refused as refused:
        if refused.code == "invalid":
            raise Refused("not_found", "There is no such question.") from None
        raise
    room = await ctx.of(RoomCache).room(asked.room_id)
    require_sight(viewer_of(request), room)
    return asked, room


async def _page(request: Request, refused: Refused | None = None, text: str = "") -> Response:
    ctx: Context = request.state.ctx
    asked, room = await _asked(request)
    viewer = viewer_of(request)
    voted = asked.id in await reads.voted(ctx.db, asked.room_id, viewer.id)
    # The vote that was just cast may still be on its way to the database.
    just = {"1": True, "0": False}.get(request.query_params.get("voted", ""))
    related = await reads.listed(ctx.db, asked.room_id, "popular", limit=6)
    answered = await reads.listed(ctx.db, asked.room_id, "answered", limit=6)
    return render(
        request,
        "question.html",
        status=status_of_form(refused),
        q=asked,
        structured=structured(asked),
        room=room,
        voted=voted if just is None else just,
        votes=asked.votes + (0 if just is None else int(just) - int(voted)),
        may_vote=may(viewer, Action.VOTE, room),
        may_answer=may(viewer, Action.ANSWER, room),
        related=[q for q in (*answered, *related) if q.id != asked.id][:6],
        text=text,
        errors=field_errors(request, refused) if refused else {},
    )


def structured(q: Question) -> dict[str, Any]:
    """Describe a question to search engines, as schema.org's QAPage."""
    entity: dict[str, Any] = {
        "@type": "Question",
        "name": q.text,
        "text": q.text,
        "upvoteCount": q.votes,
        "answerCount": int(q.answer is not None),
        "datePublished": q.asked_at.isoformat(),
    }
    if q.answer is not None and q.answer.text is not None:
        entity["acceptedAnswer"] = {
            "@type": "Answer",
            "text": q.answer.text,
            "datePublished": q.answer.at.isoformat(),
            "author": {"@type": "Person", "name": q.answer.author["name"]},
        }
    return {"@context": "https://schema.org", "@type": "QAPage", "mainEntity": entity}


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


routes = [
    Route("/questions", questions, name="questions"),
    Route("/questions/{id}", question, name="question"),
    Route("/questions/{id}/vote", vote, methods=["GET", "POST"], name="question_vote"),
    Route("/questions/{id}/answer", answer, methods=["GET", "POST"], name="question_answer"),
]
