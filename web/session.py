"""Who asks: the cookies of members and guests, the address, and forms only our pages may send."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import replace

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from rooms.members import tokens
from rooms.members.sessions import SessionCache, end
from server.addresses import client_address
from server.context import Context, Viewer
from server.errors import Refused
from server.settings import Settings
from web.pages.preferences import local_path as safe_back

__all__ = ["address_of", "read_form", "remember_guest", "remember_session", "safe_back"]

MEMBER, GUEST, SEED = "hiroba", "hiroba-guest", "hiroba-seed"
"""Cookies: a member's session, a guest's token, and noise that the forms are bound to."""
DAY = 86_400
FIELD, HEADER = "csrf", "x-csrf"


def cookie_name(settings: Settings, name: str) -> str:
    """Give a cookie's full name: behind TLS one that no other host of the domain can set."""
    return f"__Host-{name}" if settings.secure else name


def context_of(request: Request) -> Context:
    """Give the resources of this process."""
    ctx: Context = request.state.ctx
    return ctx


def address_of(request: Request) -> str:
    """Give the client's address, after trusted proxies."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return client_address(peer, forwarded, context_of(request).settings.trusted_proxies)


async def who_asks(request: Request) -> Viewer:
    """Find the viewer behind a request: a bearer token, a member's or guest's cookie, or nobody.

    A void cookie makes a nameless reader; a void bearer token is Refused `unauthenticated`.
    """
    ctx, address = context_of(request), address_of(request)
    language = request.cookies.get("lang", "en")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _at(await _of_token(request, token.strip()), address)
    cookie = request.cookies.get(cookie_name(ctx.settings, MEMBER))
    if cookie:
        member = await ctx.of(SessionCache).viewer(cookie)
        if member is not None:
            return _at(member, address)
    token = request.cookies.get(cookie_name(ctx.settings, GUEST), "")
    if token:
        try:
            return _at(await _of_token(request, token), address)
        except Refused as refused:
            if refused.code == "unavailable":
                raise
    return Viewer(address=address, language=language)


async def _of_token(request: Request, token: str) -> Viewer:
    ctx = context_of(request)
    claims = request.state.keyring.verify(token, ctx.clock())
    if claims.kind not in ("visitor", "bearer"):
        raise Refused("unauthenticated", "This token is not for HTTP.")
    if claims.kind == "visitor" and not request.state.community.guests:
        raise Refused("unauthenticated", "Only members take part here; sign up to join.")
    return await tokens.resolve(ctx, claims)


def _at(viewer: Viewer, address: str) -> Viewer:
    return replace(viewer, address=address)


def csrf_secret(request: Request) -> str:
    """Give the noise that this browser's forms are bound to; empty when it has none yet.

    It is a secret between this browser and us, so that no key of ours is needed; signing in or
    out in another tab leaves it, so that no half-written form is lost.
    """
    return request.cookies.get(cookie_name(context_of(request).settings, SEED), "")


def csrf_token(secret: str) -> str:
    """Give what a form has to send back; it does not tell the secret."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), b"csrf", "sha256")[:18]).decode()


def check_origin(request: Request) -> None:
    """Refuse a request that another site's page makes; `forbidden`."""
    origin = request.headers.get("origin")
    if origin is not None:
        foreign = origin not in context_of(request).settings.origins
    else:
        foreign = request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    if foreign:
        raise Refused("forbidden", "This was sent from the page of another site.")


def check_csrf(request: Request, sent: object) -> None:
    """Refuse what does not carry the token of a page that this browser got; `forbidden`."""
    check_origin(request)
    secret = csrf_secret(request)
    token = sent if isinstance(sent, str) else ""
    if not secret or not hmac.compare_digest(csrf_token(secret).encode(), token.encode()):
        raise Refused("forbidden", "This form is out of date; load the page again.")


async def read_form(request: Request) -> dict[str, str]:
    """Read the text fields of a form that our page sent, the last of each name; CSRF is checked."""
    form = await request.form(max_files=4, max_fields=200, max_part_size=65_536)
    values = {key: value for key, value in form.multi_items() if not isinstance(value, UploadFile)}
    check_csrf(request, values.pop(FIELD, request.headers.get(HEADER)))
    return values


def remember_session(request: Request, response: Response, cookie: str) -> None:
    """Sign this browser in with the value that `sessions.begin` gave; a guest's name is left."""
    _set(request, response, MEMBER, cookie, 90 * DAY)
    _set(request, response, GUEST, "", 0)


def remember_guest(request: Request, response: Response, token: str) -> None:
    """Keep a guest's token in this browser."""
    _set(request, response, GUEST, token, 30 * DAY)


async def forget_session(request: Request, response: Response) -> None:
    """Sign this browser out."""
    ctx = context_of(request)
    cookie = request.cookies.get(cookie_name(ctx.settings, MEMBER))
    if cookie:
        await end(ctx, cookie)
    _set(request, response, MEMBER, "", 0)
    _set(request, response, GUEST, "", 0)


def remember_seed(request: Request, response_headers: list[tuple[bytes, bytes]], seed: str) -> None:
    """Give a new browser the noise that its forms are bound to."""
    carrier = Response()
    _set(request, carrier, SEED, seed, 90 * DAY)
    response_headers += [h for h in carrier.raw_headers if h[0] == b"set-cookie"]


def new_seed() -> str:
    """Make the noise for one browser."""
    return secrets.token_urlsafe(18)


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    settings = context_of(request).settings
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
