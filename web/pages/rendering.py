"""Turns a template and its values into a page in the reader's language and theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rooms.community.rules import Community
from server.context import Viewer, system_clock
from web.i18n import Translator, choose_language, translator
from web.pages.people import hue, initials, role_of
from web.pages.wording import wording
from web.static_files import modules, static_files

YEAR = 31_536_000
THEMES = ("light", "dark")


def render(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    csp: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Answer with a page.

    `csp` adds sources to directives of the content security policy, like
    `{"media-src": ["https://video.example"]}`.
    """
    language = language_of(request)
    known = _of_request(request, language)
    body = environment().get_template(template).render({**known, **values})
    response = HTMLResponse(body, status)
    response.headers["Content-Security-Policy"] = policy(csp or {})
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Cookie, Accept-Language"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers.update(headers or {})
    if request.query_params.get("lang") == language:
        remember(response, request, "lang", language)
    return response


def language_of(request: Request) -> str:
    """Choose the language of the answer to this request."""
    return choose_language(
        asked=request.query_params.get("lang"),
        remembered=request.cookies.get("lang"),
        accepted=request.headers.get("accept-language", ""),
        offered=community_of(request).languages,
    )


def words_of(request: Request) -> Translator:
    """Give the translator for this request."""
    return translator(language_of(request))


def community_of(request: Request) -> Community:
    """Give the community's face; the product's own before anybody decided."""
    return getattr(request.state, "community", None) or Community()


def viewer_of(request: Request) -> Viewer:
    """Give who asks; a nameless reader when nobody said."""
    return getattr(request.state, "viewer", None) or Viewer()


def zone_of(request: Request) -> tzinfo:
    """Give the reader's time zone, which the browser leaves in a cookie; UTC until then."""
    name = request.cookies.get("tz", "")
    return ZoneInfo(name) if name in _zones() else UTC


def now_of(request: Request) -> int:
    """Give the time in ms by which everything in rooms is stamped."""
    ctx = getattr(request.state, "ctx", None)
    return int(ctx.clock()) if ctx else system_clock()


def remember(response: Response, request: Request, name: str, value: str) -> None:
    """Keep a preference in a cookie for a year; an empty value forgets it."""
    ctx = getattr(request.state, "ctx", None)
    response.set_cookie(
        name,
        value,
        max_age=YEAR if value else 0,
        secure=bool(ctx and ctx.settings.secure),
        httponly=True,
        samesite="lax",
    )


def policy(extra: Mapping[str, Sequence[str]]) -> str:
    """Write the content security policy: all from here, pictures from any https address."""
    sources: dict[str, list[str]] = {
        "default-src": [],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "https:"],
        "media-src": ["'self'", "blob:"],
        "frame-src": [],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "base-uri": [],
    }
    for directive, more in extra.items():
        sources[directive] = [*sources.get(directive, []), *more]
    return "; ".join(" ".join((name, *(from_ or ["'none'"]))) for name, from_ in sources.items())


@cache
def environment() -> Environment:
    """Make the one template environment."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        asset=static_files().address,
        module_list=modules,
        hue=hue,
        initials=initials,
        role_of=role_of,
    )
    return made


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _of_request(request: Request, language: str) -> dict[str, Any]:
    """Collect what every template may use without being given it."""
    ctx = getattr(request.state, "ctx", None)
    base = str(ctx.settings.public_url if ctx else request.base_url).rstrip("/")
    theme = request.cookies.get("theme")
    names = {getattr(route, "name", "") for route in request.app.routes}
    return {
        **wording(translator(language), zone_of(request)),
        "community": community_of(request),
        "viewer": viewer_of(request),
        "csrf": getattr(request.state, "csrf", ""),
        "theme": theme if theme in THEMES else "",
        "path": request.url.path,
        "page_url": base + request.url.path,
        "base_url": base,
        "has_page": names.__contains__,
        "url": request.app.url_path_for,
    }
