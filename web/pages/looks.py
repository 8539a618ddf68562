"""The parts of a form that decide the look: name, logo, accent, languages; /settings/accent."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms.community import colour
from rooms.community.rules import LANGUAGES, Community, ordered
from server.context import Context
from server.errors import Refused
from web.pages.media import MOST_PICTURE, keep_picture, read_upload
from web.pages.rendering import viewer_of

ACCENTS = ("#00756a", "#1f5fbf", "#7a3fb0", "#b3265c", "#a34a00", "#3d6b1f")

Form = dict[str, str]


async def uploaded_logo(request: Request) -> str | None:
    """Keep the logo that a form brings and give its name; None when it brings none.

    Raises Refused: too_large, invalid when it is no picture.
    """
    ctx: Context = request.state.ctx
    picture = await read_upload(request, "logo", most=MOST_PICTURE)
    return keep_picture(ctx.settings.data_dir / "media", picture, "logo") if picture else None


def accent_of(form: Form) -> str:
    """Give the accent that a form chose: one of the palette, or the owner's own."""
    chosen = form.get("accent", "")
    return form.get("own_accent", "") if chosen == "own" else chosen


def shown_accent(form: Form, community: Community) -> str:
    """Give the accent to measure: what the form chose if it is a colour, else the present one."""
    try:
        return colour.parse(accent_of(form))
    except Refused:
        return community.accent


def languages_of(form: Form) -> list[str]:
    """Give the languages that a form ticked, the main one first."""
    ticked = [code for code in LANGUAGES if f"language-{code}" in form]
    return ordered(ticked, form.get("main", ""))


def measured(accent: str) -> dict[str, Any]:
    """Tell what an accent becomes in both themes, and how well it is told apart."""
    light, dark = colour.tones(accent)
    pairs = colour.check(accent)
    passes = all(pair.passes for pair in pairs)
    ratios = {pair.use: f"{pair.ratio:.1f}" for pair in pairs if pair.theme == "light"}
    return {
        "tones": {
            f"--{name.replace('_', '-')}": [getattr(light, of), getattr(dark, of)]
            for name, of in (
                ("accent", "accent"),
                ("accent_press", "press"),
                ("on_accent", "on_accent"),
                ("accent_soft", "soft"),
                ("accent_text", "text"),
            )
        },
        "button": ratios["button"],
        "card": ratios["control"],
        "passes": passes,
        "nearest": accent if passes else colour.nearest_that_passes(accent),
    }


async def accent(request: Request) -> Response:
    """Measure a colour for the owner's preview, before it is saved."""
    if viewer_of(request).rank < Rank.OWNER:
        raise Refused("forbidden", "Only the owner can change the community's settings.")
    chosen = colour.parse(request.query_params.get("colour", ""))
    return JSONResponse(measured(chosen), headers={"Cache-Control": "private, max-age=3600"})


routes = [Route("/settings/accent", accent, name="owner_accent")]
