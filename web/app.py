"""The application of a gateway: its resources, opened by the lifespan, and its URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from starlette.applications import Starlette

from server.database import Database
from server.settings import Settings
from web.health import Check
from web.routes import routes


def create_app(settings: Settings) -> Starlette:
    """Make the application; DATABASE_URL and REDIS_URL have to be known by now."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            yield await _open(settings, stack)

    return Starlette(routes=routes, lifespan=lifespan)


async def _open(settings: Settings, stack: AsyncExitStack) -> dict[str, Any]:
    """Open everything, closed again by the stack in reverse order; gives the lifespan state."""
    db = await Database.connect(settings.database_url, size=settings.database_pool)
    stack.push_async_callback(db.close)
    redis: Redis = Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    stack.push_async_callback(redis.aclose)
    checks: dict[str, Check] = {
        "database": lambda: db.value("SELECT 1"),
        "redis": lambda: redis.ping(),
    }
    return {"settings": settings, "db": db, "redis": redis, "checks": checks}
