"""Eight processes sell the same few things; Redis loses its newest writes, one is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from rooms.rules import message_id
from rooms.shop.stock import actions, reads
from rooms.shop.stock.decide import decide
from rooms.worker import CONSUMERS, HANDLERS
from server.errors import Refused
from server.migrate import migrate
from server.settings import Settings
from server.stream_worker import StreamWorker
from tests.integration.channels import until
from tests.integration.faults import append_only_file, cut, start_again
from tests.integration.market import Market, market
from tests.servers import MIGRATIONS, Own

ROOT = Path(__file__).parents[2]
PROCESSES = 7
SECONDS = 4.0
PATIENCE = 40.0
"""Seconds, for a machine on which much else goes on."""


class Buyers:
    """One process of buyers, and what was acknowledged to them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[tuple[str, str]] = []
        self.is_done = False

    @classmethod
    async def start(cls, *args: object) -> Buyers:
        command = [sys.executable, "-m", "tests.integration.busy_buyer", *map(str, args)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
        return cls(process)

    async def ready(self) -> None:
        assert self.process.stdout is not None
        assert await self.process.stdout.readline() == b"ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line == b"done\n":
                self.is_done = True
            elif line.endswith(b"\n"):
                id, state = json.loads(line)
                self.told.append((id, state))
        await self.process.wait()


async def watch(shop: Market, product: str, seen: list[int]) -> None:
    """Take snapshots for as long as it is let: each one has to add up."""
    while True:
        with suppress(Refused):
            known = await reads.snapshot(shop.ctx, product)
            if known is not None:
                [level] = known.variants.values()
                assert level.held == level.counter
                assert level.available >= 0
                assert level.sold <= level.total
                seen.append(level.available)
        await asyncio.sleep(0.02)


async def upkeep(shop: Market) -> None:
    """Do what the worker does from time to time."""
    while True:
        with suppress(Refused):
            await actions.expire_all(shop.ctx)
            await actions.mirror_all(shop.ctx)
        await asyncio.sleep(0.3)


async def test_eight_processes_sell_what_there_is_and_no_more(own_servers: Own) -> None:
    dsn, url = own_servers.postgres.dsn(), own_servers.valkey.url
    await migrate(dsn, MIGRATIONS)
    settings = Settings.for_tests(database_url=dsn, redis_url=url)
    async with market(settings) as shop:
        cup = await shop.product(37, hold_seconds=5)
        args = (dsn, url, cup.id, cup.variants[0].id, SECONDS)
        crowd = await asyncio.gather(*(Buyers.start(n, *args) for n in range(PROCESSES)))
        await asyncio.gather(*(buyers.ready() for buyers in crowd))
        worker = StreamWorker(shop.ctx.settings, shop.ctx.db, HANDLERS, consumers=CONSUMERS)
        seen: list[int] = []
        beside = [
            asyncio.create_task(work)
            for work in (worker.run(), watch(shop, cup.id, seen), upkeep(shop))
        ]
        for buyers in crowd:
            buyers.go()
        listening = asyncio.gather(*(buyers.listen() for buyers in crowd))

        await until(lambda: sum(len(buyers.told) for buyers in crowd) >= 10, PATIENCE)
        crowd[0].process.kill()
        size = append_only_file(own_servers).stat().st_size
        count = len(seen)
        await until(lambda: len(seen) > count + 5, PATIENCE)
        own_servers.kill(own_servers.valkey)
        cut(own_servers, size)
        await start_again(own_servers, shop.ctx.broker)
        count = len(seen)
        await until(lambda: len(seen) > count + 5, PATIENCE)
        async with asyncio.timeout(60):
            await listening

        assert all(buyers.is_done for buyers in crowd[1:])
        assert all(not task.done() for task in beside)
        for task in beside[1:]:
            task.cancel()
        await asyncio.gather(*beside[1:], return_exceptions=True)
        await shop.wind_on(cup, 400)
        await actions.expire(shop.ctx, cup.id)
        await actions.mirror(shop.ctx, cup.id)
        await check(shop, crowd, cup.id)
        worker.stop()
        await beside[0]


async def check(shop: Market, crowd: list[Buyers], product: str) -> None:
    """Compare what was acknowledged with both sides, when nothing is held any more."""
    await decide(shop.ctx, "find", product, "")
    known = await reads.snapshot(shop.ctx, product)
    assert known is not None
    [level] = known.variants.values()
    row = await shop.ctx.db.one(
        """SELECT (SELECT sum(sold) FROM variants) AS sold,
               (SELECT sum(quantity) FROM orders WHERE state IN ('placed', 'paid')) AS ordered,
               (SELECT count(*) FROM orders) AS orders,
               (SELECT count(DISTINCT reservation_id) FROM orders) AS reservations,
               (SELECT count(*) FROM orders WHERE state = 'paid') AS paid"""
    )
    assert row is not None
    assert row["sold"] == row["ordered"] == level.sold <= 37
    assert (level.held, level.counter) == (0, 0)
    assert row["orders"] == row["reservations"]
    assert row["paid"] > 0
    found = await shop.ctx.db.all("SELECT reservation_id, state FROM orders")
    states = {message_id(each["reservation_id"]): each["state"] for each in found}
    for buyers in crowd:
        for id, state in buyers.told:
            # A refund of a process that was killed may not have been acknowledged any more.
            assert states[id] in {state, "refunded"}
    assert await shop.town.dead_letters() == []
