"""A community that sells, for tests of the shop: products, buyers, time to wind on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
from redis.asyncio import Redis

from moderation.rules import Rank
from rooms.rules import Room
from rooms.shop.catalogue.reads import product
from rooms.shop.rules import Product, product_channel
from rooms.shop.stock import actions, reads
from rooms.shop.stock.rules import Snapshot, Wanted
from rooms.shop.stock.told import Teller
from rooms.worker import HANDLERS
from server.context import Viewer
from server.keys import keys_of, partition_of, tagged
from server.settings import Settings
from server.stream_apply import runs
from server.stream_entry import RawEntry
from tests.integration.world import World, world
from tests.servers import Shared

WIND = """
local product, holds, due = KEYS[1], KEYS[2], KEYS[3]
for _, id in ipairs(redis.call('ZRANGE', due, 0, -1)) do
  local hold = cmsgpack.unpack(redis.call('HGET', holds, id))
  hold['until'] = hold['until'] - ARGV[1]
  redis.call('HSET', holds, id, cmsgpack.pack(hold))
  redis.call('ZADD', due, hold['until'], id)
end
"""


class Market:
    """Shortcuts around a `World`."""

    def __init__(self, town: World, room: Room, host: Viewer) -> None:
        self.town = town
        self.ctx = town.ctx
        self.room = room
        self.host = host
        self._keys = 0

    async def product(self, *totals: int, price: int = 1000, **columns: Any) -> Product:
        """Make a product, with a variant for each total."""
        columns = {"title": "Cup", "currency": "JPY", **columns}
        places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        number = await self.ctx.db.value(
            f"INSERT INTO products ({', '.join(columns)}) VALUES ({places}) RETURNING id",
            *columns.values(),
        )
        for place, total in enumerate(totals or (3,)):
            await self.ctx.db.run(
                """INSERT INTO variants (product_id, place, title, code, price, total)
                   VALUES ($1, $2, $3, $3, $4, $5)""",
                number,
                place,
                f"v{place}" if place else "",
                price,
                total,
            )
        return await product(self.ctx.db, number)

    async def sale(
        self,
        of: Product,
        price: int,
        total: int,
        *,
        starts: float = -1,
        ends: float = 300,
        per_person: int | None = None,
    ) -> str:
        """Make a flash sale from and to so many seconds from now."""
        number = await self.ctx.db.value(
            """INSERT INTO sales (product_id, room_id, price, total, per_person, starts_at, ends_at)
               VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6),
                       now() + make_interval(secs => $7)) RETURNING id""",
            int(of.id),
            int(self.room.id),
            price,
            total,
            per_person,
            starts,
            ends,
        )
        await self.changed(of)
        return str(number)

    async def changed(self, of: Product) -> int:
        """Have Redis learn of what a test wrote into the tables."""
        await actions.touch(self.ctx.db, of.id)
        return await actions.mirror(self.ctx, of.id)

    def wanted(self, of: Product, quantity: int = 1, **changes: Any) -> Wanted:
        """Wish for the first variant of a product, under a key of its own."""
        self._keys += 1
        values = {
            "product_id": of.id,
            "variant_id": of.variants[0].id,
            "quantity": quantity,
            "key": f"key-{self._keys}",
            "room_id": self.room.id,
            **changes,
        }
        return Wanted(**values)

    async def stands(self, of: Product) -> Snapshot:
        """Give how the stock stands; the counters have to be what the holds add up to."""
        known = await reads.snapshot(self.ctx, of.id)
        assert known is not None
        for level in known.variants.values():
            assert level.counter == level.held
            assert level.available >= 0
            assert level.sold <= level.total
        return known

    async def wind_on(self, of: Product, seconds: float) -> None:
        """Let the time of all holds of a product pass; only then, without waiting."""
        channel = product_channel(of.id)
        names = [channel, f"{channel}:holds", f"{channel}:due"]
        await self.ctx.broker.script(channel, WIND, names, [int(seconds * 1000)])

    async def save(self, of: Product) -> None:
        """Apply what the log holds, as the worker does."""
        partition = partition_of(product_channel(of.id))
        log = tagged(partition, "log")
        raw = await self.ctx.broker.call("XRANGE", log, "-", "+")
        entries = [RawEntry.read(partition, id, fields).open() for id, fields in raw]
        async with self.ctx.db.transaction() as tx:
            for run in runs(entries):
                await HANDLERS[run[0].event](tx, run)
        if raw:
            await self.ctx.broker.call("XDEL", log, *(id for id, _ in raw))

    async def lose_redis(self) -> None:
        """Empty Redis."""
        await self.ctx.redis.flushall()

    async def restart_redis(self, of: Product) -> None:
        """Have the scripts meet what another run of Redis has left."""
        await self.ctx.broker.call(
            "HSET", keys_of(product_channel(of.id)).channel, "generation", "before"
        )

    async def begin(self) -> None:
        """Forget what was told before."""
        await self.ctx.of(Teller).settled()
        await self.ctx.db.run("DELETE FROM outbox")
        await self.ctx.db.run("DELETE FROM webhook_events")
        self.town.heard.clear()

    async def left(self, of: Product) -> tuple[int, int, int, int]:
        """Give available, held, sold and total of the first variant, on which both sides agree."""
        level = (await self.stands(of)).variants[of.variants[0].id]
        row = await self.ctx.db.one(
            "SELECT total, sold FROM variants WHERE id = $1", int(of.variants[0].id)
        )
        assert row is not None
        assert (row["total"], row["sold"]) == (level.total, level.sold)
        return level.available, level.held, level.sold, level.total

    async def states(self, of: Product) -> list[str]:
        """Give the states of the saved reservations of a product, in the order of their numbers."""
        rows = await self.ctx.db.all(
            "SELECT state FROM reservations WHERE product_id = $1 ORDER BY seq", int(of.id)
        )
        return [row["state"] for row in rows]

    async def notices(self) -> list[tuple[str, dict[str, Any]]]:
        """Give what single people were told, still in the outbox."""
        rows = await self.ctx.db.all("SELECT payload FROM outbox WHERE kind = 'notice' ORDER BY id")
        told = [msgpack.unpackb(row["payload"]) for row in rows]
        return [(who, msgpack.unpackb(body)) for _, who, body in told]

    async def outgoing(self) -> list[str]:
        """Give the kinds of what shops were told."""
        return [
            r["kind"]
            for r in await self.ctx.db.all("SELECT kind FROM webhook_events ORDER BY number")
        ]


@asynccontextmanager
async def shared_market(shared: Shared) -> AsyncIterator[Market]:
    """Open a community for a whole module; its tests take products of their own."""
    dsn = await shared.create()
    async with Redis.from_url(shared.redis_url) as client:
        await client.flushall()
    settings = Settings.for_tests(database_url=dsn, redis_url=shared.redis_url)
    try:
        async with market(settings) as opened:
            yield opened
    finally:
        await shared.drop(dsn)


@asynccontextmanager
async def market(settings: Settings) -> AsyncIterator[Market]:
    """Open a community with a live room and its host."""
    async with world(settings) as town:
        host = await town.member("Hana", Rank.HOST)
        room = await town.room("shop", "live")
        await town.showing(room, host)
        opened = Market(town, room, host)
        try:
            yield opened
        finally:
            await town.ctx.of(Teller).settled()
