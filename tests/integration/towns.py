"""Gateways of the smallest product on a real Redis, each behind a real uvicorn on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import msgpack
import uvicorn

from server.broker import Broker
from server.client import Client, Item, Received
from server.connection import Connection
from server.context import Context, Viewer, system_clock
from server.entrance import Doorway
from server.gateway import Gateway
from server.identity import Claims
from server.settings import Rate, Settings
from server.websocket import WebSocketProtocol
from tests.integration import channels
from tests.integration.channels import ROOM, Known, line
from tests.integration.fake_gate import App, eventually
from tests.unit.fake_product import FakeProduct, SecretsTable


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, with patience for a busy machine."""
    await channels.until(condition, 60)


class TalkingProduct(FakeProduct):
    """Publishes what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.commands["line.say"] = self._publish

    async def _publish(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        placed = await ctx.broker.publish(
            line(
                args["text"],
                viewer.id or "",
                channel=args.get("channel", ROOM),
                rank=viewer.rank,
                client_message_id=args.get("client_message_id", ""),
            )
        )
        return {"epoch": placed.epoch, "offset": placed.offset}


class Town:
    """One gateway and the port it listens on."""

    def __init__(self, gateway: Gateway, broker: Broker, port: int, server: uvicorn.Server) -> None:
        self.gateway = gateway
        self.broker = broker
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def token(self, publisher: str, **claims: Any) -> str:
        """Give a signed token."""
        made = {"kind": "visitor", "expires": system_clock() + 600_000, "name": "Mana", **claims}
        return self.gateway.keyring.sign(Claims(publisher=publisher, **made))

    async def say(self, *texts: str, channel: str = ROOM) -> None:
        """Publish texts, one after another."""
        for text in texts:
            await self.broker.publish(line(text, "", channel=channel, gated=False))


@asynccontextmanager
async def town(
    redis_url: str,
    *,
    port: int = 0,
    sndbuf: int = 0,
    **limits: Any,
) -> AsyncIterator[Town]:
    """Open one gateway; several on the same port share it, as in production."""
    async with AsyncExitStack() as stack:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sndbuf:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        listener.bind(("127.0.0.1", port))
        port = listener.getsockname()[1]
        limits = {"connect_rate": Rate(10_000, 1000), **limits}
        settings = Settings.for_tests(redis_url=redis_url, port=port, **limits)
        broker = await Broker.open(settings, clock=system_clock, adoption=Known())
        stack.push_async_callback(broker.close)
        ctx = Context(settings, SecretsTable(), None, broker)  # type: ignore[arg-type]
        gateway = await Gateway.open(ctx, TalkingProduct())
        stack.push_async_callback(gateway.close)
        server = await _serve(stack, gateway, listener)
        yield Town(gateway, broker, port, server)


async def _serve(
    stack: AsyncExitStack, gateway: Gateway, listener: socket.socket
) -> uvicorn.Server:
    config = uvicorn.Config(
        App(gateway),  # type: ignore[arg-type]
        http=cast(Any, Doorway()),
        ws=WebSocketProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        backlog=1024,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))

    async def stop() -> None:
        server.should_exit = True
        await asyncio.wait_for(task, 15)

    stack.push_async_callback(stop)
    await eventually(lambda: server.started)
    return server


class Reader:
    """A client that keeps all that it is given on one channel."""

    def __init__(
        self, url: str, *, encoding: str = "json", feed: str = "full", **options: Any
    ) -> None:
        self.items: list[Item] = []
        # Coming back at once: nothing here is about pauses.
        self.client = Client(url, encoding=encoding, random=lambda: 0.0, **options)
        self.channel = self.client.channel(ROOM, feed=feed, handler=self.items.append)

    async def __aenter__(self) -> Reader:
        await self.client.open()
        await self.channel.subscribed()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.close()

    @property
    def received(self) -> list[Received]:
        return [item for item in self.items if isinstance(item, Received)]

    @property
    def texts(self) -> list[str]:
        return [item.body["text"] for item in self.received if item.body is not None]

    @property
    def offsets(self) -> list[int]:
        return [item.offset for item in self.received]

    @property
    def others(self) -> list[Item]:
        return [item for item in self.items if not isinstance(item, Received)]


def packed(**body: Any) -> bytes:
    """Pack a body."""
    return bytes(msgpack.packb(body))
