"""Turns refusals into answers: the words of the wire with HTTP statuses, or a page."""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from server.errors import Refused
from server.log import Log
from web.pages.errors import page_for

log = Log(__name__)

STATUS = {
    "malformed": 400,
    "unauthenticated": 401,
    "expired": 401,
    "forbidden": 403,
    "muted": 403,
    "banned": 403,
    "room_closed": 403,
    "not_found": 404,
    "unknown_command": 404,
    "too_late": 409,
    "duplicate_conflict": 409,
    "sold_out": 409,
    "limit_reached": 409,
    "too_large": 413,
    "invalid": 422,
    "rate_limited": 429,
    "slow_mode": 429,
    "internal": 500,
    "room_busy": 503,
    "backlog": 503,
    "unavailable": 503,
}
"""The HTTP status of every error word."""
WORDS = {
    400: Refused("malformed", "This request cannot be read."),
    401: Refused("unauthenticated", "Sign in first."),
    403: Refused("forbidden", "This is not allowed."),
    404: Refused("not_found", "There is nothing at this address."),
    405: Refused("unknown_command", "This address does not take this method."),
    413: Refused("too_large", "This is too large."),
}
"""What the framework's own errors are called."""


def status_of(refused: Refused) -> int:
    """Give the HTTP status of a refusal."""
    return STATUS.get(refused.code, 400)


def wants_json(request: Request) -> bool:
    """Tell whether the asker is a program rather than a person reading pages."""
    return request.url.path.startswith("/v1/")


def as_json(refused: Refused, status: int | None = None) -> Response:
    """Answer a program: `{"error": {"code", "message", …}}`, waits as Retry-After too."""
    headers = {"Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(-(-refused.retry_after // 1000))
    if refused.code in ("unauthenticated", "expired"):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"error": refused.as_wire()}, status_code=status or status_of(refused), headers=headers
    )


def answer(request: Request, refused: Refused, status: int | None = None) -> Response:
    """Answer a refusal in the form that the asker understands."""
    if wants_json(request):
        return as_json(refused, status)
    if refused.code == "unauthenticated" and request.method == "GET":
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?back={quote(back)}", 303)
    return page_for(request, status or status_of(refused), refused)


async def on_refused(request: Request, error: Exception) -> Response:
    """Handle an expected refusal."""
    assert isinstance(error, Refused)
    return answer(request, error)


async def on_http(request: Request, error: Exception) -> Response:
    """Handle what the framework refuses by itself: unknown addresses and methods."""
    assert isinstance(error, HTTPException)
    refused = WORDS.get(error.status_code, Refused("malformed", "This request cannot be read."))
    response = answer(request, refused, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def on_crash(request: Request, error: Exception) -> Response:
    """Handle a fault of ours: logged with its traceback, told without."""
    log.error("request.failed", method=request.method, path=request.url.path, error=error)
    refused = Refused("internal", "Something went wrong here; it was written down.")
    try:
        return answer(request, refused)
    except Exception as again:
        # What failed may be what every page needs.
        log.error("request.failed_twice", path=request.url.path, error=again)
        return PlainTextResponse(f"{refused.message}\n", 500)


HANDLERS = {Refused: on_refused, HTTPException: on_http, Exception: on_crash}
"""For Starlette's `exception_handlers`."""
