"""What a load balancer is told."""

from __future__ import annotations

import asyncio

import httpx

from server.migrate import migrate
from server.settings import Settings
from tests.servers import MIGRATIONS, Own
from tests.serving import serving
from web.app import create_app


async def test_a_gateway_with_its_servers_is_ready(settings: Settings) -> None:
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert ready.status_code == 200
    assert ready.json()["database"] == ready.json()["redis"] == "ok"


async def back(client: httpx.AsyncClient, name: str) -> None:
    """Wait until a dependency answers again."""
    async with asyncio.timeout(20):
        while True:
            if (await client.get("/readyz")).json()[name] == "ok":
                return
            await asyncio.sleep(0.05)


async def test_each_dependency_that_is_away_is_named(own_servers: Own) -> None:
    settings = Settings.for_tests(
        database_url=own_servers.postgres.dsn(), redis_url=own_servers.valkey.url
    )
    await migrate(settings.database_url, MIGRATIONS)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        own_servers.kill(own_servers.valkey)
        without_redis = await client.get("/readyz")
        own_servers.valkey.start()
        await back(client, "redis")
        own_servers.freeze(own_servers.postgres)
        without_database = await client.get("/readyz")
        own_servers.thaw(own_servers.postgres)

    assert (without_redis.status_code, without_redis.json()["redis"]) == (503, "failing")
    assert without_redis.json()["database"] == "ok"
    assert (without_database.status_code, without_database.json()["database"]) == (503, "failing")
    assert without_database.json()["redis"] == "ok"
