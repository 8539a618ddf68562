"""One connection's life: commands in one after another, replies in order, one end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from server import opening, reading
from server.commands import Answer
from server.context import Viewer
from server.errors import Closed, Refused
from server.hot_list import Seat
from server.log import Log
from server.product import Command as Handler
from server.protocol import BadCommand, CloseCode, Command, Encoding, decode, refusal, reply
from server.publication import Publication
from server.websocket_frames import frame

if TYPE_CHECKING:
    from server.gateway import Gateway
    from server.identity import Claims
    from server.websocket import WebSocketProtocol

CONNECT_SECONDS: Final = 5.0
LATE_SECONDS: Final = 0.25
"""A loop that is so late may not blame others."""
TRY_AGAIN_LATER: Final = 1013
"""The standard's code for a server that cannot now: clients come back."""

_ENCODINGS: Final = {encoding.value: encoding for encoding in Encoding}

log = Log(__name__)


class Connection:
    """The session behind a socket, and a reader of the hub."""

    __slots__ = (
        "_inbox",
        "_resumed",
        "_task",
        "address",
        "answered",
        "bearer",
        "encoding",
        "gateway",
        "number",
        "publisher",
        "seats",
        "session",
        "socket",
        "viewer",
    )

    def __init__(
        self,
        gateway: Gateway,
        socket: WebSocketProtocol,
        number: int,
        address: str,
        bearer: Claims | None,
    ) -> None:
        """Wait for `connect`; `bearer` are the claims of the handshake."""
        self.gateway = gateway
        self.socket = socket
        self.number = number
        self.address = address
        self.bearer = bearer
        self.encoding = _ENCODINGS[socket.subprotocol]
        self.viewer: Viewer | None = None
        """Who is behind it; None until `connect` was answered."""
        self.publisher: str | None = None
        self.session = ""
        self.seats: dict[str, Seat] = {}
        self.answered = True
        """Whether something came since the last ping."""
        # Not a deque: an empty one takes half a kilobyte, in every connection that is idle.
        self._inbox: list[Command | BadCommand] = []
        self._task: asyncio.Task[None] | None = None
        self._resumed: asyncio.Event | None = None
        gateway.newcomers.add(self)

    # What a product's command may use.

    def find(self, channel: str, key: str) -> list[Publication]:
        """Give the publications with a key that this process still remembers, oldest first."""
        return self.gateway.hub.find(channel, key)

    def subscribed(self, channel: str) -> bool:
        """Tell whether this connection reads a channel."""
        return channel in self.seats

    # What the socket tells.

    def on_frame(self, data: bytes, is_text: bool) -> None:
        """Take one message: a command, which waits for those before it."""
        self.answered = True
        settings = self.gateway.ctx.settings
        if is_text is not (self.encoding is Encoding.JSON):
            self.end(CloseCode.MALFORMED, "text carries JSON, binary carries msgpack")
            return
        command: Command | BadCommand
        try:
            command = decode(
                data,
                self.encoding,
                max_size=settings.max_frame,
                max_nesting=settings.max_nesting,
            )
        except BadCommand as bad:
            if bad.id is None:
                self.end(CloseCode.MALFORMED, bad.message)
                return
            command = bad
        if len(self._inbox) >= settings.max_waiting:
            self.end(CloseCode.RATE, f"more than {settings.max_waiting} commands wait")
            return
        self._inbox.append(command)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def on_pong(self) -> None:
        """Know that the peer is there."""
        self.answered = True

    def on_paused(self) -> None:
        """Leave the lists until the peer has read what is written."""
        self.gateway.pause(self)

    def on_resumed(self) -> None:
        """Come back to the lists."""
        if self._resumed is not None:
            self._resumed.set()
        self.gateway.resume(self)

    def on_closed(self, code: int) -> None:
        """Leave everything, while the descriptor is still ours."""
        self._inbox.clear()
        self.never_end()
        if self._resumed is not None:
            self._resumed.set()
        self.gateway.forget(self, code)

    # What others do with it.

    def send(self, payload: bytes) -> None:
        """Write one message to the peer."""
        self.socket.send(frame(self.encoding.opcode, payload))

    def end(self, code: int, reason: str = "") -> None:
        """Leave every list and close."""
        self.socket.close(code, reason)

    def never_end(self) -> None:
        """Let no time limit hold any longer."""
        self.gateway.newcomers.discard(self)
        self.gateway.expiring.discard(self)

    def expire(self, due: float) -> None:
        """Close: the session was not refreshed in time."""
        self.end(CloseCode.TOKEN_EXPIRED, "the session was not refreshed")

    def miss_connect(self, due: float) -> None:
        """Close a connection that said nothing until then, unless that is our fault."""
        if asyncio.get_running_loop().time() - due > LATE_SECONDS:
            # The loop was held up, and what it has not read yet may be just what is missed.
            self.gateway.newcomers.add(self)
        else:
            self.end(CloseCode.NO_CONNECT, "connect comes first, within 5 s")

    async def _work(self) -> None:
        """Carry out what waits in the inbox, and end with it."""
        try:
            while self._inbox and self.socket.open:
                # A peer that does not read gets no more answers to buffer.
                if self.socket.paused:
                    self._resumed = asyncio.Event()
                    await self._resumed.wait()
                    self._resumed = None
                else:
                    await self._carry_out(self._inbox.pop(0))
        finally:
            self._task = None

    async def _carry_out(self, command: Command | BadCommand) -> None:
        id = command.id or 0
        answer = None
        try:
            if isinstance(command, BadCommand):
                raise command
            answer = await self._answer(command)
            # From here to the end nothing waits: no push of a channel may precede its reply.
            payload, done = reply(self.encoding, id, answer.ok), True
            self.gateway.outcomes["ok"] += 1
        except Closed as closed:
            self.end(closed.code, closed.reason)
            return
        except Exception as error:
            refused = self._refused(command, error)
            payload, done = refusal(self.encoding, id, refused), False
            # The words are ours, so there are not many.
            self.gateway.outcomes[refused.code] += 1
        self.send(payload)
        if answer is not None and answer.then is not None:
            answer.then(done and self.socket.open)

    def _refused(self, command: Command | BadCommand, error: Exception) -> Refused:
        """Give what the peer is told of an error."""
        if isinstance(error, Refused):
            refused = error
        else:
            name = command.name if isinstance(command, Command) else ""
            log.error("command.failed", command=name, error=error)
            refused = Refused("internal", "Something went wrong on our side.")
        if self.viewer is None:
            if refused.code in ("internal", "unavailable"):
                # Not connected for a reason of ours: after the reply it may try again later.
                asyncio.get_running_loop().call_soon(self.end, TRY_AGAIN_LATER, refused.code)
            elif self.socket.open:
                self.gateway.newcomers.add(self)
        return refused

    async def _answer(self, command: Command) -> Answer:
        if self.viewer is None and command.name != "connect":
            raise Closed(CloseCode.NO_CONNECT, "connect comes first")
        own = OWN_COMMANDS.get(command.name)
        if own is not None:
            return await own(self, command.args)
        handler: Handler | None = self.gateway.product.commands.get(command.name)
        if handler is None:
            raise Refused("unknown_command", f"There is no command {command.name}.")
        assert self.viewer is not None
        ok = await handler(self.gateway.ctx, self.viewer, command.args, self)
        return Answer(ok)


OWN_COMMANDS = {
    "connect": opening.connect,
    "session.refresh": opening.refresh,
    "subscribe": reading.subscribe,
    "unsubscribe": reading.unsubscribe,
    "history": reading.history,
}
