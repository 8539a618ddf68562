"""The application of a gateway: its resources, opened by the lifespan, and its URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from moderation import sanctions, screening
from rooms.community.reads import CommunityCache
from server.context import Context, Viewer
from server.errors import Refused
from server.gateway import Gateway
from server.log import Log
from server.settings import Settings
from web.errors import HANDLERS
from web.health import Check
from web.middleware import Bounded, Cautious, WhoAsks
from web.product import Product
from web.resources import opened
from web.routes import routes

log = Log(__name__)


def create_app(settings: Settings) -> Starlette:
    """Make the application; DATABASE_URL and REDIS_URL have to be known by now."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            try:
                ctx = await stack.enter_async_context(opened(settings, listen=True))
                await warm(ctx)
                gateway = await Gateway.open(ctx, Product())
            except Refused as refused:
                log.error("gateway.not_started", problem=refused.message)
                # What is behind it fills a screen and says no more.
                raise Refused(refused.code, refused.message) from None
            stack.push_async_callback(gateway.close)
            yield {
                "settings": settings,
                "ctx": ctx,
                "gateway": gateway,
                "keyring": gateway.keyring,
                "checks": checks(ctx, gateway),
            }

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(Cautious, secure=settings.secure),
            Middleware(WhoAsks),
            Middleware(Bounded),
        ],
    )


async def warm(ctx: Context) -> None:
    """Read what judging anybody needs, so that readers who come back need no Postgres here."""
    await screening.standing(ctx, Viewer(), None)
    await sanctions.address_hash(ctx, "192.0.2.1")
    await ctx.of(CommunityCache).get()


def checks(ctx: Context, gateway: Gateway) -> dict[str, Check]:
    """Name what this process cannot serve without, each with a way to find out."""

    async def live() -> None:
        problems = gateway.problems()
        if problems:
            raise Refused("unavailable", "; ".join(problems.values()))

    return {
        "database": lambda: ctx.db.value("SELECT 1"),
        "redis": lambda: ctx.broker.call("PING"),
        "live": live,
    }
