"""One's own page: what one wrote, name, password, sessions, export, leaving; all under /me."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms.members import actions, reads, sessions
from rooms.members.rules import member_number
from server.context import Context
from server.errors import Refused
from web.i18n import LANGUAGES
from web.pages.refusals import field_errors, read_given, status_of_form, wait_of
from web.pages.rendering import remember, render, viewer_of
from web.session import forget_session, remember_session

BOTH = ["GET", "POST"]
Change = Callable[[Request, dict[str, str]], Awaitable[Response]]


async def profile(request: Request) -> Response:
    """Show one's own page."""
    return await _page(request)


async def save_profile(request: Request, form: dict[str, str]) -> Response:
    """Save the language and the text about oneself."""
    ctx: Context = request.state.ctx
    language = form.get("language", "")
    if language not in LANGUAGES:
        raise Refused("invalid", "Choose one of the languages.", field="language")
    about = form.get("about", "")
    await actions.set_profile(ctx, viewer_of(request), language=language, about=about)
    response = _done("profile")
    remember(response, request, "lang", language)
    return response


async def save_name(request: Request, form: dict[str, str]) -> Response:
    """Change one's name."""
    await actions.rename(request.state.ctx, viewer_of(request), form.get("name", ""))
    return _done("name")


async def save_password(request: Request, form: dict[str, str]) -> Response:
    """Change the password; this browser stays signed in."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    old, new = form.get("old", ""), form.get("password", "")
    await actions.change_password(ctx, viewer, old=old, new=new)
    agent = request.headers.get("user-agent", "")
    response = _done("password")
    number = member_number(viewer.id or "")
    remember_session(request, response, await sessions.begin(ctx, number, agent))
    return response


async def sign_out_everywhere(request: Request, form: dict[str, str]) -> Response:
    """Sign out in every browser, this one too."""
    await actions.sign_out_everywhere(request.state.ctx, viewer_of(request))
    response = RedirectResponse("/sign-in", 303)
    await forget_session(request, response)
    return response


async def export(request: Request, form: dict[str, str]) -> Response:
    """Send everything that is stored about oneself as one JSON file."""
    data = await actions.export(request.state.ctx, viewer_of(request))
    return Response(
        orjson.dumps(data, option=orjson.OPT_INDENT_2),
        media_type="application/json",
        headers={
            "Content-Disposition": 'attachment; filename="hiroba-export.json"',
            "Cache-Control": "no-store",
        },
    )


async def delete(request: Request, form: dict[str, str]) -> Response:
    """Delete one's account."""
    await actions.delete_account(request.state.ctx, viewer_of(request), form.get("old", ""))
    response = RedirectResponse("/", 303)
    await forget_session(request, response)
    return response


def _change(name: str, act: Change) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a change: a refusal shows the page again with its sentence beside the field."""

    async def endpoint(request: Request) -> Response:
        if request.method == "GET" or viewer_of(request).rank < Rank.MEMBER:
            # Somebody reloaded the address of a form, or was signed out meanwhile.
            return RedirectResponse("/me", 303)
        form, stale = await read_given(request)
        if stale:
            return await _page(request, name, form, stale)
        try:
            return await act(request, form)
        except Refused as refused:
            return await _page(request, name, form, refused)

    return endpoint


async def _page(
    request: Request,
    changed: str = "",
    form: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    viewer = viewer_of(request)
    if viewer.rank < Rank.MEMBER:
        return RedirectResponse("/sign-in?back=/me", 303)
    ctx: Context = request.state.ctx
    number = member_number(viewer.id or "")
    return render(
        request,
        "profile.html",
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store", **wait_of(refused)},
        member=await reads.member(ctx.db, number),
        messages=await reads.newest_messages(ctx.db, number),
        saved=request.query_params.get("saved", ""),
        changed=changed,
        given=form or {},
        errors=field_errors(request, refused) if refused else {},
    )


def _done(what: str) -> Response:
    return RedirectResponse(f"/me?saved={what}#{what}", 303)


routes = [
    Route("/me", profile, name="profile"),
    Route("/me/profile", _change("profile", save_profile), methods=BOTH),
    Route("/me/name", _change("name", save_name), methods=BOTH),
    Route("/me/password", _change("password", save_password), methods=BOTH),
    Route("/me/sign-out", _change("sessions", sign_out_everywhere), methods=BOTH),
    Route("/me/export", _change("export", export), methods=BOTH),
    Route("/me/delete", _change("delete", delete), methods=BOTH),
]
