"""Waiting lists, flash sales, and a host who changes the stock while people hold it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from rooms.shop.rules import Product
from rooms.shop.stock import actions, commands, reads
from server.errors import Refused
from tests.integration.market import Market, shared_market
from tests.servers import Shared

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(shared_servers: Shared) -> AsyncIterator[Market]:
    async with shared_market(shared_servers) as market:
        yield market


@pytest_asyncio.fixture(loop_scope="module")
async def shop(opened: Market) -> Market:
    await opened.begin()
    return opened


async def sold_out(shop: Market, cup: Product) -> str:
    """Have somebody hold all there is; gives the id of that reservation."""
    total = sum(variant.total for variant in cup.variants)
    held, _ = await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup, total))
    return held.id


async def test_what_is_freed_goes_to_the_first_who_waits(shop: Market) -> None:
    cup = await shop.product(1)
    first = await sold_out(shop, cup)
    ann, bo = shop.town.guest("Ann"), shop.town.guest("Bo")

    places = [await actions.wait(shop.ctx, who, shop.wanted(cup)) for who in (ann, bo, ann)]
    await actions.release(shop.ctx, first, None, product_id=cup.id)
    with pytest.raises(Refused) as refused:
        await actions.reserve(shop.ctx, shop.town.guest("Eve"), shop.wanted(cup))
    await shop.save(cup)

    assert places == [1, 2, 1]
    assert refused.value.code == "sold_out"
    [(who, told)] = [n for n in await shop.notices() if n[1]["why"] == "offered"]
    assert who == ann.id
    offered = told["reservation"]
    assert offered["until"] - shop.ctx.broker.redis_time <= 120_000
    assert await shop.states(cup) == ["released", "held"]
    waits = await shop.ctx.db.all(
        "SELECT name, state FROM waiting WHERE product_id = $1 ORDER BY seq", int(cup.id)
    )
    assert [tuple(row) for row in waits] == [("Ann", "served"), ("Bo", "waiting")]
    assert (await shop.stands(cup)).variants[cup.variants[0].id].waiting == 1


async def test_an_offer_that_runs_out_goes_to_the_next(shop: Market) -> None:
    cup = await shop.product(1)
    first = await sold_out(shop, cup)
    ann, bo = shop.town.guest("Ann"), shop.town.guest("Bo")
    for who in (ann, bo):
        await actions.wait(shop.ctx, who, shop.wanted(cup))
    await actions.release(shop.ctx, first, None, product_id=cup.id)

    await shop.wind_on(cup, 121)
    await actions.expire(shop.ctx, cup.id)
    await shop.save(cup)

    held = await reads.of_person(shop.ctx, bo.id or "")
    assert [reservation.source for reservation, _ in held] == ["waiting"]
    assert await reads.of_person(shop.ctx, ann.id or "") == []


async def test_a_part_of_a_wish_is_offered_before_the_next_is_asked(shop: Market) -> None:
    cup = await shop.product(2)
    first = await sold_out(shop, cup)
    for name, quantity in (("Ann", 3), ("Bo", 1)):
        await actions.wait(shop.ctx, shop.town.guest(name), shop.wanted(cup, quantity))

    await actions.release(shop.ctx, first, None, product_id=cup.id)
    await shop.save(cup)

    rows = await shop.ctx.db.all(
        "SELECT name, quantity FROM reservations WHERE product_id = $1 AND state = 'held'",
        int(cup.id),
    )
    assert [tuple(row) for row in rows] == [("Ann", 2)]


async def test_who_leaves_the_list_is_not_asked(shop: Market) -> None:
    cup = await shop.product(1)
    first = await sold_out(shop, cup)
    ann = shop.town.guest("Ann")
    args = {"product": cup.id, "variant": cup.variants[0].id}
    await commands.wait(shop.ctx, ann, {**args, "quantity": 1, "room": shop.room.id})

    left = [(await commands.leave(shop.ctx, ann, args))["left"] for _ in range(2)]
    await actions.release(shop.ctx, first, None, product_id=cup.id)

    assert left == [True, False]
    assert await shop.left(cup) == (1, 0, 0, 1)


async def test_more_stock_serves_who_waits(shop: Market) -> None:
    cup = await shop.product(1)
    await sold_out(shop, cup)
    for name in ("Ann", "Bo"):
        await actions.wait(shop.ctx, shop.town.guest(name), shop.wanted(cup))

    await actions.set_total(shop.ctx, cup.id, cup.variants[0].id, 5)

    assert await shop.left(cup) == (2, 3, 0, 5)


async def test_less_stock_than_is_held_voids_the_newest(shop: Market) -> None:
    cup = await shop.product(5)
    people = [shop.town.guest(name) for name in ("Ann", "Bo", "Cy")]
    for who in people:
        await actions.reserve(shop.ctx, who, shop.wanted(cup))
    await shop.save(cup)

    reply = await commands.set_total(
        shop.ctx, shop.host, {"product": cup.id, "variant": cup.variants[0].id, "total": 1}
    )
    await shop.save(cup)

    assert reply["void"] == 2
    assert await shop.states(cup) == ["held", "void", "void"]
    told = [(who, body["why"]) for who, body in await shop.notices()]
    assert told == [(people[2].id, "lowered"), (people[1].id, "lowered")] or told == [
        (people[1].id, "lowered"),
        (people[2].id, "lowered"),
    ]
    assert await shop.left(cup) == (0, 1, 0, 1)


async def test_stock_is_the_hosts_to_set_and_never_below_what_is_sold(shop: Market) -> None:
    cup = await shop.product(5)
    args = {"product": cup.id, "variant": cup.variants[0].id, "total": 1}
    await shop.ctx.db.run("UPDATE variants SET sold = 2 WHERE product_id = $1", int(cup.id))

    codes = []
    for who, changes in (
        (shop.town.guest("Ken"), {}),
        (shop.host, {}),
        (shop.host, {"variant": "999"}),
        (shop.host, {"total": -1}),
    ):
        with pytest.raises(Refused) as refused:
            await commands.set_total(shop.ctx, who, {**args, **changes})
        codes.append(refused.value.code)

    assert codes == ["forbidden", "invalid", "not_found", "invalid"]
    seen = await commands.see(shop.ctx, shop.host, {"product": cup.id})
    assert seen["variants"][cup.variants[0].id] == {
        **{"total": 5, "sold": 2, "held": 0, "available": 3, "waiting": 0}
    }


async def test_nobody_buys_at_the_price_of_a_sale_before_or_after_it(shop: Market) -> None:
    cup = await shop.product(9)
    sale = await shop.sale(cup, 700, 9, starts=60, ends=120)
    ken = shop.town.guest("Ken")
    # What a client believes the time to be is not asked for: the script goes by that of Redis.
    shop.town.clock.shift = 90_000

    async def price(seen: int | None) -> int | str:
        try:
            held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup, price=seen))
        except Refused as refused:
            return f"{refused.code} {refused.details['price']}"
        return held.price

    async def moved(starts: float, ends: float) -> None:
        await shop.ctx.db.run(
            """UPDATE sales SET starts_at = now() + make_interval(secs => $2),
                   ends_at = now() + make_interval(secs => $3) WHERE id = $1""",
            *(int(sale), starts, ends),
        )
        await shop.changed(cup)

    try:
        before = [await price(700), await price(1000), await price(None)]
        await moved(-1, 60)
        during = [await price(700), await price(1000), await price(None)]
        await moved(-60, -1)
        after = [await price(700), await price(1000), await price(None)]
    finally:
        shop.town.clock.shift = 0

    assert before == after == ["expired 1000", 1000, 1000]
    assert during == [700, "expired 700", 700]


async def test_a_sale_has_its_own_total_and_its_own_limit(shop: Market) -> None:
    cup = await shop.product(9)
    await shop.sale(cup, 700, 3, per_person=2)
    ken, ann, bo = (shop.town.guest(name) for name in ("Ken", "Ann", "Bo"))

    with pytest.raises(Refused) as too_many:
        await actions.reserve(shop.ctx, ken, shop.wanted(cup, 3))
    await actions.reserve(shop.ctx, ken, shop.wanted(cup, 2))
    with pytest.raises(Refused) as too_few:
        await actions.reserve(shop.ctx, ann, shop.wanted(cup, 2, price=700))
    await actions.reserve(shop.ctx, ann, shop.wanted(cup, price=700))
    with pytest.raises(Refused) as gone:
        await actions.reserve(shop.ctx, bo, shop.wanted(cup, price=700))
    plain, _ = await actions.reserve(shop.ctx, bo, shop.wanted(cup, price=1000))

    assert (too_many.value.code, too_many.value.details) == (
        "limit_reached",
        {"most": 2, "left": 2},
    )
    assert (too_few.value.code, too_few.value.details["sale"]) == ("sold_out", True)
    assert (gone.value.code, gone.value.details["price"]) == ("sold_out", 1000)
    assert plain.price == 1000
    assert (await shop.stands(cup)).sale_left == 0


async def test_one_sale_follows_the_other_by_the_time_of_redis(shop: Market) -> None:
    cup = await shop.product(9)
    first = await shop.sale(cup, 700, 1, ends=300)
    await shop.sale(cup, 600, 9, starts=301, ends=400)
    ken = shop.town.guest("Ken")
    await actions.reserve(shop.ctx, ken, shop.wanted(cup))
    for id, seconds in ((first, -300), (int(first) + 1, -301)):
        await shop.ctx.db.run(
            """UPDATE sales SET starts_at = starts_at + make_interval(secs => $2),
                   ends_at = ends_at + make_interval(secs => $2) WHERE id = $1""",
            *(int(id), seconds),
        )
    await shop.changed(cup)

    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))

    assert held.price == 600


async def test_stopping_everything_keeps_what_is_held_payable(shop: Market) -> None:
    cup = await shop.product(2)
    ken = shop.town.guest("Ken")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))
    await shop.ctx.db.run("UPDATE products SET stopped = true WHERE id = $1", int(cup.id))
    await shop.changed(cup)

    with pytest.raises(Refused) as refused:
        await actions.reserve(shop.ctx, ken, shop.wanted(cup))

    assert refused.value.details == {"stopped": True}
    assert await actions.claim(shop.ctx, held, "k") == "held"


async def test_a_variant_that_is_removed_voids_its_holds(shop: Market) -> None:
    cup = await shop.product(1, 4)
    await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
    await shop.save(cup)
    await shop.ctx.db.run(
        "UPDATE variants SET removed_at = $2 WHERE id = $1",
        int(cup.variants[0].id),
        datetime.now(UTC),
    )

    await shop.changed(cup)
    await shop.save(cup)

    assert await shop.states(cup) == ["void"]
    assert list((await shop.stands(cup)).variants) == [cup.variants[1].id]


async def test_who_wants_the_last_together_is_served_in_the_order_of_the_counter(
    shop: Market,
) -> None:
    cup = await shop.product(1)
    first = await sold_out(shop, cup)
    people = [shop.town.guest(f"P{n}") for n in range(12)]
    places = await asyncio.gather(
        *(actions.wait(shop.ctx, who, shop.wanted(cup)) for who in people)
    )

    held = first
    served = []
    for _ in people:
        await actions.release(shop.ctx, held, None, product_id=cup.id)
        await shop.save(cup)
        row = await shop.ctx.db.one(
            "SELECT * FROM reservations WHERE product_id = $1 AND state = 'held'", int(cup.id)
        )
        assert row is not None
        held = reads.reservation_of(row).id
        served.append(row["person"])

    in_order = [who.id for _, who in sorted(zip(places, people, strict=True), key=lambda p: p[0])]
    assert served == in_order
