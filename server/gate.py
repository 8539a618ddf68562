"""What the WebSocket protocol class asks of whoever runs the connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from server.handshake import Refusal, Upgrade
    from server.websocket import WebSocketProtocol


class Session(Protocol):
    """Who is behind an open connection; all calls come from the event loop and must not block."""

    def on_frame(self, data: bytes, is_text: bool) -> None:
        """Take one whole message; text is UTF-8."""

    def on_pong(self) -> None:
        """Learn that the peer answered a ping."""

    def on_paused(self) -> None:
        """Leave every hot list: the peer reads slower than it is written to."""

    def on_resumed(self) -> None:
        """Learn that all that was written has left for the peer."""

    def on_closed(self, code: int) -> None:
        """Leave every list, once; the descriptor begins to close only after this."""


class Gate(Protocol):
    """What decides about connections; the lifespan puts it into its state as "gateway"."""

    @property
    def path(self) -> str:
        """The one path that speaks WebSocket."""

    @property
    def max_frame(self) -> int:
        """The most bytes that a message of a client may have."""

    def admit(self, request: Upgrade) -> Refusal | None:
        """Refuse for the connection cap, the address or the origin; without I/O."""

    def accept(self, socket: WebSocketProtocol, request: Upgrade) -> Session:
        """Make the session of a connection whose handshake was just answered."""
