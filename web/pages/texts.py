"""The rules and privacy pages, as the owner wrote them or as the product comes, and the accent."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms.community import colour
from rooms.community.reads import CommunityCache
from rooms.community.rules import Community
from server.context import Context
from web.pages.rendering import language_of, render

OWN = Community()
TEXTS = Path(__file__).parent.parent / "texts"


def text_of(community: Community, page: str, language: str) -> str:
    """Give the owner's text of a page in a language, else the product's own."""
    return community.texts.get(f"{page}.{language}") or default_text(page, language)


@cache
def default_text(page: str, language: str) -> str:
    """Read the text that the product comes with."""
    return (TEXTS / f"{page}.{language}.txt").read_text(encoding="utf-8").strip()


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """Cut a text into (kind, lines): `h2` for `# …`, `ul` for lines with `- `, else `p`."""
    found: list[tuple[str, list[str]]] = []
    for part in text.split("\n\n"):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if lines and lines[0].startswith("# "):
            found.append(("h2", [lines.pop(0)[2:]]))
        if lines and all(line.startswith("- ") for line in lines):
            found.append(("ul", [line[2:] for line in lines]))
        elif lines:
            found.append(("p", lines))
    return found


async def rules(request: Request) -> Response:
    """Show the community's rules."""
    return await _text(request, "rules")


async def privacy(request: Request) -> Response:
    """Show what is stored about people."""
    return await _text(request, "privacy")


async def _text(request: Request, page: str) -> Response:
    ctx: Context = request.state.ctx
    community = await ctx.of(CommunityCache).get()
    text = text_of(community, page, language_of(request))
    return render(request, "text.html", page=page, blocks=blocks(text))


async def community_css(request: Request) -> Response:
    """Send the owner's accent as CSS; nothing for the product's own."""
    ctx: Context = request.state.ctx
    accent = (await ctx.of(CommunityCache).get()).accent
    sheet = "" if accent == OWN.accent else colour.stylesheet(accent)
    asked = request.query_params.get("v", "")
    # An old page may ask for an accent that has changed; only the present one is kept for long.
    kept = "public, max-age=31536000, immutable" if asked == accent[1:] else "no-cache"
    return Response(sheet, media_type="text/css", headers={"Cache-Control": kept})


routes = [
    Route("/rules", rules, name="rules"),
    Route("/privacy", privacy, name="privacy"),
    Route("/community.css", community_css, name="community_css"),
]
