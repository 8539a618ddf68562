"""Sessions of publishers in Redis: one-use tickets, revocation, and how many are connected."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
from redis.exceptions import RedisError

from server.errors import Closed, Refused
from server.identity import Claims
from server.protocol import CloseCode

if TYPE_CHECKING:
    from redis.asyncio import Redis

TICKET_SECONDS = 60
KEPT_SECONDS = 86_400
"""How long a session's key outlives its last renewal; resume tokens live ten minutes."""
LUA = Path(__file__).parent / "lua"


class Sessions:
    """What is known of each publisher's sessions, so that a reconnect touches Redis only."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._connect = redis.register_script((LUA / "connect.lua").read_text())
        self._disconnect = redis.register_script((LUA / "disconnect.lua").read_text())
        self._revoke = redis.register_script((LUA / "revoke.lua").read_text())

    async def issue_ticket(self, claims: Claims) -> str:
        """Give a ticket that connects once, within a minute, with these claims."""
        ticket = secrets.token_urlsafe(18)
        stored = self._redis.set(f"ticket:{ticket}", claims.packed(), ex=TICKET_SECONDS)
        await _within_reach(stored)
        # A full stop never occurs in a signed token, so the two cannot be confused.
        return f"t.{ticket}"

    async def redeem(self, ticket: str) -> Claims:
        """Give the claims of a ticket and use it up; Refused `unauthenticated`."""
        key = f"ticket:{ticket.removeprefix('t.')[:64]}"
        data: bytes = await _within_reach(self._redis.getdel(key)) or b""
        try:
            return Claims.unpacked(data)
        except (ValueError, TypeError, msgpack.UnpackException):
            raise Refused("unauthenticated", "This ticket was used, or is too old.") from None

    async def open(
        self,
        publisher: str,
        session: str,
        holder: str,
        *,
        version: int,
        most: int,
        gateways: Sequence[str] = (),
    ) -> None:
        """Count a connection, or renew it; Closed when the publisher may not connect.

        `gateways` are those alive, empty when this process does not know them yet.
        """
        args: list[str | int] = [session, holder, most, version, KEPT_SECONDS, *gateways]
        answer: list[bytes] = await _within_reach(self._connect(keys=[_key(publisher)], args=args))
        word = answer[0]
        if word == b"revoked":
            raise Closed(CloseCode.SESSION_REVOKED, "signed out")
        if word == b"denied":
            raise Closed(CloseCode.DENIED, "not admitted")
        if word == b"limit":
            raise Closed(CloseCode.CONNECTION_LIMIT, f"at most {most} connections")

    async def close(self, publisher: str, session: str, holder: str) -> None:
        """Count a connection down, unless a newer one has taken its session over."""
        await _within_reach(self._disconnect(keys=[_key(publisher)], args=[session, holder]))

    async def revoke(self, publisher: str, version: int) -> None:
        """Void the sessions of a publisher below a version, resume tokens included."""
        await _within_reach(self._revoke(keys=[_key(publisher)], args=[version, KEPT_SECONDS]))

    async def deny(self, publisher: str, until: int) -> None:
        """Refuse connections of a publisher until a time in ms; 0 lifts it."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_key(publisher), "denied", str(until))
            pipe.expire(_key(publisher), KEPT_SECONDS)
            await _within_reach(pipe.execute())


def _key(publisher: str) -> str:
    return f"session:{publisher}"


async def _within_reach(call: Any) -> Any:
    """Wait for Redis; Refused `unavailable` when it does not answer."""
    try:
        return await call
    except RedisError as error:
        raise Refused("unavailable", "Please try again in a moment.") from error
