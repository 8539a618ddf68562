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
from server.topology import SLOTS, Topology
from web.cli.findings import Finding, good, wrong
from web.cli.paths import MIGRATIONS
from web.cli.redis_nodes import at, client_of, topology_of

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
    """Judge version, role, persistence, eviction and speed, of each node on a Cluster."""
    url = settings.redis_url
    servers = {"redis": url}
    async with client_of(url) as client:
        try:
            topology = await topology_of(client, url)
            if topology is not None:
                yield await _cluster(client, topology)
                servers = {f"redis {node}": at(url, node) for node in sorted(topology.nodes)}
        except (RedisError, OSError) as error:
            yield wrong("redis", f"cannot be used: {error}")
            return
    for about, address in servers.items():
        async with client_of(address) as client:
            try:
                async for finding in _server(about, client):
                    yield finding
            except (RedisError, OSError) as error:
                yield wrong(about, f"cannot be used: {error}")


async def _server(about: str, client: Redis) -> AsyncIterator[Finding]:
    info = await client.info("everything")
    yield _redis_version(about, info)
    yield _role(about, info)
    yield await _persistence(about, client, info)
    yield _eviction(about, info)
    yield await _speed(about, client.ping)


async def _cluster(client: Redis, topology: Topology) -> Finding:
    without = topology.owners.count(None)
    if without:
        return wrong("redis", f"a Cluster in which nobody serves {without} of {SLOTS} slots")
    with suppress(RedisError):
        name = "cluster-require-full-coverage"
        if (await client.config_get(name)).get(name) == "yes":
            return wrong(
                "redis",
                f"{name} is yes: when one node is away all others refuse too; set it to no",
            )
    return good("redis", f"a Cluster of {len(topology.nodes)} nodes")


async def clocks(settings: Settings) -> AsyncIterator[Finding]:
    """Compare the clock of this machine with those that answer: the rest was told already."""
    sql = "SELECT extract(epoch FROM clock_timestamp()) * 1000"
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(settings.database_url, timeout=5, command_timeout=5)
        try:
            yield await _clock("database", lambda: connection.fetchval(sql))
        finally:
            await connection.close(timeout=5)
    async with client_of(settings.redis_url) as client:

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


def _redis_version(about: str, info: dict[str, Any]) -> Finding:
    is_valkey = "valkey_version" in info
    text = str(info.get("valkey_version") or info.get("redis_version") or "0")
    oldest = OLDEST_VALKEY if is_valkey else OLDEST_REDIS
    shown = f"{'Valkey' if is_valkey else 'Redis'} {text}"
    if tuple(int(part) for part in text.split(".")[:2]) < oldest:
        return wrong(about, f"{shown} is too old; {oldest[0]}.{oldest[1]} or newer is needed")
    return good(about, shown)


def _role(about: str, info: dict[str, Any]) -> Finding:
    if info.get("role") not in ("master", "primary"):
        return wrong(about, "it is a replica; REDIS_URL has to be the primary")
    return good(about, "it is the primary")


async def _persistence(about: str, client: Redis, info: dict[str, Any]) -> Finding:
    if not info.get("aof_enabled"):
        return wrong(
            about,
            "appendonly is off: a restart loses messages that are not yet in the database; "
            "set `appendonly yes` and `appendfsync everysec`",
        )
    try:
        fsync = (await client.config_get("appendfsync")).get("appendfsync")
    except RedisError:
        return good(about, "appendonly is on (appendfsync is not told)")
    if fsync == "no":
        return wrong(about, "appendfsync is no; set it to everysec")
    return good(about, f"appendonly is on, appendfsync {fsync}")


def _eviction(about: str, info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        return wrong(
            about,
            f"maxmemory-policy is {policy}: under pressure messages would vanish silently; "
            "set it to noeviction",
        )
    return good(about, "maxmemory-policy is noeviction")


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
