"""What is told to all processes, as one gateway acts on it: revoked, denied, to be judged anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from server.connection import Connection
from server.context import Viewer
from server.errors import Refused
from server.protocol import CloseCode

if TYPE_CHECKING:
    from server.gateway import Gateway

MAX_REMEMBERED: Final = 10_000
"""Revocations and denials that are kept in memory."""


class Told:
    """Listens to control for a gateway, and remembers whom it may not let in."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._revoked: OrderedDict[str, int] = OrderedDict()
        self._denied: OrderedDict[str, int] = OrderedDict()

    def check(self, viewer: Viewer) -> CloseCode | None:
        """Tell why a viewer may not stay, from what was told lately."""
        publisher = viewer.id or ""
        if viewer.version < self._revoked.get(publisher, 0):
            return CloseCode.SESSION_REVOKED
        if self._denied.get(publisher, 0) > self._gateway.ctx.clock():
            return CloseCode.DENIED
        return None

    def on_control(self, body: dict[str, Any]) -> None:
        """Take what another process tells all; the product learns it too."""
        gateway = self._gateway
        # First, so that what is asked again below is not answered from before.
        self._do(lambda: gateway.product.on_control(gateway.ctx, body))
        kind, publisher = body.get("type"), body.get("publisher")
        if kind == "revoke" and isinstance(publisher, str):
            self._revoke(publisher, int(body.get("version", 0)))
        elif kind == "deny" and isinstance(publisher, str):
            self._deny(publisher, int(body.get("until", 0)))
        elif kind == "recheck":
            self._do(lambda: self._recheck(str(body.get("channel"))))
        elif kind == "load":
            gateway.relief.hear(body)
        elif kind == "secrets":
            self._do(gateway.reload_keys)

    def _do(self, chore: Callable[[], Awaitable[None]]) -> None:
        self._gateway.do(chore)

    def _revoke(self, publisher: str, version: int) -> None:
        if version > 0:
            known = max(version, self._revoked.get(publisher, 0))
            _remember(self._revoked, publisher, known)
            self._do(lambda: self._gateway.sessions.revoke(publisher, version))
        for connection in self._of_publisher(publisher):
            viewer = connection.viewer
            if viewer is not None and (version == 0 or viewer.version < version):
                connection.end(CloseCode.SESSION_REVOKED, "signed out")

    def _deny(self, publisher: str, until: int) -> None:
        _remember(self._denied, publisher, until)
        self._do(lambda: self._gateway.sessions.deny(publisher, until))
        if until > self._gateway.ctx.clock():
            for connection in self._of_publisher(publisher):
                connection.end(CloseCode.DENIED, "not admitted")

    async def _recheck(self, channel: str) -> None:
        gateway = self._gateway
        for reader in gateway.hub.audience(channel):
            if isinstance(reader, Connection) and reader.viewer is not None:
                try:
                    await gateway.product.open_channel(gateway.ctx, reader.viewer, channel)
                except Refused as refused:
                    if refused.code in ("not_found", "forbidden"):
                        # Whoever reads other channels comes back, and is refused this one only.
                        alone = len(reader.seats) == 1
                        code = CloseCode.FORBIDDEN if alone else CloseCode.POSITION_LOST
                        reader.end(code, channel)

    def _of_publisher(self, publisher: str) -> list[Connection]:
        readers = self._gateway.hub.of_publisher(publisher)
        return [reader for reader in readers if isinstance(reader, Connection)]


def _remember(known: OrderedDict[str, int], name: str, value: int) -> None:
    known[name] = value
    known.move_to_end(name)
    if len(known) > MAX_REMEMBERED:
        known.popitem(last=False)
