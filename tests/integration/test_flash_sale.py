"""A flash sale by the time of the server, whatever the clocks of buyers say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from rooms.shop.rules import Reservation
from rooms.shop.stock import actions
from server.errors import Refused
from server.settings import Settings
from tests.integration.market import Market, market

USUAL, CHEAP = 1000, 800
STARTS, ENDS, OVER = 0.3, 0.6, 0.9
"""Seconds from the beginning of the test."""
FIVE_MINUTES = 300
DEADLINE = 20.0


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[Market]:
    async with market(settings) as opened:
        yield opened


async def test_nobody_buys_at_the_price_before_or_after_whatever_their_clock_says(
    shop: Market,
) -> None:
    cup = await shop.product(1_000_000, price=USUAL)
    begins = shop.ctx.broker.redis_time
    sale = await shop.sale(cup, CHEAP, 500_000, starts=STARTS, ends=ENDS)
    window = await shop.ctx.db.one(
        "SELECT (extract(epoch FROM starts_at) * 1000)::bigint AS starts,"
        " (extract(epoch FROM ends_at) * 1000)::bigint AS ends FROM sales WHERE id = $1",
        int(sale),
    )
    assert window is not None
    starts, ends = window["starts"], window["ends"]
    held: list[Reservation] = []
    refusals: Counter[tuple[int, str]] = Counter()
    deadline = time.monotonic() + DEADLINE

    number = 0
    while not held or held[-1].at < begins + OVER * 1000:
        assert time.monotonic() < deadline
        for skew in (-FIVE_MINUTES, 0, FIVE_MINUTES, None):
            # Somebody whose page believes another time sees another price; None asks for any.
            seen = None
            if skew is not None:
                believed = shop.ctx.broker.redis_time + skew * 1000
                seen = CHEAP if starts <= believed < ends else USUAL
            number += 1
            buyer = shop.town.guest(f"Ken {number}")
            try:
                held.append(
                    (await actions.reserve(shop.ctx, buyer, shop.wanted(cup, price=seen)))[0]
                )
            except Refused as refused:
                assert refused.code == "expired"
                assert refused.details["price"] in (USUAL, CHEAP)
                refusals[skew or 0, refused.code] += 1

    wrong = [h for h in held if (h.price == CHEAP) != (starts <= h.at < ends)]
    assert wrong == []
    assert {h.price for h in held} == {USUAL, CHEAP}
    assert {h.sale_id for h in held if h.price == CHEAP} == {sale}
    assert {h.sale_id for h in held if h.price == USUAL} == {None}
    # During the sale a page that is late or early still showed the usual price.
    assert refusals[-FIVE_MINUTES, "expired"] and refusals[FIVE_MINUTES, "expired"]


async def test_a_page_that_is_early_does_not_get_the_price_before_it_begins(shop: Market) -> None:
    cup = await shop.product(5, price=USUAL)
    await shop.sale(cup, CHEAP, 5, starts=FIVE_MINUTES, ends=2 * FIVE_MINUTES)

    with pytest.raises(Refused) as early:
        await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup, price=CHEAP))

    assert (early.value.code, early.value.details["price"]) == ("expired", USUAL)


async def test_a_page_that_is_late_does_not_get_the_price_after_it_has_ended(shop: Market) -> None:
    cup = await shop.product(5, price=USUAL)
    await shop.sale(cup, CHEAP, 5, starts=-2 * FIVE_MINUTES, ends=-FIVE_MINUTES)

    with pytest.raises(Refused) as late:
        await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup, price=CHEAP))

    assert (late.value.code, late.value.details["price"]) == ("expired", USUAL)


async def test_a_price_fixed_in_the_sale_stays_when_it_is_over(shop: Market) -> None:
    cup = await shop.product(5, price=USUAL)
    sale = await shop.sale(cup, CHEAP, 5)
    ken = shop.town.guest("Ken")
    wish = shop.wanted(cup, price=CHEAP)
    held, _ = await actions.reserve(shop.ctx, ken, wish)

    await shop.ctx.db.run("UPDATE sales SET ends_at = now() WHERE id = $1", int(sale))
    await shop.changed(cup)

    again, _ = await actions.reserve(shop.ctx, ken, wish)
    assert (again.id, again.price) == (held.id, CHEAP)
    other, _ = await actions.reserve(shop.ctx, shop.town.guest("Aoi"), shop.wanted(cup))
    assert other.price == USUAL
