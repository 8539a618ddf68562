"""What happens to every HTTP request: bounded body, headers of caution, and who asks."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms.community.reads import CommunityCache
from server.errors import Refused
from web import session
from web.errors import answer

MAX_BODY = 65_536
QUIET = ("/static/", "/healthz", "/readyz")
"""Addresses that need nobody's name, and are answered while the database is away."""
SAFE = ("GET", "HEAD", "OPTIONS")
CAUTION: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}
"""Headers of every answer that does not bring its own."""


def allow_body(request: Request, most: int) -> None:
    """Let this request bring a body of up to `most` bytes; called before the body is read."""
    request.scope["hiroba.max_body"] = most


class Bounded:
    """Refuses a body above 64 KiB, or above what the handler allowed, with `too_large`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = _length(scope)
        read = 0

        async def bounded() -> Message:
            nonlocal read
            most = scope.get("hiroba.max_body", MAX_BODY)
            if announced > most:
                raise _too_large(most)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _too_large(most)
            return message

        await self.app(scope, bounded, send)


class Cautious:
    """Adds the headers that keep a browser from being tricked."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.headers = dict(CAUTION)
        if secure:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class WhoAsks:
    """Puts viewer, community and the forms' token into the state, and checks the origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(QUIET):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        ctx = session.context_of(request)
        try:
            request.state.community = await ctx.of(CommunityCache).get()
            if scope["method"] not in SAFE and not scope["path"].startswith("/v1/"):
                session.check_origin(request)
            request.state.viewer = await session.who_asks(request)
        except Refused as refused:
            await answer(request, refused)(scope, receive, send)
            return
        secret = session.csrf_secret(request)
        seed = "" if secret else session.new_seed()
        request.state.csrf = session.csrf_token(secret or seed)

        async def with_seed(message: Message) -> None:
            if seed and message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    session.remember_seed(request, headers, seed)
            await send(message)

        await self.app(scope, receive, with_seed)


def _length(scope: Scope) -> int:
    found = dict(scope["headers"]).get(b"content-length", b"0")
    return int(found) if found.isdigit() and len(found) < 16 else 0


def _too_large(most: int) -> Refused:
    return Refused("too_large", f"A request takes at most {most:,} bytes.", limit=most)
