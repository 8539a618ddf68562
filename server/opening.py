"""How a connection begins and stays: tokens, sessions, and what is subscribed along with it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.commands import Answer, invalid, optional
from server.context import Viewer
from server.errors import Closed, Refused
from server.identity import Claims
from server.log import Log
from server.protocol import VERSION, CloseCode
from server.reading import Opened, Request, open_channel, settle, take_seats
from server.recovery import REPLY_LIMIT
from server.sessions import TICKET

if TYPE_CHECKING:
    from server.connection import Connection

SESSION_MS: Final = 600_000
"""How long a resume token is good, and a connection without a refresh."""
GRACE_SECONDS: Final = 5.0
RESUME: Final = "resume"
CODES: Final = {
    "unauthenticated": CloseCode.BAD_TOKEN,
    "expired": CloseCode.TOKEN_EXPIRED,
    "denied": CloseCode.DENIED,
    "forbidden": CloseCode.FORBIDDEN,
}

log = Log(__name__)


async def connect(connection: Connection, args: dict[str, Any]) -> Answer:
    """Carry out `connect`: who it is, and all subscriptions in the same round trip."""
    if connection.viewer is not None:
        raise invalid("this connection is connected already")
    # How long it takes from here is up to us, and no reason to stay away.
    connection.never_end()
    version = optional(args, "version", int)
    if version is not None and version != VERSION:
        raise Closed(CloseCode.VERSION, f"this server speaks version {VERSION}")
    requests = _requests(connection, args)
    claims = await _claims(connection, optional(args, "token", str))
    viewer, session = await _identify(connection, claims)
    await _admit(connection, viewer, session)
    opened = await _open_all(connection, viewer, requests)
    connection.viewer = viewer
    settled = [one for one in opened if isinstance(one, Opened)]
    left = REPLY_LIMIT
    subscriptions: dict[str, Any] = {}
    for request, one in zip(requests, opened, strict=True):
        if isinstance(one, Opened):
            ok, count = settle(connection, one, left)
            left -= count
            subscriptions[request.channel] = {"ok": ok}
        else:
            subscriptions[request.channel] = {"error": _refused(one).as_wire()}
    ok = {**_about(connection, viewer), "subscriptions": subscriptions}
    return Answer(ok, lambda done: take_seats(connection, settled, done))


async def _open_all(
    connection: Connection, viewer: Viewer, requests: list[Request]
) -> list[Opened | BaseException]:
    """Open all channels at once; the one of most viewers without a task of its own."""
    if len(requests) == 1:
        try:
            return [await open_channel(connection, viewer, requests[0])]
        except Exception as error:
            return [error]
    opening = (open_channel(connection, viewer, request) for request in requests)
    return await asyncio.gather(*opening, return_exceptions=True)


async def refresh(connection: Connection, args: dict[str, Any]) -> Answer:
    """Carry out `session.refresh`: a new resume token, or a name for a nameless reader."""
    viewer = connection.viewer
    assert viewer is not None
    token = optional(args, "token", str)
    session = connection.session
    if token is not None:
        claims = await _claims(connection, token)
        assert claims is not None
        if connection.publisher not in (None, claims.publisher):
            raise Refused("forbidden", "This token is somebody else's.")
        viewer, _ = await _identify(connection, claims)
    await _admit(connection, viewer, session)
    connection.viewer = viewer
    return Answer({**_session(connection, viewer), "rank": viewer.rank})


def _requests(connection: Connection, args: Mapping[str, Any]) -> list[Request]:
    wanted = args.get("subscribe") or []
    most = connection.gateway.ctx.settings.max_channels
    if type(wanted) is not list or not all(type(one) is dict for one in wanted):
        raise invalid("subscribe is a list of objects")
    if len(wanted) > most:
        raise Refused("limit_reached", f"A connection reads at most {most} channels.")
    requests = [Request.read(one) for one in wanted]
    if len({request.channel for request in requests}) < len(requests):
        raise invalid("subscribe names a channel twice")
    return requests


async def _claims(connection: Connection, token: str | None) -> Claims | None:
    """Give what the token says, or what the handshake said; None for a nameless reader."""
    if token is None:
        return connection.bearer
    gateway = connection.gateway
    try:
        if token.startswith(TICKET):
            return await gateway.sessions.redeem(token)
        return gateway.keyring.verify(token, gateway.ctx.clock())
    except Refused as refused:
        raise _close_for(refused) from None


@lru_cache(maxsize=4096)
def _nameless(address: str) -> Viewer:
    """Give the reader without a name, who is the same however often somebody comes."""
    return Viewer(address=address)


async def _identify(connection: Connection, claims: Claims | None) -> tuple[Viewer, str]:
    """Give who it is, and the session: that of a resume token, else a new one."""
    fresh = connection.session or secrets.token_urlsafe(12)
    if claims is None:
        return _nameless(connection.address), fresh
    gateway = connection.gateway
    try:
        viewer = await gateway.product.resolve(gateway.ctx, claims)
    except Refused as refused:
        raise _close_for(refused) from None
    session = claims.session if claims.kind == RESUME and claims.session else fresh
    return viewer.at(connection.address), session


def _close_for(refused: Refused) -> Exception:
    """Give the end of the connection for a refusal that is about who it is, else itself."""
    code = CODES.get(refused.code)
    return refused if code is None else Closed(code, refused.message)


async def _admit(connection: Connection, viewer: Viewer, session: str) -> None:
    """Count the connection and make it known by its publisher; Closed when it may not be."""
    gateway = connection.gateway
    connection.session = session
    if viewer.id is None:
        return
    # Known first: what revokes it while Redis is asked finds it already.
    gateway.name(connection, viewer.id)
    await gateway.sessions.open(
        viewer.id,
        session,
        gateway.holder(connection),
        version=viewer.version,
        most=gateway.ctx.settings.max_connections_per_viewer,
        gateways=gateway.alive(),
    )
    code = gateway.told.check(viewer)
    if not connection.socket.open:
        # It left while Redis counted it.
        gateway.count_down(connection, viewer.id)
    elif code is not None:
        raise Closed(code, "told while connecting")


def _about(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    return {
        "session": connection.session,
        "rank": viewer.rank,
        "you": None if viewer.id is None else {"id": viewer.id, "name": viewer.name},
        "limits": connection.gateway.limits,
        "time": connection.gateway.ctx.clock(),
        **_session(connection, viewer),
    }


def _refused(error: BaseException) -> Refused:
    """Give what is told of a subscription that failed, while the others stand."""
    if isinstance(error, Refused):
        return error
    log.error("subscribe.failed", error=error)
    return Refused("internal", "Something went wrong on our side.")


def _session(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    """Give the resume token, and let the connection end with it. Nameless readers need none."""
    if viewer.id is None:
        connection.never_end()
        return {"resume": None, "expires_in": None}
    gateway = connection.gateway
    connection.never_end()
    if connection.socket.open:
        gateway.expiring.add(connection)
    claims = Claims(
        RESUME,
        viewer.id,
        viewer.name,
        viewer.rank,
        viewer.version,
        gateway.ctx.clock() + SESSION_MS,
        connection.session,
        viewer.language,
        viewer.since,
    )
    return {"resume": gateway.keyring.sign(claims), "expires_in": SESSION_MS}
