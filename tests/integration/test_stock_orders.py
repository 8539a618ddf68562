"""Paying, late, twice, cancelled and refunded: what becomes an order, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
import pytest_asyncio

from rooms.rules import message_uuid
from rooms.shop.orders import actions as orders
from rooms.shop.orders import commands
from rooms.shop.orders.reads import SQL
from rooms.shop.rules import HoldState, Order, OrderState, Product, Reservation
from rooms.shop.stock import actions, reads
from rooms.shop.stock.told import Teller
from server.context import Viewer
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


async def hold(
    shop: Market, cup: Product, who: Viewer, quantity: int = 1, **wish: Any
) -> Reservation:
    """Reserve, and save it as the worker does."""
    held, _ = await actions.reserve(shop.ctx, who, shop.wanted(cup, quantity, **wish))
    await shop.save(cup)
    return held


async def paid(
    shop: Market, held: Reservation, *, restock: bool = True, outcome: Any = "paid"
) -> Order:
    order = await orders.settle(shop.ctx, held.id, outcome, "pay-1", restock)
    assert order is not None
    return order


async def test_what_is_paid_is_sold_and_told(shop: Market) -> None:
    cup = await shop.product(3)
    ken = shop.town.guest("Ken")
    held = await hold(shop, cup, ken, 2)

    order = await paid(shop, held)

    assert (order.state, order.amount, order.person) == (OrderState.PAID, 2000, ken.id)
    assert await shop.left(cup) == (1, 0, 2, 3)
    assert await shop.outgoing() == ["reservation.held", "stock.changed", "order.paid"]
    broadcast = await shop.ctx.db.value(
        "SELECT broadcast_id FROM orders WHERE id = $1", int(order.id)
    )
    assert broadcast is not None


async def test_the_same_payment_twice_and_at_once_is_one_order(shop: Market) -> None:
    cup = await shop.product(3)
    held = await hold(shop, cup, shop.town.guest("Ken"))

    found = await asyncio.gather(*(paid(shop, held) for _ in range(8)))
    after_failure = await paid(shop, held, outcome="failed")

    assert {order.id for order in [*found, after_failure]} == {found[0].id}
    assert after_failure.state is OrderState.PAID
    assert await shop.left(cup) == (2, 0, 1, 3)
    assert (await shop.outgoing()).count("order.paid") == 1


async def test_a_late_payment_takes_the_stock_again_at_the_old_price(shop: Market) -> None:
    cup = await shop.product(1)
    held = await hold(shop, cup, shop.town.guest("Ken"))
    await shop.wind_on(cup, 301)
    await actions.expire(shop.ctx, cup.id)
    await shop.ctx.db.run("UPDATE variants SET price = 2000 WHERE product_id = $1", int(cup.id))
    await shop.changed(cup)

    order = await paid(shop, held)
    await shop.save(cup)

    assert (order.state, order.amount) == (OrderState.PAID, 1000)
    assert await shop.left(cup) == (0, 0, 1, 1)
    [(saved, _)] = await reads.reservations(shop.ctx.db, [held.id])
    assert saved.state is HoldState.ORDERED


async def test_a_late_payment_for_what_is_gone_has_to_be_refunded(shop: Market) -> None:
    cup = await shop.product(1)
    ken = shop.town.guest("Ken")
    held = await hold(shop, cup, ken)
    await actions.release(shop.ctx, held.id, ken.id, product_id=cup.id)
    await hold(shop, cup, shop.town.guest("Ann"))

    order = await paid(shop, held)
    again = await paid(shop, held)
    back = await paid(shop, held, outcome="refunded")

    assert (order.state, again.state) == (OrderState.REFUND_DUE, OrderState.REFUND_DUE)
    assert back.state is OrderState.REFUNDED
    assert await shop.left(cup) == (0, 1, 0, 1)
    assert "order.refund_due" in await shop.outgoing()


async def test_a_payment_is_never_sold_beyond_the_total_of_the_database(shop: Market) -> None:
    cup = await shop.product(1)
    held = await hold(shop, cup, shop.town.guest("Ken"))
    # As if another writer had been faster than the mirror.
    await shop.ctx.db.run("UPDATE variants SET sold = 1 WHERE product_id = $1", int(cup.id))

    order = await paid(shop, held)

    assert order.state is OrderState.REFUND_DUE
    assert await shop.left(cup) == (0, 0, 1, 1)


@pytest.mark.parametrize(("restock", "left"), [(True, (3, 0, 0, 3)), (False, (1, 0, 0, 1))])
async def test_what_is_refunded_is_there_again_or_gone(
    shop: Market, restock: bool, left: tuple[int, ...]
) -> None:
    cup = await shop.product(3, per_person=2)
    ken = shop.town.guest("Ken")
    held = await hold(shop, cup, ken, 2)
    await paid(shop, held)

    order = await paid(shop, held, outcome="refunded", restock=restock)
    again = await paid(shop, held, outcome="refunded", restock=restock)

    assert order.state is again.state is OrderState.REFUNDED
    assert await shop.left(cup) == left
    assert (await hold(shop, cup, ken)).state is HoldState.HELD


async def test_a_refund_that_overtakes_its_payment_closes_the_matter(shop: Market) -> None:
    cup = await shop.product(1)
    held = await hold(shop, cup, shop.town.guest("Ken"))

    first = await paid(shop, held, outcome="refunded")
    late = await paid(shop, held)

    assert first.state is late.state is OrderState.REFUNDED
    assert await shop.left(cup) == (1, 0, 0, 1)


async def test_a_payment_that_failed_lets_the_hold_go(shop: Market) -> None:
    cup = await shop.product(1)
    held = await hold(shop, cup, shop.town.guest("Ken"))

    outcome = await orders.settle(shop.ctx, held.id, "failed")
    await shop.save(cup)

    assert outcome is None
    assert [body["why"] for _, body in await shop.notices()] == ["failed"]
    assert await shop.left(cup) == (1, 0, 0, 1)


async def test_without_a_shop_the_host_marks_orders(shop: Market) -> None:
    cup = await shop.product(2, checkout="offline")
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))

    with pytest.raises(Refused) as strange:
        await commands.checkout(shop.ctx, ann, {"id": held.id})
    placed = (await commands.checkout(shop.ctx, ken, {"id": held.id, "named": False}))["order"]
    again = (await commands.checkout(shop.ctx, ken, {"id": held.id}))["order"]
    marked = await commands.mark(shop.ctx, shop.host, {"order": placed["id"], "state": "paid"})
    with pytest.raises(Refused) as forbidden:
        await commands.mark(shop.ctx, ken, {"order": placed["id"], "state": "cancelled"})
    await commands.mark(shop.ctx, shop.host, {"order": placed["id"], "state": "cancelled"})
    await shop.save(cup)

    assert strange.value.code == "not_found"
    assert placed == again
    assert (placed["state"], marked["order"]["state"]) == ("placed", "paid")
    assert forbidden.value.code == "forbidden"
    assert await shop.left(cup) == (2, 0, 0, 2)
    assert await shop.town.dead_letters() == []


async def test_nobody_is_sent_to_pay_for_what_is_no_longer_held(shop: Market) -> None:
    cup = await shop.product(2)
    ken = shop.town.guest("Ken")
    held = await hold(shop, cup, ken)
    await shop.ctx.db.run(
        "UPDATE shop_settings SET checkout_url = $1, secrets = ARRAY[$2]",
        "https://shop.example/pay",
        "a secret that is long enough",
    )
    there = await commands.checkout(shop.ctx, ken, {"id": held.id, "product": cup.id})
    await actions.release(shop.ctx, held.id, ken.id, product_id=cup.id)

    with pytest.raises(Refused) as refused:
        await commands.checkout(shop.ctx, ken, {"id": held.id, "product": cup.id})

    assert there["url"].startswith("https://shop.example/pay?")
    assert refused.value.code == "expired"


async def test_what_a_process_decided_before_it_died_is_mirrored_by_the_worker(
    shop: Market,
) -> None:
    cup = await shop.product(2)
    held = await hold(shop, cup, shop.town.guest("Ken"))
    async with shop.ctx.db.transaction() as tx:
        await actions.touch(tx, cup.id)
        await tx.run(SQL.sell, int(held.variant_id), 1)
        at = datetime.now(UTC)
        await tx.run(SQL.store, message_uuid(held.id), "paid", "pay-1", at, True)

    await actions.mirror_all(shop.ctx)

    assert await shop.left(cup) == (1, 0, 1, 2)
    assert await shop.ctx.db.value("SELECT count(*) FROM orders WHERE NOT mirrored") == 0


async def test_a_room_is_told_of_several_purchases_at_once_by_one_name(shop: Market) -> None:
    cup = await shop.product(9)
    for name, named in (("Ken", True), ("Ann", False), ("Bo", False)):
        held = await hold(shop, cup, shop.town.guest(name), named=named)
        await paid(shop, held)

    await orders.tell_purchases(shop.ctx)
    await orders.tell_purchases(shop.ctx)

    window = await shop.town.window(shop.room)
    told = [msgpack.unpackb(each.body) for each in window]
    made = [body for body in told if body.get("product") == cup.id]
    assert [(body["name"], body["others"], body["title"]) for body in made] == [("Ken", 2, "Cup")]


async def test_rooms_hear_what_is_left(shop: Market) -> None:
    cup = await shop.product(3)
    await shop.ctx.db.run(
        "INSERT INTO product_pins (room_id, product_id, pinned_at) VALUES ($1, $2, now())",
        int(shop.room.id),
        int(cup.id),
    )
    await shop.ctx.broker.subscribe(shop.room.channel)

    for name in ("Ken", "Ann", "Bo"):
        await actions.reserve(shop.ctx, shop.town.guest(name), shop.wanted(cup))
    await shop.ctx.of(Teller).settled()

    async with asyncio.timeout(5):
        while True:
            heard = [msgpack.unpackb(p.body) for _, p in shop.town.heard if p.body]
            states = [b["variants"][0] for b in heard if b.get("product") == cup.id]
            if states and states[-1]["left"] == 0:
                break
            await asyncio.sleep(0.01)
    assert states[-1] == {"id": cup.variants[0].id, "left": 0, "in_carts": 3}
    assert len(states) < 3
