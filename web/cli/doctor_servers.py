"""What the doctor asks the database, Redis and the clocks."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.errors import HirobaError
from server.migrate import waiting
from server.settings import Settings
from web.cli.findings import Finding, good, wrong
from web.cli.paths import MIGRATIONS

OLDEST_POSTGRES, OLDEST_REDIS, OLDEST_VALKEY = 16, (7, 0), (7, 2)
SLOW_MS = 20.0
"""Median of a round trip above which every message is felt to be late."""
CLOCK_MS = 1000.0
"""By how much two clocks may differ."""
SPARE = 10
"""Connections that the database keeps for others."""


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Judge version, migrations, room for connections, speed, and what could not be saved."""
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=5, command_timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield wrong("database", f"cannot connect: {error}")
        return
    try:
        yield await _postgres_version(connection)
        yield await _migrations(settings)
        yield await _room(connection, settings)
        yield await _speed("database", lambda: connection.fetchval("SELECT 1"))
        async for finding in _left_behind(connection):
            yield finding
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        yield wrong("database", f"does not answer as it should: {error}")
    finally:
        await connection.close(timeout=5)


async def redis(settings: Settings) -> AsyncIterator[Finding]:
    """Judge version, role, persistence, eviction and speed."""
    async with Redis.from_url(
        settings.redis_url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True
    ) as client:
        try:
            info = await client.info("everything")
            yield _redis_version(info)
            yield _role(info)
            yield await _persistence(client, info)
            yield _eviction(info)
            yield await _speed("redis", client.ping)
        except (RedisError, OSError) as error:
            yield wrong("redis", f"cannot be used: {error}")


async def clocks(settings: Settings) -> AsyncIterator[Finding]:
    """Compare the clock of this machine with those that answer: the rest was told already."""
    sql = "SELECT extract(epoch FROM clock_timestamp()) * 1000"
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(settings.database_url, timeout=5, command_timeout=5)
        try:
            yield await _clock("database", lambda: connection.fetchval(sql))
        finally:
            await connection.close(timeout=5)
    async with Redis.from_url(settings.redis_url, socket_timeout=5) as client:

        async def now() -> float:
            seconds, microseconds = await client.time()
            return float(seconds) * 1000 + float(microseconds) / 1000

        with suppress(RedisError, OSError):
            yield await _clock("redis", now)


async def _postgres_version(connection: Any) -> Finding:
    version = connection.get_server_version()
    shown = f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
    if version.major < OLDEST_POSTGRES:
        return wrong("database", f"{shown} is too old; {OLDEST_POSTGRES} or newer is needed")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        return wrong(
            "database", f"{shown} is a read-only replica; DATABASE_URL has to be the primary"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        return wrong("database", f"its encoding is {encoding}; make one with ENCODING 'UTF8'")
    return good("database", shown)


async def _migrations(settings: Settings) -> Finding:
    try:
        left = await waiting(settings.database_url, MIGRATIONS)
    except HirobaError as error:
        return wrong("migrations", str(error))
    if left:
        return wrong("migrations", f"not applied: {', '.join(left)}; run `hiroba migrate`")
    return good("migrations", "all applied")


async def _room(connection: Any, settings: Settings) -> Finding:
    most = int(await connection.fetchval("SHOW max_connections"))
    needed = (settings.gateways + 1) * settings.database_pool + SPARE
    if most < needed:
        return wrong(
            "connections",
            f"max_connections is {most}, but {settings.gateways} gateways and a worker may use "
            f"{needed}; raise it or lower HIROBA_DATABASE_POOL",
        )
    return good("connections", f"{needed} of {most} at most")


async def _left_behind(connection: Any) -> AsyncIterator[Finding]:
    """Tell of entries that could not be saved and of announcements that were not carried out."""
    if await connection.fetchval("SELECT to_regclass('dead_letters') IS NULL"):
        return
    dead = await connection.fetchval("SELECT count(*) FROM dead_letters")
    if dead:
        last = await connection.fetchval("SELECT error FROM dead_letters ORDER BY at DESC LIMIT 1")
        yield wrong("dead letters", f"{dead} entries could not be saved; the last: {last}")
    late = await connection.fetchval(
        "SELECT count(*) FROM outbox WHERE created_at < now() - interval '1 minute'"
    )
    if late:
        yield wrong("outbox", f"{late} announcements are late; does the worker run?")


def _redis_version(info: dict[str, Any]) -> Finding:
    is_valkey = "valkey_version" in info
    text = str(info.get("valkey_version") or info.get("redis_version") or "0")
    oldest = OLDEST_VALKEY if is_valkey else OLDEST_REDIS
    shown = f"{'Valkey' if is_valkey else 'Redis'} {text}"
    if tuple(int(part) for part in text.split(".")[:2]) < oldest:
        return wrong("redis", f"{shown} is too old; {oldest[0]}.{oldest[1]} or newer is needed")
    return good("redis", shown)


def _role(info: dict[str, Any]) -> Finding:
    if info.get("role") not in ("master", "primary"):
        return wrong("redis", "it is a replica; REDIS_URL has to be the primary")
    return good("redis", "it is the primary")


async def _persistence(client: Redis, info: dict[str, Any]) -> Finding:
    if not info.get("aof_enabled"):
        return wrong(
            "redis",
            "appendonly is off: a restart loses messages that are not yet in the database; "
            "set `appendonly yes` and `appendfsync everysec`",
        )
    try:
        fsync = (await client.config_get("appendfsync")).get("appendfsync")
    except RedisError:
        return good("redis", "appendonly is on (appendfsync is not told)")
    if fsync == "no":
        return wrong("redis", "appendfsync is no; set it to everysec")
    return good("redis", f"appendonly is on, appendfsync {fsync}")


def _eviction(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        return wrong(
            "redis",
            f"maxmemory-policy is {policy}: under pressure messages would vanish silently; "
            "set it to noeviction",
        )
    return good("redis", "maxmemory-policy is noeviction")


async def _speed(about: str, ask: Callable[[], Awaitable[object]]) -> Finding:
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - begun) * 1000)
    median = statistics.median(took)
    if median > SLOW_MS:
        return wrong(about, f"a round trip takes {median:.0f} ms; put it nearer")
    return good(about, f"a round trip takes {median:.1f} ms")


async def _clock(about: str, ask: Callable[[], Awaitable[Any]]) -> Finding:
    """Compare with the middle of our own time before and after, so that the way does not count."""
    before = time.time()
    theirs = float(await ask())
    after = time.time()
    apart = theirs - (before + after) * 500
    if abs(apart) > CLOCK_MS + (after - before) * 500:
        ahead = "ahead of" if apart > 0 else "behind"
        return wrong("clock", f"{about} is {abs(apart) / 1000:.1f} s {ahead} this machine; use NTP")
    return good("clock", f"{about} differs by {abs(apart):.0f} ms")
