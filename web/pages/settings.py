"""What the owner decides: /settings (look), /settings/people, /settings/rooms, /settings/pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms import actions as room_actions
from rooms import reads as room_reads
from rooms.community import actions, colour
from rooms.community.reads import CommunityCache
from rooms.community.rules import LANGUAGES, PAGES, Community
from rooms.members import actions as member_actions
from rooms.members import reads as member_reads
from rooms.members.rules import ROLES
from rooms.rules import MODES, Visibility
from server.context import Context
from server.errors import Refused
from web.middleware import allow_body
from web.pages.looks import ACCENTS, accent_of, languages_of, measured, shown_accent, uploaded_logo
from web.pages.media import MOST_FORM
from web.pages.refusals import field_errors, read_given, status_of_form
from web.pages.rendering import render, viewer_of
from web.pages.texts import text_of

PEOPLE_A_PAGE = 50

Form = dict[str, str]


def owned(show: Callable[..., Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Let only the owner in; everybody else is told that they may not."""

    async def endpoint(request: Request) -> Response:
        viewer = viewer_of(request)
        if viewer.rank == Rank.READER:
            return RedirectResponse(f"/sign-in?back={request.url.path}", 303)
        if viewer.rank < Rank.OWNER:
            raise Refused("forbidden", "Only the owner can change the community's settings.")
        if request.method == "GET":
            return await show(request)
        allow_body(request, MOST_FORM)
        form, stale = await read_given(request)
        if stale:
            return await show(request, form, stale)
        try:
            return await show(request, form)
        except Refused as refused:
            return await show(request, form, refused)

    return endpoint


async def look(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show or save name, logo, accent, languages and who may join."""
    ctx: Context = request.state.ctx
    if form is not None and refused is None:
        await actions.save(ctx, viewer_of(request), await _look_changes(request, form))
        return RedirectResponse("/settings?saved=1", 303)
    community = await ctx.of(CommunityCache).get()
    given = form or {}
    accent = given.get("accent", community.accent)
    return _page(
        request,
        "settings.html",
        refused,
        here="look",
        now=community,
        chosen=_chosen(given, community),
        given=given,
        accents=ACCENTS,
        accent=accent,
        pairs=colour.check(community.accent),
        measured=measured(shown_accent(given, community)),
        logo_name=community.logo,
        nearest=refused.details.get("nearest") if refused else None,
    )


def _chosen(form: Form, community: Community) -> dict[str, Any]:
    """Give what the choices show: what was just sent, else what is so now."""
    if form:
        return _ticked(form)
    known = {name: getattr(community, name) for name in ("languages", "joining", "guests")}
    return {**known, "main": community.languages[0]}


def _ticked(form: Form) -> dict[str, Any]:
    return {
        "languages": [code for code in LANGUAGES if f"language-{code}" in form],
        "main": form.get("main", ""),
        "joining": form.get("joining", ""),
        "guests": "guests" in form,
    }


async def _look_changes(request: Request, form: Form) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "name": form.get("name", ""),
        "accent": accent_of(form),
        "languages": languages_of(form),
        "joining": form.get("joining", ""),
        "guests": "guests" in form,
    }
    logo = await uploaded_logo(request)
    if logo or "no_logo" in form:
        changes["logo"] = logo or ""
    return changes


async def people(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show the members, add one, give roles, and make links that set a new password."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    link = ""
    if form is not None and refused is None:
        what, person = form.get("what", ""), form.get("person", "")
        if what == "role":
            await member_actions.set_role(ctx, viewer, person, form.get("role"))
            return RedirectResponse("/settings/people?saved=1", 303)
        if what == "reset":
            token = await member_actions.make_reset_link(ctx, viewer, person)
        elif what == "add":
            name, role = form.get("name"), form.get("role")
            _, token = await member_actions.create(ctx, viewer, name=name, role=role)
        else:
            raise Refused("invalid", "There is nothing of this kind to do here.")
        link = f"{ctx.settings.public_url}/reset/{token}"
    part = request.query_params.get("q", "")[:40]
    skip = _whole(request.query_params.get("skip", "0"))
    members = await member_reads.page(ctx.db, part, limit=PEOPLE_A_PAGE + 1, skip=skip)
    return _page(
        request,
        "settings_people.html",
        refused,
        here="people",
        members=members[:PEOPLE_A_PAGE],
        more=skip + PEOPLE_A_PAGE if len(members) > PEOPLE_A_PAGE else None,
        part=part,
        roles=list(ROLES),
        link=link,
        given=form or {},
    )


async def rooms(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show the rooms, create one, change one, close and open."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    if form is not None and refused is None:
        await _change_room(ctx, request, form)
        return RedirectResponse("/settings/rooms?saved=1", 303)
    return _page(
        request,
        "settings_rooms.html",
        refused,
        here="rooms",
        rooms=await room_reads.rooms(ctx.db, viewer),
        modes=list(MODES),
        visibilities=[str(v) for v in Visibility],
        given=form or {},
    )


async def _change_room(ctx: Context, request: Request, form: Form) -> None:
    viewer, what = viewer_of(request), form.get("what", "")
    if what == "create":
        await room_actions.create_room(ctx, viewer, form)
    elif what == "edit":
        await room_actions.edit_room(ctx, viewer, form)
        await room_actions.set_mode(ctx, viewer, form)
    elif what in ("close", "open"):
        await room_actions.close_room(ctx, viewer, form, closed=what == "close")
    else:
        raise Refused("invalid", "There is nothing of this kind to do here.")


async def pages(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show or save the texts of the rules and privacy pages, a language at a time."""
    ctx: Context = request.state.ctx
    community = await ctx.of(CommunityCache).get()
    chosen = (form or {}).get("language") or request.query_params.get("language", "")
    language = chosen if chosen in LANGUAGES else community.languages[0]
    if form is not None and refused is None:
        texts = {f"{page}.{language}": form.get(page, "") for page in PAGES}
        await actions.save(ctx, viewer_of(request), {"texts": texts})
        return RedirectResponse(f"/settings/pages?language={language}&saved=1", 303)
    return _page(
        request,
        "settings_pages.html",
        refused,
        here="pages",
        language=language,
        languages=community.languages,
        texts={
            page: (form or {}).get(page) or text_of(community, page, language) for page in PAGES
        },
    )


def _page(request: Request, template: str, refused: Refused | None, **values: Any) -> Response:
    return render(
        request,
        template,
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store"},
        saved="saved" in request.query_params and refused is None,
        errors=field_errors(request, refused) if refused else {},
        **values,
    )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


routes = [
    Route("/settings", owned(look), methods=["GET", "POST"], name="owner"),
    Route("/settings/people", owned(people), methods=["GET", "POST"], name="owner_people"),
    Route("/settings/rooms", owned(rooms), methods=["GET", "POST"], name="owner_rooms"),
    Route("/settings/pages", owned(pages), methods=["GET", "POST"], name="owner_pages"),
]
