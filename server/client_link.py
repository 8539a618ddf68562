"""One connection of a client: commands out, replies to their callers, pushes to a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, Protocol, Self, cast
from urllib.parse import urlsplit, urlunsplit

import msgpack
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from server.client_position import retried
from server.errors import Closed, Refused
from server.log import Log

log = Log(__name__)

MAX_PUSH: Final = 1 << 24
"""Bytes of the largest push or reply that is taken."""
NO_CONNECTION: Final = 1006
REFUSED: Final = 4500
"""The code that stands for a handshake which was refused for good."""
TICKET: Final = "t."
"""How a one-use ticket begins: it cannot be verified in the handshake, so an Origin is needed."""
LOST: Final = "The connection was lost before the answer: it may have happened or not."

Push = Mapping[str, Any]


class Retry(Closed):
    """An end that names the seconds to wait before the next try."""

    def __init__(self, code: int, reason: str, wait: float) -> None:
        """Keep a wait of at most five minutes."""
        super().__init__(code, reason)
        self.wait = min(wait, 300.0)


class Socket(Protocol):
    """What a link writes to and reads from, as `websockets` has it."""

    @property
    def close_code(self) -> int | None:
        """How it was closed; None while it is open."""

    @property
    def close_reason(self) -> str | None:
        """Why it was closed."""

    async def send(self, message: bytes, *, text: bool | None = None) -> None:
        """Send one message."""

    async def recv(self, decode: Literal[False]) -> bytes:
        """Wait for one message; raises ConnectionClosed."""

    async def close(self) -> None:
        """Close and wait for the end."""


class Link:
    """An open connection. `run` reads it; its end fails the calls that wait."""

    def __init__(self, socket: Socket, is_text: bool, on_push: Callable[[Push], None]) -> None:
        """Be made by `open`."""
        self.max_frame = 0
        """The most bytes a command may have, once the server has told it."""
        self._socket = socket
        self._is_text = is_text
        self._on_push = on_push
        self._calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._over = False

    @classmethod
    async def open(
        cls, url: str, *, encoding: str, token: str, origin: str, on_push: Callable[[Push], None]
    ) -> Self:
        """Shake hands; raises Closed, or Retry where the server answered with HTTP."""
        signed = bool(token) and not token.startswith(TICKET)
        headers = {"Authorization": f"Bearer {token}"} if signed else {}
        try:
            socket = await connect(
                url,
                subprotocols=[Subprotocol(f"hiroba.v1.{encoding}")],
                additional_headers=headers,
                origin=None if signed else Origin(origin),
                compression=None,
                max_size=MAX_PUSH,
                proxy=None if _is_local(url) else True,
            )
        except InvalidStatus as refused:
            status = refused.response.status_code
            after = refused.response.headers.get("Retry-After", "")
            raise Retry(
                NO_CONNECTION if retried(status) else REFUSED,
                f"the handshake was refused with {status}",
                float(after) if after.isdecimal() else 0.0,
            ) from None
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise Closed(NO_CONNECTION, f"{type(error).__name__}: {error}") from None
        return cls(socket, encoding == "json", on_push)

    async def call(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command and wait for its reply; raises Refused."""
        self._last_id += 1
        id = self._last_id
        data = self._encode({"id": id, "cmd": command, "args": args})
        if self.max_frame and len(data) > self.max_frame:
            raise Refused("too_large", f"A command has at most {self.max_frame} bytes.")
        if self._over:
            raise lost()
        future = asyncio.get_running_loop().create_future()
        self._calls[id] = future
        try:
            await self._socket.send(data, text=self._is_text)
            return cast("dict[str, Any]", await future)
        except ConnectionClosed:
            raise lost() from None
        finally:
            self._calls.pop(id, None)
            if future.done() and not future.cancelled():
                # It may have been failed by `run` while sending failed too: nobody waits for it.
                future.exception()

    async def run(self) -> Closed:
        """Read until the connection ends, and give how it ended."""
        try:
            await self._read()
            code, reason = self._socket.close_code, self._socket.close_reason
            return Closed(code or NO_CONNECTION, reason or "")
        finally:
            self._over = True
            for future in self._calls.values():
                if not future.done():
                    future.set_exception(lost())

    async def close(self) -> None:
        """Close and wait for the end."""
        await self._socket.close()

    def take(self, data: bytes) -> None:
        """Take one message of the server: a push, or the reply that a call waits for."""
        value = self.decode(data)
        if "ch" in value:
            self._on_push(value)
            return
        future = self._calls.get(value["id"])
        if future is None or future.done():
            return
        if "error" in value:
            future.set_exception(refused_by(value["error"]))
        else:
            future.set_result(value["ok"])

    def decode(self, data: bytes) -> Any:
        """Read a message in the encoding of the connection."""
        return orjson.loads(data) if self._is_text else msgpack.unpackb(data)

    async def _read(self) -> None:
        """Take messages until the connection ends."""
        with suppress(ConnectionClosed):
            while True:
                self.take(await self._socket.recv(decode=False))

    def _encode(self, command: Mapping[str, Any]) -> bytes:
        return orjson.dumps(command) if self._is_text else cast(bytes, msgpack.packb(command))


def lost() -> Refused:
    """Make the exception of a call whose answer nobody knows: `answered` is False in it."""
    return Refused("unavailable", LOST, answered=False)


def refused_by(error: Mapping[str, Any]) -> Refused:
    """Make the exception of a reply's `error`."""
    known = ("code", "message", "retry_after")
    details = {name: value for name, value in error.items() if name not in known}
    return Refused(
        error["code"], error.get("message", ""), retry_after=error.get("retry_after"), **details
    )


def addresses(url: str) -> tuple[str, str]:
    """Give the WebSocket's address and the origin for a server's address of any form."""
    scheme, host, path, query, _ = urlsplit(url)
    secure = scheme in ("https", "wss")
    if not host or scheme not in ("http", "https", "ws", "wss"):
        raise ValueError(f"not the address of a server: {url!r}")
    path = path if path not in ("", "/") else "/v1/live"
    live = urlunsplit(("wss" if secure else "ws", host, path, query, ""))
    return live, f"{'https' if secure else 'http'}://{host}"


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
