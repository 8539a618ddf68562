"""Opens what a process of ours works with: database, Redis, broker; one Context for all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from rooms.adoption import PostgresAdoption
from server.broker import Broker
from server.context import Context
from server.database import Database
from server.redis_wire import urls_of
from server.settings import Settings


@asynccontextmanager
async def opened(settings: Settings, *, listen: bool) -> AsyncIterator[Context]:
    """Give the context of a process, closed in reverse order at the end.

    A gateway listens to the other processes; a worker, the command line and the demo's people
    only publish. Its clock is that of Redis, so that one machine with a wrong clock mutes nobody
    longer and voids no token. Raises Refused("unavailable") while the database or Redis is away.
    """
    async with AsyncExitStack() as stack:
        db = await Database.connect(settings.database_url, size=settings.database_pool)
        stack.push_async_callback(db.close)
        redis: Redis = Redis.from_url(
            urls_of(settings.redis_url)[0], socket_timeout=5, socket_connect_timeout=5
        )
        stack.push_async_callback(redis.aclose)

        def redis_time() -> int:
            return broker.redis_time

        adoption = PostgresAdoption(db, redis_time)
        broker = await Broker.open(settings, clock=redis_time, adoption=adoption, listen=listen)
        stack.push_async_callback(broker.close)
        # The same clock, by a shorter way: it is read several times for every comment.
        clock = broker.redis_clock
        yield Context(settings=settings, db=db, redis=redis, broker=broker, clock=clock)
