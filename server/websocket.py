"""The WebSocket protocol class given to uvicorn: no ASGI task and no scope for a connection."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

from server.gate import Gate, Session
from server.handshake import (
    Refusal,
    Upgrade,
    accepted,
    check_target,
    check_upgrade,
    negotiate,
    read_head,
)
from server.log import Log
from server.websocket_frames import (
    ABNORMAL,
    BINARY,
    CLOSE,
    FAIL,
    PING,
    PONG,
    TEXT,
    FrameReader,
    close_code,
    close_frame,
    frame,
    pong_frame,
)

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

log = Log(__name__)

CLOSE_SECONDS = 5.0
"""How long a close may take before the connection is aborted."""
LINGER_SECONDS = 2.0
"""How long a refused peer may go on sending, so that no reset overtakes what it was told."""
DRAINING = 4001
INTERNAL_ERROR = 1011


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket, from the head of its handshake to the end of its transport.

    uvicorn makes it for every upgrade, hands it the transport and the head. To its session it is
    the socket: `fd`, `open`, `paused`, `subprotocol`, `send`, `close`, `abort`. While `open` and
    not `paused` the transport's buffer is empty, so that `os.write(fd, …)` keeps the order.
    """

    __slots__ = (
        "_connections",
        "_gate",
        "_pong",
        "_reader",
        "_session",
        "_timer",
        "_transport",
        "_waiting",
        "fd",
        "open",
        "paused",
        "subprotocol",
    )

    _transport: asyncio.Transport

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        """Be made by uvicorn."""
        self._connections = cast("set[Any]", server_state.connections)
        self._gate: Gate | None = app_state.get("gateway")
        self._waiting = True
        """For the head of the handshake."""
        self._reader: FrameReader | None = None
        """None where bytes are thrown away."""
        self._session: Session | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pong: bytes | None = None
        """The answer to the latest ping that came while paused."""
        self.fd = -1
        self.open = False
        self.paused = False
        self.subprotocol = ""

    def send(self, data: bytes) -> None:
        """Write ready-made frames, or the rest of one after a short write."""
        if self.open:
            self._transport.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; what does not end in 5 s is aborted."""
        if not self.open:
            return
        self._leave(code)
        self._abort_after(CLOSE_SECONDS)
        self._transport.write(close_frame(code, reason))

    def abort(self) -> None:
        """Drop the connection and what is still to be written."""
        self._leave(ABNORMAL)
        self._transport.abort()

    def begin(self, request: Upgrade, rest: bytes) -> None:
        """Take a head that was read already, and what follows it."""
        self._waiting = False
        self._answer(request, rest)

    def shutdown(self) -> None:
        """Close because the server ends; uvicorn calls this and waits for the end."""
        self.close(DRAINING, "draining")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport."""
        self._transport = transport = cast(asyncio.Transport, transport)
        # uvicorn does this after the head was handled: a write that is short before it would
        # tell the HTTP protocol, not us, that the buffer is no longer empty.
        transport.set_protocol(self)
        self.paused = transport.get_write_buffer_size() > 0
        transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("socket")
        self.fd = peer.fileno()
        if type(transport).__module__ != "uvloop.loop" and peer.family != socket.AF_UNIX:
            # asyncio does it only for some ways of making the listening socket.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the transport ends."""
        self._leave(ABNORMAL)
        self._connections.discard(self)
        self._reader = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def eof_received(self) -> bool:
        """Close: a peer that ends without a close frame is gone."""
        self._leave(ABNORMAL)
        self._abort_after(CLOSE_SECONDS)
        return False

    def pause_writing(self) -> None:
        """Learn that the write buffer is no longer empty."""
        self.paused = True
        # A peer that does not read must not make us buffer the answers to what it sends.
        self._transport.pause_reading()
        if self._session is not None:
            self._session.on_paused()

    def resume_writing(self) -> None:
        """Learn that the write buffer is empty again."""
        self.paused = False
        self._transport.resume_reading()
        if self._pong is not None:
            pong, self._pong = self._pong, None
            self.send(pong)
        if self._session is not None and not self.paused:
            self._session.on_resumed()

    def data_received(self, data: bytes) -> None:
        """Take the head, then frames."""
        if self._reader is not None:
            for opcode, payload in self._reader.feed(data):
                if opcode in (TEXT, BINARY):
                    self._deliver(payload, opcode == TEXT)
                else:
                    self._control(opcode, payload)
        elif self._waiting:
            self._waiting = False
            self._shake_hands(data)

    def _shake_hands(self, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        request = read_head(head + end, peer_of(self._transport))
        if isinstance(request, Refusal):
            self._refuse(request)
        else:
            self._answer(request, rest)

    def _answer(self, request: Upgrade, rest: bytes) -> None:
        subprotocol = self._judge(request)
        if isinstance(subprotocol, Refusal):
            self._refuse(subprotocol)
            return
        assert self._gate is not None
        self._reader = FrameReader(self._gate.max_frame)
        self.subprotocol = subprotocol
        self.open = True
        self._transport.write(accepted(request, subprotocol))
        self._open_session(self._gate, request)
        if rest:
            self.data_received(rest)

    def _judge(self, request: Upgrade) -> str | Refusal:
        """Give the subprotocol of a request that may become a WebSocket."""
        if self._gate is None:
            return Refusal.of(503, "unavailable", "The server is starting.", retry_after="1")
        try:
            return (
                check_target(request, self._gate.path)
                or self._gate.admit(request)
                or check_upgrade(request)
                or negotiate(request)
            )
        except Exception as error:
            log.error("handshake.failed", error=error)
            return Refusal.of(500, "internal", "This is our mistake.")

    def _open_session(self, gate: Gate, request: Upgrade) -> None:
        try:
            session = gate.accept(self, request)
        except Exception as error:
            log.error("session.failed", at="start", error=error)
            self.close(INTERNAL_ERROR, "internal")
            return
        if not self.open:
            session.on_closed(ABNORMAL)
            return
        self._session = session
        if self.paused:
            session.on_paused()

    def _deliver(self, payload: bytes, is_text: bool) -> None:
        if self._session is None:
            return
        try:
            self._session.on_frame(payload, is_text)
        except Exception as error:
            log.error("session.failed", at="frame", error=error)
            self.close(INTERNAL_ERROR, "internal")

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PONG:
            if self._session is not None:
                self._session.on_pong()
        elif opcode == PING:
            if self.paused:
                self._pong = pong_frame(payload)
            else:
                self.send(pong_frame(payload))
        elif opcode == CLOSE:
            self._answer_close(close_code(payload))
        elif opcode == FAIL:
            self._fail(payload)

    def _answer_close(self, code: int) -> None:
        answer = self.open
        self._leave(code)
        if answer:
            self._transport.write(close_frame(code))
        self._reader = None
        self._abort_after(CLOSE_SECONDS)
        self._transport.close()

    def _fail(self, payload: bytes) -> None:
        answer = self.open
        self._leave(close_code(payload))
        if answer:
            self._transport.write(frame(CLOSE, payload))
        self._linger()

    def _refuse(self, refusal: Refusal) -> None:
        self._transport.write(refusal.encode())
        if refusal.status in (429, 503):
            # These come in floods, which must not hold descriptors.
            self._abort_after(LINGER_SECONDS)
            self._transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """End our side and throw away what comes until the peer ends its own."""
        self._reader = None
        self._abort_after(LINGER_SECONDS)
        if not self._transport.is_closing():
            self._transport.write_eof()

    def _leave(self, code: int) -> None:
        """Tell the session that it is over, once, while the descriptor is still ours."""
        self.open = False
        session, self._session = self._session, None
        if session is not None:
            try:
                session.on_closed(code)
            except Exception as error:
                log.error("session.failed", at="end", error=error)
        self.fd = -1

    def _abort_after(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)


def peer_of(transport: asyncio.BaseTransport) -> str:
    """Give the address at the other end; empty for a Unix socket."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""
