"""Redis has lost or forgotten the stock: sales go on with what the database knows, and say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rooms.shop.orders import actions as orders
from rooms.shop.rules import HoldState, OrderState, product_channel
from rooms.shop.stock import actions, reads
from rooms.shop.stock.decide import Rebuilder, truth
from rooms.shop.stock.scripts import packed, send
from server.errors import Refused
from server.keys import keys_of
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


async def test_after_a_restart_saved_holds_stand_and_others_are_void_and_told(
    shop: Market,
) -> None:
    cup = await shop.product(3)
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    saved, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup, 2))
    await shop.save(cup)
    lost, _ = await actions.reserve(shop.ctx, ann, shop.wanted(cup))
    await shop.restart_redis(cup)

    again, _ = await actions.reserve(shop.ctx, shop.town.guest("Bo"), shop.wanted(cup))
    await shop.save(cup)

    assert await shop.left(cup) == (0, 3, 0, 3)
    found = {r.id: r.state for r, _ in await reads.reservations(shop.ctx.db, [saved.id, lost.id])}
    assert found == {saved.id: HoldState.HELD, lost.id: HoldState.VOID}
    assert again.state is HoldState.HELD
    assert [(who, body["why"]) for who, body in await shop.notices()] == [(ann.id, "lost")]
    assert await shop.outgoing() == ["reservation.held", "reservation.void", "reservation.held"]


async def test_a_redis_that_is_empty_learns_all_of_it_again(shop: Market) -> None:
    cup = await shop.product(4, per_person=2)
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    wanted = shop.wanted(cup, 2, key="k")
    held, _ = await actions.reserve(shop.ctx, ken, wanted)
    await shop.save(cup)
    await orders.settle(shop.ctx, held.id, "paid")
    await actions.reserve(shop.ctx, ann, shop.wanted(cup, 2))
    await actions.wait(shop.ctx, shop.town.guest("Bo"), shop.wanted(cup))
    await shop.save(cup)
    await shop.lose_redis()

    repeated, _ = await actions.reserve(shop.ctx, ken, wanted)
    with pytest.raises(Refused) as capped:
        await actions.reserve(shop.ctx, ken, shop.wanted(cup))
    stands = (await shop.stands(cup)).variants[cup.variants[0].id]

    assert repeated.state is HoldState.ORDERED
    assert capped.value.code in ("limit_reached", "sold_out")
    assert (stands.sold, stands.held, stands.available, stands.waiting) == (2, 2, 0, 1)


async def test_a_payment_for_what_redis_lost_takes_it_again_or_is_refunded(shop: Market) -> None:
    cup = await shop.product(2)
    lost = []
    for name in ("Ken", "Ann", "Bo"):
        if name == "Bo":
            await shop.restart_redis(cup)
        held, _ = await actions.reserve(shop.ctx, shop.town.guest(name), shop.wanted(cup))
        lost.append(held)
    await shop.save(cup)

    outcomes = [await orders.settle(shop.ctx, held.id, "paid") for held in lost]
    await shop.save(cup)

    assert [order.state for order in outcomes if order] == [
        *(OrderState.PAID, OrderState.REFUND_DUE, OrderState.PAID),
    ]
    assert await shop.left(cup) == (0, 0, 2, 2)


async def test_two_processes_that_rebuild_at_once_do_not_undo_each_other(shop: Market) -> None:
    cup = await shop.product(30)
    for n in range(5):
        await actions.reserve(shop.ctx, shop.town.guest(f"A{n}"), shop.wanted(cup))
    await shop.save(cup)
    await shop.restart_redis(cup)
    others = [Rebuilder(shop.ctx) for _ in range(3)]

    held = await asyncio.gather(
        *(other.rebuild(cup.id) for other in others),
        *(actions.reserve(shop.ctx, shop.town.guest(f"B{n}"), shop.wanted(cup)) for n in range(5)),
    )
    await shop.save(cup)

    assert len(held) == 8
    assert await shop.left(cup) == (20, 10, 0, 30)
    assert set(await shop.states(cup)) == {"held"}


async def test_what_has_run_out_meanwhile_is_let_go(shop: Market) -> None:
    cup = await shop.product(1)
    held, _ = await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
    await shop.save(cup)
    await shop.ctx.db.run(
        "UPDATE reservations SET until = now() - interval '5 minutes' WHERE product_id = $1",
        int(cup.id),
    )
    await shop.lose_redis()

    await actions.expire_all(shop.ctx)
    await shop.save(cup)

    [(found, _)] = await reads.reservations(shop.ctx.db, [held.id])
    assert found.state is HoldState.EXPIRED
    assert await shop.left(cup) == (1, 0, 0, 1)


async def test_a_hold_whose_end_was_never_saved_ends_when_its_time_is_long_over(
    shop: Market,
) -> None:
    cup = await shop.product(1)
    ken = shop.town.guest("Ken")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))
    await shop.save(cup)
    await actions.release(shop.ctx, held.id, ken.id, product_id=cup.id)
    await shop.ctx.redis.delete(keys_of(product_channel(cup.id)).log)
    await shop.ctx.db.run(
        "UPDATE reservations SET until = now() - interval '5 minutes' WHERE product_id = $1",
        int(cup.id),
    )

    await actions.expire_all(shop.ctx)

    assert await shop.states(cup) == ["expired"]
    assert [(who, body["why"]) for who, body in await shop.notices()] == [(ken.id, "lost")]


async def test_a_product_that_is_broken_in_redis_does_not_stop_the_others(shop: Market) -> None:
    broken, cup = await shop.product(1), await shop.product(1)
    await shop.ctx.redis.set(keys_of(product_channel(broken.id)).channel, "no hash")
    held, _ = await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
    await shop.save(cup)
    await shop.ctx.db.run("UPDATE variants SET total = 5 WHERE product_id = $1", int(cup.id))
    await actions.touch(shop.ctx.db, cup.id)

    await actions.mirror_all(shop.ctx)

    assert held.id
    assert await shop.left(cup) == (4, 1, 0, 5)


async def test_an_older_truth_never_overwrites_a_newer_one(shop: Market) -> None:
    cup = await shop.product(3)
    await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
    old = await truth(shop.ctx.db, cup.id, shop.ctx.broker.redis_time)
    await actions.set_total(shop.ctx, cup.id, cup.variants[0].id, 9)

    word, _ = await send(shop.ctx, "mirror", cup.id, packed({**old, "ordered": []}))

    assert word == "old"
    assert await shop.left(cup) == (8, 1, 0, 9)
