"""Stands between one process and Redis, and holds back what either says when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

Side = Literal["up", "down"]
"""To Redis, or from it."""
PIECE: Final = 65_536


class Proxy:
    """Passes bytes on in both directions; what is held when it ends is never passed on."""

    def __init__(self, redis_url: str) -> None:
        """Lead to this Redis."""
        parts = urlsplit(redis_url)
        self._path = unquote(parts.path) if parts.scheme == "unix" else ""
        self._address = (parts.hostname or "127.0.0.1", parts.port or 6379)
        database = parse_qs(parts.query).get("db", ["0"])[0] if self._path else parts.path[1:] or 0
        user = parts.netloc.rpartition("@")[0]
        self._form = f"redis://{user}{'@' if user else ''}127.0.0.1:%d/{database}"
        self._open = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        for event in self._open.values():
            event.set()

    def hold(self, side: Side) -> None:
        """Pass nothing on in this direction any more."""
        self._open[side].clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either end closes it."""
        if self._path:
            there, back = await asyncio.open_unix_connection(self._path)
        else:
            there, back = await asyncio.open_connection(*self._address)
        pumps = [
            asyncio.create_task(self._pump("up", reader, back)),
            asyncio.create_task(self._pump("down", there, writer)),
        ]
        self._tasks.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._tasks.difference_update(pumps)
            for end in (writer, back):
                end.transport.abort()

    async def _pump(
        self, side: Side, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(PIECE):
                await self._open[side].wait()
                target.write(data)
                await target.drain()

    def cut(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()


@asynccontextmanager
async def proxied(redis_url: str) -> AsyncIterator[Proxy]:
    """Listen on a free port of this machine; `url` is what a process is given as REDIS_URL."""
    proxy = Proxy(redis_url)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    proxy.url = proxy._form % server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await asyncio.sleep(0)
