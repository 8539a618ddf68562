"""Sessions of publishers in Redis: one-use tickets, revocation, and how many are connected."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, Protocol

import msgpack

from server.errors import Closed, Refused
from server.identity import Claims
from server.protocol import CloseCode
from server.redis_wire import Argument

TICKET_SECONDS: Final = 60
TICKET: Final = "t."
"""Begins every ticket; a full stop never occurs in a signed token."""
KEPT_SECONDS: Final = 86_400
"""How long a session's key outlives its last renewal; resume tokens live ten minutes."""

CONNECT, DISCONNECT, REVOKE, DENY = (
    (files("server") / f"lua/{name}.lua").read_text()
    for name in ("connect", "disconnect", "revoke", "deny")
)


class Store(Protocol):
    """What is needed of the broker; both raise Refused `unavailable`."""

    async def call(self, *args: Argument) -> Any:
        """Send one command."""

    async def run(self, source: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script."""


class Sessions:
    """What is known of each publisher's sessions, so that a reconnect touches Redis only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def issue_ticket(self, claims: Claims) -> str:
        """Give a ticket that connects once, within a minute, with these claims."""
        ticket = secrets.token_urlsafe(18)
        await self._store.call("SET", f"ticket:{ticket}", claims.packed(), "EX", TICKET_SECONDS)
        return TICKET + ticket

    async def redeem(self, ticket: str) -> Claims:
        """Give the claims of a ticket and use it up; Refused `expired` when it is not there."""
        key = f"ticket:{ticket.removeprefix(TICKET)[:64]}"
        data: bytes | None = await self._store.call("GETDEL", key)
        try:
            return Claims.unpacked(data or b"")
        except (ValueError, TypeError, msgpack.UnpackException):
            raise Refused("expired", "This ticket was used, or is too old.") from None

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
        answer: list[bytes] = await self._store.run(CONNECT, [_key(publisher)], args)
        word = answer[0]
        if word == b"revoked":
            raise Closed(CloseCode.SESSION_REVOKED, "signed out")
        if word == b"denied":
            raise Closed(CloseCode.DENIED, "not admitted")
        if word == b"limit":
            raise Closed(CloseCode.CONNECTION_LIMIT, f"at most {most} connections")

    async def close(self, publisher: str, session: str, holder: str) -> None:
        """Count a connection down, unless a newer one has taken its session over."""
        await self._store.run(DISCONNECT, [_key(publisher)], [session, holder])

    async def revoke(self, publisher: str, version: int) -> None:
        """Void the sessions of a publisher below a version, resume tokens included."""
        await self._store.run(REVOKE, [_key(publisher)], [version, KEPT_SECONDS])

    async def deny(self, publisher: str, until: int) -> None:
        """Refuse connections of a publisher until a time in ms; 0 lifts it."""
        await self._store.run(DENY, [_key(publisher)], [until, KEPT_SECONDS])


def _key(publisher: str) -> str:
    return f"session:{publisher}"
