"""A light connection for thousands of viewers in one process: what all of them get is read once."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, Protocol, cast
from urllib.parse import SplitResult, urlsplit

import msgpack

from server.client import Closed, Link, Push, Retry, retried

NO_CONNECTION: Final = 1006
REFUSED: Final = 4500
HANDSHAKE_SECONDS: Final = 10.0
MAX_BUFFER: Final = 1 << 25
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


@lru_cache(maxsize=512)
def unpacked(data: bytes) -> Any:
    """Read a message; viewers of one room get the same bytes, so most are known already."""
    return msgpack.unpackb(data)


class Observer(Protocol):
    """Whoever wants to know what happens to a connection."""

    def replied(self, command: str, reply: Mapping[str, Any]) -> None:
        """Take the reply to a command."""

    def ended(self, closed: Closed) -> None:
        """Know how the connection ended."""


class ObservedLink(Link):
    """A link that tells an observer."""

    observer: Observer | None = None

    async def call(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command and wait for its reply; raises Refused."""
        reply = await super().call(command, args)
        if self.observer is not None:
            self.observer.replied(command, reply)
        return reply

    async def run(self) -> Closed:
        """Read until the connection ends, and give how it ended."""
        closed = await super().run()
        if self.observer is not None:
            self.observer.ended(closed)
        return closed


class LightLink(ObservedLink):
    """A link over an own protocol class; nothing waits in a queue between socket and channel."""

    def decode(self, data: bytes) -> Any:
        """Read a message that others may have read already."""
        return unpacked(data)

    @property
    def wire(self) -> Wire:
        """The connection under it."""
        assert isinstance(self._socket, Wire)
        return self._socket

    async def _read(self) -> None:
        self.wire.give(self.take)
        await self.wire.ended


async def open_light(
    url: str, *, encoding: str, token: str, origin: str, on_push: Callable[[Push], None]
) -> LightLink:
    """Shake hands, as `Link.open` does; msgpack alone, without TLS."""
    address = urlsplit(url)
    assert address.hostname is not None and address.port is not None
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, wire = await asyncio.get_running_loop().create_connection(
                Wire, address.hostname, address.port
            )
            status, after = await wire.shake(address, token, origin)
    except (OSError, TimeoutError) as error:
        raise Closed(NO_CONNECTION, f"{type(error).__name__}: {error}") from None
    if status != 101:
        wire.abort()
        code = NO_CONNECTION if retried(status) else REFUSED
        raise Retry(code, f"the handshake was refused with {status}", after)
    return LightLink(wire, encoding == "json", on_push)


class Wire(asyncio.Protocol):
    """The client's half of RFC 6455, for a server that we know; frames are not compressed."""

    def __init__(self) -> None:
        """Wait to be connected."""
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._shaken = False
        self._buffer = bytearray()
        self._parts = bytearray()
        self._take: Callable[[bytes], None] | None = None

    async def shake(self, url: SplitResult, token: str, origin: str) -> tuple[int, float]:
        """Ask for the socket; gives the status, and the seconds of Retry-After."""
        signed = bool(token) and not token.startswith("t.")
        who = f"Authorization: Bearer {token}" if signed else f"Origin: {origin}"
        lines = (
            f"GET {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: hiroba.v1.msgpack",
            who,
        )
        assert self._transport is not None
        try:
            self._transport.write("\r\n".join((*lines, "", "")).encode())
            head = (await self._head).decode("latin-1").split("\r\n")
        except BaseException:
            self.abort()
            raise
        after = [line[12:].strip() for line in head if line.lower().startswith("retry-after:")]
        seconds = float(after[0]) if after and after[0].isdecimal() else 0.0
        return int(head[0].split(" ")[1]), seconds

    def give(self, take: Callable[[bytes], None]) -> None:
        """Hand every message to `take` from now on."""
        self._take = take
        self._parse()

    async def send(self, message: bytes, *, text: bool | None = None) -> None:
        """Send one message."""
        self._frame(TEXT if text else BINARY, message)

    def put(self, message: bytes) -> None:
        """Send one binary message, together with all others of this turn of the loop."""
        self._frame(BINARY, message)

    async def recv(self, decode: Literal[False]) -> bytes:
        """Not offered: messages go to `give`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close, and wait a moment for the end."""
        self._frame(CLOSE, struct.pack(">H", 1000))
        try:
            async with asyncio.timeout(2):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """End without a word."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def port(self) -> int:
        """The port on this side; 0 when there is no connection any more."""
        name = None if self._transport is None else self._transport.get_extra_info("sockname")
        return name[1] if name else 0

    def stop_reading(self) -> None:
        """Leave what comes in the kernel's buffers."""
        assert self._transport is not None
        self._transport.pause_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes: first the answer to the handshake, then frames."""
        self._buffer += data
        if len(self._buffer) > MAX_BUFFER:
            self.abort()
        elif self._shaken:
            self._parse()
        else:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0 and not self._head.done():
                head = bytes(self._buffer[:end])
                del self._buffer[: end + 4]
                self._shaken = True
                self._head.set_result(head)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        if not self._head.done():
            self._head.set_exception(ConnectionResetError("lost in the handshake"))
        if not self.ended.done():
            self.ended.set_result(None)

    def _parse(self) -> None:
        """Take all whole frames that have come."""
        if self._take is None:
            return
        buffer, start = self._buffer, 0
        while len(buffer) - start >= 2:
            size, head = buffer[start + 1] & 0x7F, 2
            if size == 126:
                head = 4
                size = int.from_bytes(buffer[start + 2 : start + 4])
            elif size == 127:
                head = 10
                size = int.from_bytes(buffer[start + 2 : start + 10])
            end = start + head + size
            if end > len(buffer):
                break
            self._message(buffer[start], bytes(buffer[start + head : end]))
            start = end
        del buffer[:start]

    def _message(self, first: int, payload: bytes) -> None:
        code = first & 0x0F
        if code == PING:
            self._frame(10, payload)
        elif code == CLOSE:
            if self.close_code is None:
                self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                self.close_reason = payload[2:].decode(errors="replace")
                self._frame(CLOSE, payload[:2])
                if self._transport is not None:
                    self._transport.close()
        elif code < CLOSE and self._take is not None:
            if first & 0x80 and not self._parts:
                self._take(payload)
                return
            self._parts += payload
            if first & 0x80:
                whole, self._parts = bytes(self._parts), bytearray()
                self._take(whole)

    def _frame(self, code: int, payload: bytes) -> None:
        """Write a frame; its mask is zero, which leaves the payload as it is."""
        if self._transport is None or self._transport.is_closing():
            return
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | code, 0x80 | size))
        else:
            head = struct.pack(">BBH", 0x80 | code, 0x80 | 126, size)
        self._transport.write(head + b"\0\0\0\0" + payload)
