"""Who may open a connection at all: judged from the handshake alone, before it is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from server.addresses import client_address, prefix
from server.context import Context
from server.errors import Refused
from server.handshake import Refusal, Upgrade
from server.identity import Claims, Keyring
from server.rate_limit import LocalBuckets

BEARER: Final = "bearer"
"""How programs, which send no Origin, carry any signed token; a ticket would need Redis."""


class Visitor(NamedTuple):
    """Who may come in."""

    address: str
    """The client's, after trusted proxies."""
    bearer: Claims | None
    """What the token of the handshake says."""


class Admission:
    """The order is fixed: room in this process, the address, then Host and Origin."""

    def __init__(self, ctx: Context, keyring: Keyring, now: Callable[[], float]) -> None:
        self._ctx = ctx
        self._keyring = keyring
        self._now = now
        self._hosts = ctx.settings.hosts
        self._origins = ctx.settings.origins
        self._buckets = LocalBuckets(ctx.settings.connect_rate)
        self._judged: tuple[Upgrade, Visitor] | None = None
        """Who was let in last."""

    def judge(
        self, request: Upgrade, *, full: bool = False, leaving: bool = False
    ) -> Refusal | None:
        """Give the HTTP answer that refuses a handshake, or None."""
        if leaving:
            text = "This server hands over to another one."
            return Refusal.of(503, "unavailable", text, retry_after="1")
        if full:
            return Refusal.of(503, "unavailable", "This server is full.", retry_after="5")
        address = self._address(request)
        wait = self._buckets.take(prefix(address), self._now() * 1000)
        if wait:
            seconds = str(-(-wait // 1000))
            return Refusal.of(
                429, "rate_limited", "Too many connections from here.", retry_after=seconds
            )
        headers = request.headers
        if headers.get("host", "").lower() not in self._hosts:
            return Refusal.of(403, "forbidden", "This server has another name.")
        bearer = None
        if "authorization" in headers:
            bearer = self._bearer(headers["authorization"])
            if bearer is None:
                return Refusal.of(403, "unauthenticated", "This token is not valid.")
        origin = headers.get("origin")
        if origin is None and bearer is None:
            return Refusal.of(403, "forbidden", "Without Origin a bearer token is needed.")
        if origin is not None and origin not in self._origins:
            return Refusal.of(403, "forbidden", "Pages of this origin may not connect.")
        self._judged = request, Visitor(address, bearer)
        return None

    def visitor(self, request: Upgrade) -> Visitor:
        """Give who comes in by a handshake, which most likely was judged just now."""
        if self._judged is not None and self._judged[0] is request:
            return self._judged[1]
        authorization = request.headers.get("authorization", "")
        return Visitor(self._address(request), self._bearer(authorization))

    def _bearer(self, authorization: str) -> Claims | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != BEARER:
            return None
        try:
            return self._keyring.verify(token.strip(), self._ctx.clock())
        except Refused:
            return None

    def _address(self, request: Upgrade) -> str:
        forwarded = request.headers.get("x-forwarded-for", "")
        return client_address(request.peer, forwarded, self._ctx.settings.trusted_proxies)
