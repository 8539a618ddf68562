"""A scripted server of the live protocol: one channel whose publications a test sends or keeps."""

from __future__ import annotations

import asyncio
import http
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

EPOCH = 1_763_750_000_123
WINDOW = 1000


class FakeLive:
    """Holds `room:1` with offsets 1 to `top`; what it is asked stands in `commands`."""

    def __init__(self) -> None:
        self.top = 0
        self.epoch = EPOCH
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.handshakes: list[Request] = []
        self.connections: list[ServerConnection] = []
        self.status: list[int] = []
        """HTTP answers to the next handshakes."""
        self.errors: dict[str, list[dict[str, Any]]] = {}
        """Errors for the next commands of a name."""
        self.closes: list[int] = []
        """Close codes instead of answers to the next connects."""
        self.mute_posts = 0
        """How many of the next posts happen without an answer: the connection is lost."""
        self.posts: dict[str, dict[str, Any]] = {}
        self.expires_in = 600_000
        self.max_frame = 8192
        self.most = 300
        self.silent = asyncio.Event()
        self.silent.set()
        self.lets_in = asyncio.Event()
        """Set while `connect` is answered."""
        self.lets_in.set()
        self.open = 0

    def pub(self, offset: int) -> list[Any]:
        return [offset, 1000 + offset, {"event": "line.posted", "n": offset}]

    async def push(self, count: int, *, lose: bool = False) -> None:
        """Publish so many; `lose` keeps the push from everybody."""
        first, self.top = self.top + 1, self.top + count
        pubs = [self.pub(offset) for offset in range(first, self.top + 1)]
        message = {"epoch": self.epoch, "from": first, "to": self.top, "pubs": pubs}
        if not lose:
            await self.send({"ch": "room:1", **message})

    async def send(self, message: dict[str, Any]) -> None:
        for connection in self.connections:
            await self.write(connection, message)

    async def write(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        if connection.subprotocol == "hiroba.v1.json":
            await connection.send(orjson.dumps(message).decode())
        else:
            await connection.send(msgpack.packb(message))

    async def drop(self, code: int = 0) -> None:
        """Close every connection, without a close frame at code 0."""
        for connection in [*self.connections]:
            if code:
                await connection.close(code)
            else:
                connection.transport.abort()

    def since(self, args: dict[str, Any]) -> dict[str, Any]:
        """Answer `subscribe` and `history`."""
        offset = args.get("offset", 0)
        known = args.get("epoch") in (self.epoch, 0) and offset <= self.top
        recovered = known and offset >= self.top - WINDOW
        first = offset + 1 if recovered else max(1, self.top - 49)
        last = min(self.top, first + self.most - 1)
        reply = {"epoch": self.epoch if self.top else 0, "offset": last, "recovered": recovered}
        reply["pubs"] = [self.pub(each) for each in range(first, last + 1)]
        return reply | ({"more": True} if last < self.top else {})

    async def answer(self, connection: ServerConnection, name: str, args: dict[str, Any]) -> Any:
        if name == "connect":
            if self.closes:
                await connection.close(self.closes.pop(0))
            await self.lets_in.wait()
            room = {"room": {"id": "1"}, "you": {}}
            self.connections.append(connection)
            return {
                "session": "s",
                "rank": 10,
                "you": {"id": "m1", "name": "Mio"},
                "limits": {"frame": self.max_frame, "channels": 32, "text": 500},
                "time": 0,
                "resume": f"resume-{len(self.connections)}" if args.get("token") else None,
                "expires_in": self.expires_in if args.get("token") else None,
                "subscriptions": {
                    each["channel"]: {"ok": self.since(each) | room}
                    if each["channel"] == "room:1"
                    else {"error": {"code": "not_found", "message": "no"}}
                    for each in args["subscribe"]
                },
            }
        if name in ("subscribe", "history"):
            await self.silent.wait()
            return self.since(args)
        if name == "comment.post":
            ok = self.posts.get(args["client_message_id"])
            if ok is None:
                self.top += 1
                ok = {"id": f"id{self.top}", "epoch": self.epoch, "offset": self.top}
                self.posts[args["client_message_id"]] = ok
            if self.mute_posts:
                self.mute_posts -= 1
                connection.transport.abort()
            return ok
        if name == "session.refresh":
            return {"resume": "refreshed", "expires_in": 600_000, "rank": 10}
        return {"echo": args}

    async def serve(self, connection: ServerConnection) -> None:
        self.open += 1
        try:
            async for data in connection:
                load = orjson.loads if isinstance(data, str) else msgpack.unpackb
                command = load(data)
                name, args = command["cmd"], command["args"]
                self.commands.append((name, args))
                if self.errors.get(name):
                    answer = {"error": self.errors[name].pop(0)}
                else:
                    answer = {"ok": await self.answer(connection, name, args)}
                await self.write(connection, {"id": command["id"], **answer})
        except ConnectionClosed:
            pass
        finally:
            self.open -= 1
            if connection in self.connections:
                self.connections.remove(connection)

    def handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request)
        if self.status:
            status = http.HTTPStatus(self.status.pop(0))
            return connection.respond(status, "")
        return None

    def asked(self, name: str) -> list[dict[str, Any]]:
        """Give the arguments of all commands of this name."""
        return [args for each, args in self.commands if each == name]


@asynccontextmanager
async def live() -> AsyncIterator[tuple[FakeLive, str]]:
    """Serve on a free port of loopback; gives the address too."""
    fake = FakeLive()
    protocols = [Subprotocol("hiroba.v1.msgpack"), Subprotocol("hiroba.v1.json")]
    server: Server
    async with serve(
        fake.serve, "127.0.0.1", 0, subprotocols=protocols, process_request=fake.handshake
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield fake, f"http://127.0.0.1:{port}"
        finally:
            fake.silent.set()
            fake.lets_in.set()
