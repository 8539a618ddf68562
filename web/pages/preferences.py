"""Keeps the reader's choice of language and appearance in cookies."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from web.pages.rendering import THEMES, community_of, remember


async def save(request: Request) -> RedirectResponse:
    """Remember what was chosen and go back to where the reader was."""
    form = await request.form()
    response = RedirectResponse(local_path(form.get("back")), 303)
    language, theme = form.get("lang"), form.get("theme")
    if isinstance(language, str) and language in community_of(request).languages:
        remember(response, request, "lang", language)
    if theme in (*THEMES, "system"):
        remember(response, request, "theme", str(theme) if theme in THEMES else "")
    return response


def local_path(wanted: object) -> str:
    """Give the wanted path when it stays on this site, the home page otherwise."""
    if not isinstance(wanted, str) or not wanted.isprintable():
        return "/"
    # "//host" and "/\host" are other sites to a browser.
    return wanted if wanted.startswith("/") and wanted[1:2] not in ("/", "\\") else "/"


routes = [Route("/preferences", save, methods=["POST"], name="preferences")]
