"""A process full of buyers: `python -m … SEED DSN REDIS PRODUCT VARIANT SECONDS`, told what it got.

They reserve, repeat themselves, let go, pay at once, late and twice, cancel and get refunds. Each
line of the output is what was acknowledged: [reservation, state of its order].
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from rooms.shop.orders import actions as orders
from rooms.shop.rules import HoldState
from rooms.shop.stock import actions
from rooms.shop.stock.rules import Wanted
from server.context import Context, Viewer
from server.errors import Refused
from server.settings import Settings
from web.resources import opened

LATER = {"unavailable", "sold_out", "limit_reached", "too_late", "not_found", "expired"}


class Buyer:
    """One person after another, who do what people do."""

    def __init__(self, ctx: Context, rng: random.Random, product: str, variant: str) -> None:
        self._ctx = ctx
        self._rng = rng
        self._product = product
        self._variant = variant

    async def once(self) -> None:
        rng, ctx = self._rng, self._ctx
        person = Viewer(f"g{rng.randrange(10**15):016d}", "Ken", 10)
        wanted = Wanted(self._product, self._variant, rng.choice((1, 1, 2)), f"k{rng.random()}")
        await actions.reserve(ctx, person, wanted)
        held, _ = await actions.reserve(ctx, person, wanted)
        if held.state is not HoldState.HELD:
            return
        what = rng.random()
        if what < 0.2:
            return
        await actions.save(ctx, self._product, held.id)
        if what < 0.5:
            await actions.release(ctx, held.id, person.id, product_id=self._product)
            if what < 0.35:
                return
        paid = await asyncio.gather(
            *(orders.settle(ctx, held.id, "paid", "p") for _ in range(rng.choice((1, 2))))
        )
        told = paid[0]
        if told is not None and rng.random() < 0.3:
            told = await orders.settle(ctx, held.id, "refunded", "p", True)
        if told is not None:
            print(json.dumps([held.id, told.state]), flush=True)


async def main(seed: str, dsn: str, url: str, product: str, variant: str, seconds: str) -> None:
    settings = Settings.for_tests(database_url=dsn, redis_url=url)
    rng = random.Random(int(seed))
    async with opened(settings, listen=False) as ctx:
        buyer = Buyer(ctx, rng, product, variant)
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + float(seconds)

        async def go_on() -> None:
            while time.monotonic() < end:
                try:
                    await buyer.once()
                except Refused as refused:
                    assert refused.code in LATER, refused.code
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(go_on() for _ in range(3)))
    print("done", flush=True)


asyncio.run(main(*sys.argv[1:]))
