"""The owner's first steps: /set-up/TOKEN makes the owner, /set-up/STEP does the rest, in any pace.

The link is spent once there is an owner. From then on the steps belong to whoever is signed in as
the owner: each is saved when it is right, and what was entered in one that was left is kept.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms import actions as room_actions
from rooms import reads as room_reads
from rooms.community import actions
from rooms.community.reads import load
from rooms.community.rules import Community
from rooms.community.steps import STEPS
from rooms.members import actions as member_actions
from rooms.members import reads as member_reads
from rooms.rules import MODES, Visibility
from server.context import Context
from server.errors import Refused
from web.pages.account import spent, welcome
from web.pages.looks import (
    ACCENTS,
    accent_of,
    languages_of,
    measured,
    shown_accent,
    uploaded_logo,
)
from web.pages.refusals import STALE, field_errors, read_given, status_of_form
from web.pages.rendering import language_of, remember, render, viewer_of
from web.pages.settings import Form, owned
from web.server_checks import server_checks

ORDER = ("account", *STEPS, "done")
FIELDS = {
    "look": ("name", "accent", "own_accent"),
    "languages": ("language-ja", "language-en", "language-ar", "language-th", "main"),
    "joining": ("joining", "guests"),
    "room": ("kind", "title", "slug", "about", "visibility", "mode"),
}
"""What a draft of a step keeps; the logo is kept by its name."""
SHORT_NAMES = {"live": "live", "topic": "talk"}


async def begin(request: Request) -> Response:
    """Become the owner with the one-time link of the terminal; the owner goes on instead."""
    ctx: Context = request.state.ctx
    token = request.path_params["token"]
    if viewer_of(request).rank >= Rank.OWNER:
        return RedirectResponse("/set-up", 303)
    # Before any password is hashed: strangers must not make the server work.
    if not await member_reads.link_is_good(ctx.db, token, "setup"):
        return await spent(request, back="/set-up")
    if request.method == "GET":
        return await _page(request, "account", Community(), dict(request.query_params))
    form, stale = await read_given(request)
    if stale:
        return await _page(request, "account", Community(), form, stale)
    if "lang" in form:
        here = request.url.replace(query="").include_query_params(name=form.get("name", "")[:200])
        return _in_language(request, form, f"{here.path}?{here.query}")
    try:
        member_id = await member_actions.use_setup_link(
            ctx,
            token,
            name=form.get("name", ""),
            password=form.get("password", ""),
            language=language_of(request),
        )
    except Refused as refused:
        if refused.code == "expired":
            return await spent(request, back="/set-up")
        return await _page(request, "account", Community(), form, refused)
    return await welcome(request, member_id, "/set-up")


async def go_on(request: Request, form: Form | None = None, _: Refused | None = None) -> Response:
    """Lead the owner to the first step that is not done."""
    ctx: Context = request.state.ctx
    return RedirectResponse(f"/set-up/{(await load(ctx.db)).steps.next or 'done'}", 303)


async def step(
    request: Request, form: Form | None = None, refused: Refused | None = None
) -> Response:
    """Show a step, or take what was entered: on to the next, or back, with nothing lost."""
    ctx: Context = request.state.ctx
    here = request.url.path.rpartition("/")[2]
    # Not from the cache: the step before may have been saved by another gateway.
    community = request.state.community = await load(ctx.db)
    if form is not None and refused is None:
        return await _take(request, here, community, form)
    if here == "done" and community.steps.next:
        return RedirectResponse("/set-up", 303)
    draft = community.steps.drafts.get(here)
    return await _page(request, here, community, form or dict(draft or {}), refused)


async def _take(request: Request, here: str, community: Community, form: Form) -> Response:
    ctx, viewer = request.state.ctx, viewer_of(request)
    draft = {name: form[name] for name in FIELDS.get(here, ()) if name in form}
    after = ORDER[min(ORDER.index(here) + 1, len(ORDER) - 1)]
    before = ORDER[max(ORDER.index(here) - 1, 0)]
    if here not in STEPS:
        return _in_language(request, form, f"/set-up/{here}")
    try:
        if here == "look":
            form["logo"] = draft["logo"] = _known_logo(community, form)
            form["logo"] = draft["logo"] = await uploaded_logo(request) or form["logo"]
        if "lang" in form or form.get("go") == "back":
            await actions.keep_draft(ctx, viewer, here, draft)
            return _in_language(request, form, f"/set-up/{here if 'lang' in form else before}")
        await _save(request, here, community, form)
    except Refused:
        await actions.keep_draft(ctx, viewer, here, draft)
        raise
    return RedirectResponse(f"/set-up/{after}", 303)


def _known_logo(community: Community, form: Form) -> str:
    """Give the name of the logo of the step's draft, else the one that is so."""
    known = community.steps.drafts.get("look", {}).get("logo", community.logo)
    return "" if "no_logo" in form else known


async def _save(request: Request, here: str, community: Community, form: Form) -> None:
    ctx, viewer = request.state.ctx, viewer_of(request)
    changes: dict[str, Any] = {}
    if here == "look":
        changes = {"name": form.get("name"), "logo": form["logo"], "accent": accent_of(form)}
    elif here == "languages":
        changes = {"languages": languages_of(form)}
    elif here == "joining":
        changes = {"joining": form.get("joining", ""), "guests": "guests" in form}
    elif form.get("go") != "later" and "title" in form and "room" not in community.steps.done:
        await room_actions.create_room(ctx, viewer, {**form, "slug": _slug(form)})
    await actions.save(ctx, viewer, changes, step=here)


def _slug(form: Form) -> str:
    """Give the short name, made of a title in Latin letters when none was written."""
    written = form.get("slug", "").strip()
    plain = unicodedata.normalize("NFKD", form.get("title", "")).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].strip("-")
    return written or made or SHORT_NAMES.get(form.get("kind", ""), "")


async def _page(
    request: Request, here: str, community: Community, given: Form, refused: Refused | None = None
) -> Response:
    ctx, viewer = request.state.ctx, viewer_of(request)
    is_owner = viewer.rank >= Rank.OWNER
    errors = field_errors(request, refused) if refused else {}
    accent = given.get("accent", community.accent)
    return render(
        request,
        f"set_up/{here}.html",
        status=status_of_form(refused),
        headers={"Cache-Control": "no-store"},
        here=here,
        steps=ORDER[:-1],
        before=ORDER[ORDER.index(here) - 1] if here != "account" else None,
        after=ORDER[min(ORDER.index(here) + 1, len(ORDER) - 1)],
        done=(("account",) if is_owner else ()) + community.steps.done,
        now=community,
        given=given,
        errors=errors,
        stale=bool(refused and refused.details.get("problem") == STALE),
        nearest=refused.details.get("nearest") if refused else None,
        accents=ACCENTS,
        accent=accent,
        logo_name=given.get("logo", community.logo),
        measured=measured(shown_accent(given, community)),
        rooms=await room_reads.rooms(ctx.db, viewer) if is_owner else [],
        modes=list(MODES),
        visibilities=[str(v) for v in Visibility],
        checks=await server_checks(ctx),
        guest_mode="everyone" if community.guests else "members",
    )


def _in_language(request: Request, form: Form, path: str) -> Response:
    """Go to a path, in the language that a button of the form chose."""
    response = RedirectResponse(path, 303)
    if form.get("lang") in Community().languages:
        remember(response, request, "lang", form["lang"])
    return response


_step = owned(step)
routes = [
    Route("/set-up", owned(go_on), methods=["GET"], name="set_up_next"),
    *(
        Route(f"/set-up/{name}", _step, methods=["GET", "POST"], name=f"set_up_{name}")
        for name in ORDER
    ),
    Route("/set-up/{token}", begin, methods=["GET", "POST"], name="set_up"),
]
