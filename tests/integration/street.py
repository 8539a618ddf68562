"""Whole gateways of the product, each behind a uvicorn of its own, over one community."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx
import uvicorn

from rooms.members import sessions, tokens
from rooms.rules import Room
from server.client import Client, Item, Passing, Received
from server.context import Viewer
from server.entrance import Doorway
from server.identity import Keyring
from server.settings import Rate, Settings
from server.websocket import WebSocketProtocol
from tests.integration.world import World, world
from web.app import create_app


@dataclass(frozen=True)
class Street:
    """A community and the addresses of its gateways."""

    world: World
    urls: list[str]
    keyring: Keyring

    async def token(self, viewer: Viewer) -> str:
        """Give a bearer token of a member."""
        return await tokens.bearer(self.world.ctx, self.keyring, viewer.id or "")

    async def guest(self, name: str, gateway: int = 0) -> str:
        """Take a guest's token over HTTP."""
        async with httpx.AsyncClient(base_url=self.urls[gateway]) as http:
            response = await http.post("/v1/guest", json={"name": name})
            return str(response.json()["token"])

    async def cookie(self, viewer: Viewer) -> str:
        """Sign a member in and give the cookie's value."""
        return await sessions.begin(self.world.ctx, int((viewer.id or "m0")[1:]))


class Watcher:
    """A client that keeps all it is given in one room."""

    def __init__(self, url: str, room: Room | str, **options: Any) -> None:
        feed = options.pop("feed", "full")
        position = options.pop("position", None)
        name = room if isinstance(room, str) else room.channel
        self.items: list[Item] = []
        self.client = Client(url, random=lambda: 0.0, **options)
        self.channel = self.client.channel(
            name, feed=feed, position=position, handler=self.items.append
        )

    async def __aenter__(self) -> Watcher:
        await self.client.open()
        try:
            await self.channel.subscribed()
        except BaseException:
            await self.client.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.close()

    @property
    def received(self) -> list[Received]:
        """What came with a place."""
        return [item for item in self.items if isinstance(item, Received)]

    @property
    def bodies(self) -> list[Any]:
        """The bodies of what came with a place; None where it was hidden."""
        return [item.body for item in self.received]

    @property
    def passing(self) -> list[Any]:
        """The bodies of what has no place."""
        return [item.body for item in self.items if isinstance(item, Passing)]


@asynccontextmanager
async def street(settings: Settings, gateways: int = 2, **changes: Any) -> AsyncIterator[Street]:
    """Open a community with so many gateways."""
    limits = {"connect_rate": Rate(10_000, 1000), **changes}
    async with AsyncExitStack() as stack:
        w = await stack.enter_async_context(world(settings, **limits))
        urls = [await stack.enter_async_context(_gateway(w.ctx.settings)) for _ in range(gateways)]
        yield Street(w, urls, await Keyring.load(w.db))


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    config = uvicorn.Config(
        create_app(replace(settings, port=port, public_url=url)),
        http=cast(Any, Doorway()),
        ws=WebSocketProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # `_serve` leaves the signals of the test run alone.
    task = asyncio.create_task(server._serve([listener]))
    async with asyncio.timeout(10):
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
    try:
        yield url
    finally:
        server.should_exit = True
        async with asyncio.timeout(15):
            await task
