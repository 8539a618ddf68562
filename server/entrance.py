"""What a connection meets first: a plain handshake is a WebSocket at once, all else is HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from server.deadlines import Deadlines
from server.handshake import read_plain_head
from server.http_protocol import HEAD_SECONDS, HttpProtocol
from server.websocket import WebSocketProtocol, peer_of

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState


class Doorway:
    """Given to uvicorn (`http=…`) in place of a protocol class: it makes an entrance of each.

    A full HTTP parser with all that belongs to a request costs several times what a WebSocket
    itself does. Only the handshakes that browsers and libraries really send are read without it:
    whatever is unusual in a head, refusals included, goes the long way, so there is one answer.
    """

    def __init__(self, head_seconds: float = HEAD_SECONDS) -> None:
        """Let whoever says nothing at all wait for `head_seconds`."""
        self.silent: Final[Deadlines[Entrance]] = Deadlines(head_seconds, _close)

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Entrance:
        """Give the protocol of a new connection."""
        return Entrance(self, config, server_state, app_state)


class Entrance(asyncio.Protocol):
    """A connection of which nothing has been read yet."""

    __slots__ = ("_app_state", "_config", "_doorway", "_state", "transport")

    transport: asyncio.Transport

    def __init__(
        self,
        doorway: Doorway,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        """Be made by the doorway."""
        self._doorway = doorway
        self._config = config
        self._state = server_state
        self._app_state = app_state

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport and wait."""
        self.transport = cast(asyncio.Transport, transport)
        cast("set[Any]", self._state.connections).add(self)
        self._doorway.silent.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that nobody comes in."""
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Choose who reads this and all that follows."""
        self._leave()
        transport = self.transport
        head = read_plain_head(data, peer_of(transport))
        if head is not None:
            socket = WebSocketProtocol(self._config, self._state, self._app_state)
            socket.connection_made(transport)
            socket.begin(*head)
        else:
            http = HttpProtocol(self._config, self._state, self._app_state)
            http.connection_made(transport)
            transport.set_protocol(http)
            http.data_received(data)

    def shutdown(self) -> None:
        """Close because the server ends; uvicorn calls this."""
        self.transport.close()

    def _leave(self) -> None:
        cast("set[Any]", self._state.connections).discard(self)
        self._doorway.silent.discard(self)


def _close(entrance: Entrance, due: float) -> None:
    if not entrance.transport.is_closing():
        entrance.transport.close()
