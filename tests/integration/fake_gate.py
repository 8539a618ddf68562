"""A gate and sessions that only write down what happens, behind a real uvicorn on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from server.entrance import Doorway
from server.handshake import Refusal, Upgrade
from server.websocket import WebSocketProtocol
from server.websocket_frames import binary_frame, text_frame

DEADLINE = 10.0


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; TimeoutError when it does not within the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class FakeSession:
    """Echoes messages and keeps all that it is told."""

    def __init__(self, gate: FakeGate, socket: WebSocketProtocol, request: Upgrade) -> None:
        self.gate, self.socket, self.request = gate, socket, request
        self.fd = socket.fd
        self.received: list[tuple[bytes, bool]] = []
        self.log: list[str] = []
        self.pongs = 0
        self.closed: list[int] = []
        self.alive_at_close = False

    def on_frame(self, data: bytes, is_text: bool) -> None:
        self.received.append((data, is_text))
        if data == b"raise":
            raise RuntimeError("asked for")
        if self.gate.echo:
            self.socket.send(text_frame(data) if is_text else binary_frame(data))

    def on_pong(self) -> None:
        self.pongs += 1

    def on_paused(self) -> None:
        self.log.append("paused")

    def on_resumed(self) -> None:
        self.log.append("resumed")

    def on_closed(self, code: int) -> None:
        self.closed.append(code)
        self.log.append("closed")
        self.alive_at_close = os.fstat(self.fd) is not None and self.socket.fd == self.fd


class FakeGate:
    """Admits everybody, or refuses with `refusal`."""

    path = "/v1/live"

    def __init__(self, *, max_frame: int = 100_000, echo: bool = True) -> None:
        self.max_frame = max_frame
        self.echo = echo
        self.refusal: Refusal | None = None
        self.fault: str = ""
        self.asked: list[Upgrade] = []
        self.sessions: list[FakeSession] = []

    def admit(self, request: Upgrade) -> Refusal | None:
        self.asked.append(request)
        if self.fault == "admit":
            raise RuntimeError("asked for")
        return self.refusal

    def accept(self, socket: WebSocketProtocol, request: Upgrade) -> FakeSession:
        if self.fault == "accept":
            raise RuntimeError("asked for")
        session = FakeSession(self, socket, request)
        self.sessions.append(session)
        return session


class Running:
    """A started server."""

    def __init__(self, server: uvicorn.Server, gate: FakeGate, port: int) -> None:
        self.server, self.gate, self.port = server, gate, port
        self.url = f"ws://127.0.0.1:{port}/v1/live"

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    async def session(self) -> FakeSession:
        """Wait for the newest connection's session."""
        await eventually(lambda: self.gate.sessions)
        return self.gate.sessions[-1]


class App:
    """Puts the gate into the lifespan state, and answers HTTP when it is let go."""

    def __init__(self, gate: FakeGate | None) -> None:
        self.gate = gate
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            if self.gate is not None:
                scope["state"]["gateway"] = self.gate
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await self.go.wait()
        body = b"hello"
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def running(
    gate: FakeGate, *, app: App | None = None, http: Any = None, sndbuf: int = 0
) -> AsyncIterator[Running]:
    """Serve the gate on a free port of loopback."""
    listener = socket.socket()
    if sndbuf:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app or App(gate),
        http=http or Doorway(),
        ws=WebSocketProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        backlog=1024,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    try:
        yield Running(server, gate, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 15)


class RawClient:
    """A TCP client that sends exactly what it is told."""

    def __init__(self, port: int, *, rcvbuf: int = 0) -> None:
        self.socket = socket.socket()
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.setblocking(False)
        self.port = port
        self.buffer = b""

    async def __aenter__(self) -> RawClient:
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(DEADLINE):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self, size: int) -> bytes:
        """Read exactly so much."""
        async with asyncio.timeout(DEADLINE):
            while len(self.buffer) < size:
                part = await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
                if not part:
                    raise EOFError(self.buffer)
                self.buffer += part
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    async def rest(self) -> bytes:
        """Read until the end of the stream."""
        async with asyncio.timeout(DEADLINE):
            while part := await asyncio.get_running_loop().sock_recv(self.socket, 65_536):
                self.buffer += part
        return self.buffer

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read one HTTP response with its body."""
        async with asyncio.timeout(DEADLINE):
            while b"\r\n\r\n" not in self.buffer:
                part = await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
                if not part:
                    raise EOFError(self.buffer)
                self.buffer += part
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        body = await self.receive(int(headers.get("content-length", "0")))
        return int(first.split(" ")[1]), headers, body


def request(
    target: str = "/v1/live", *more: str, method: str = "GET", protocol: str = "hiroba.v1.json"
) -> bytes:
    """Give the head of a handshake."""
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {protocol}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()
