"""What is sold in a run: a product in the database, and what the database says of it at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

from loadtest.servers import Servers, new_member, new_room
from server.client import Client, Refused

CURRENCY: Final = "JPY"
PRICE: Final = 3960
LOOK_SECONDS: Final = 0.01
MOST_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True)
class Stall:
    """One product with one variant, sold in a room."""

    servers: Servers
    room: str
    host: str
    """The token of its host."""
    product: str
    variant: str
    stock: int

    def place(self) -> dict[str, object]:
        """Give the arguments of waiting for one."""
        what = {"product": self.product, "variant": self.variant, "room": self.room}
        return {**what, "quantity": 1}

    def wish(self, key: str) -> dict[str, object]:
        """Give the arguments of a reservation of one, at the price that is seen."""
        return {**self.place(), "key": key, "price": PRICE}

    async def query(self, sql: str, *args: object) -> list[Any]:
        """Ask the database over a connection of its own."""
        dsn = self.servers.environment["DATABASE_URL"]
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()


async def opened(servers: Servers) -> Stall:
    """Make a room and its host, who have nothing to sell yet."""
    room = await new_room(servers, "sale")
    return Stall(servers, room, await new_member(servers, "Host of the sale", "host"), "", "", 0)


async def stocked(
    stall: Stall, name: str, stock: int, hold_seconds: int, per_person: int | None = 1
) -> Stall:
    """Make a product of which one person may have so many, sold in the same room."""
    made = await stall.query(
        "WITH p AS (INSERT INTO products (title, currency, per_person, checkout, checkout_url,"
        " hold_seconds) VALUES ($1, $2, $3, 'address', 'http://127.0.0.1:9/checkout', $4)"
        " RETURNING id) INSERT INTO variants (product_id, price, total)"
        " SELECT id, $5, $6 FROM p RETURNING product_id, id",
        *(name, CURRENCY, per_person, hold_seconds, PRICE, stock),
    )
    product, variant = (str(value) for value in made[0])
    return replace(stall, product=product, variant=variant, stock=stock)


@dataclass(slots=True)
class Watch:
    """Looks at the stock again and again: one script takes each snapshot."""

    stall: Stall
    looks: int = 0
    away: int = 0
    """Looks that the server could not answer."""
    least_available: int = 0
    most_held: int = 0
    problems: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Look until cancelled; what does not add up is a problem."""
        self.least_available = self.stall.stock
        async with Client(self.stall.servers.urls[0], token=self.stall.host) as client:
            while True:
                with suppress(Refused):
                    self._judge(await self.look(client))
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self, client: Client) -> Mapping[str, Any]:
        """Take one snapshot of the variant."""
        try:
            seen = await client.call("stock.see", {"product": self.stall.product})
        except Refused:
            self.away += 1
            raise
        variant: Mapping[str, Any] = seen["variants"][self.stall.variant]
        return variant

    def _judge(self, seen: Mapping[str, Any]) -> None:
        self.looks += 1
        self.least_available = min(self.least_available, seen["available"])
        self.most_held = max(self.most_held, seen["held"])
        parts = seen["available"] + seen["held"] + seen["sold"]
        if parts != seen["total"] or seen["available"] < 0 or seen["sold"] > seen["total"]:
            self._problem(f"a snapshot does not add up: {dict(seen)}")

    def _problem(self, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text)
