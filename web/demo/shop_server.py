"""Runs the example shop beside the demo, on a loopback port of its own, and connects it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from rooms.shop.webhooks.actions import new_secret
from server.context import Context
from server.database import statements
from web.demo.shop import Secrets, Shop, app

SQL = statements(__package__)


@contextlib.asynccontextmanager
async def example_shop(ctx: Context, hiroba: str) -> AsyncIterator[str]:
    """Serve the shop, as the community's own unless the owner has named another; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    await connect(ctx, url)

    async def known() -> Secrets:
        return await secrets_of(ctx)

    shop = Shop(hiroba, known)
    server = _Quiet(
        uvicorn.Config(app(shop), log_config=None, access_log=False, lifespan="off", ws="none")
    )
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield url
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await shop.close()
        listener.close()


async def connect(ctx: Context, url: str) -> None:
    """Enter the shop's addresses as its owner would, in place of those of an earlier start."""
    async with ctx.db.transaction() as tx:
        await tx.run(SQL.name_example_shop, f"{url}/checkout", [new_secret()])
        if await tx.run(SQL.move_example_hook, f"{url}/hook") == "UPDATE 0":
            await tx.run(SQL.add_example_hook, f"{url}/hook", [new_secret()])


async def secrets_of(ctx: Context) -> Secrets:
    """Read what the owner would have handed over."""
    row = await ctx.db.one(SQL.example_secrets)
    if row is None:
        return Secrets((), ())
    return Secrets(tuple(row["shared"] or ()), tuple(row["endpoint"] or ()))


class _Quiet(uvicorn.Server):
    """Leaves signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield
