"""Buying by comment on real servers: heard in the worker, carried out in order, told alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.shop.rules import Product
from rooms.shop.spoken import actions
from rooms.shop.stock import actions as stock
from server.context import Viewer
from server.settings import Settings
from server.stream_worker import Entry
from tests.integration.market import Market, market


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[Market]:
    async with market(settings) as opened:
        await opened.ctx.broker.subscribe(f"{opened.room.channel}:notice")
        yield opened


async def shown(shop: Market, code: str = "12", *totals: int, **columns: Any) -> Product:
    """Make a product with a code and pin it."""
    product = await shop.product(*(totals or (3,)), code=code, **columns)
    await shop.ctx.db.run("UPDATE product_pins SET unpinned_at = now()")
    await shop.ctx.db.run(
        "INSERT INTO product_pins (room_id, product_id, pinned_at) VALUES ($1, $2, now())",
        *(int(shop.room.id), int(product.id)),
    )
    return product


async def say(shop: Market, viewer: Viewer, text: str, key: str = "c1") -> str:
    shop.ctx.of(RoomCache).forget(shop.room.id)
    reply = await comments.post(
        shop.ctx, viewer, {"room": shop.room.id, "text": text, "client_message_id": key}
    )
    return str(reply["id"])


async def outcomes(shop: Market) -> list[tuple[str, str]]:
    """Give who said what became of it, in the order in which it was carried out."""
    rows = await shop.ctx.db.all(
        """SELECT name, outcome FROM spoken_orders WHERE done_at IS NOT NULL
           ORDER BY epoch, "offset" """
    )
    return [(row["name"], row["outcome"]) for row in rows]


async def told(shop: Market, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Give whom the room's notices named, and the bodies of the spoken orders among them."""
    async with asyncio.timeout(5):
        while True:
            found = [
                (p.key, msgpack.unpackb(p.body))
                for channel, p in shop.town.heard
                if channel.endswith(":notice")
            ]
            spoken = [(who, body) for who, body in found if body["event"] == "order.spoken"]
            if len(spoken) >= count:
                return spoken
            await asyncio.sleep(0.01)


async def held(shop: Market, of: Product) -> int:
    return sum(level.held for level in (await shop.stands(of)).variants.values())


async def test_a_comment_buys_and_its_person_alone_is_told(shop: Market) -> None:
    cup = await shown(shop)
    ken = shop.town.guest("Ken")

    message = await say(shop, ken, "１２ を 2個 買います!")
    await shop.town.save()
    await actions.carry_out(shop.ctx)

    [(who, body)] = await told(shop, 1)
    assert (who, body["message"], body["outcome"]) == (ken.id, message, "ok")
    assert (body["product"], body["reservation"]["quantity"]) == (cup.id, 2)
    assert body["text"] == "１２ を 2個 買います!"
    assert await held(shop, cup) == 2
    assert await shop.town.dead_letters() == []


async def test_what_is_said_first_is_served_first_and_the_rest_is_told(shop: Market) -> None:
    cup = await shown(shop, "12", 3)
    people = [shop.town.guest(f"Guest {n}") for n in range(5)]
    for viewer in people:
        await say(shop, viewer, "buy 12")

    await shop.town.save()
    await actions.carry_out(shop.ctx)

    codes = ["ok"] * 3 + ["sold_out"] * 2
    assert await outcomes(shop) == [(v.name, c) for v, c in zip(people, codes, strict=True)]
    assert await held(shop, cup) == 3


async def test_talk_and_codes_that_are_not_on_are_not_heard(shop: Market) -> None:
    await shop.product(3, code="12")
    ken = shop.town.guest("Ken")

    await say(shop, ken, "buy 12", "a")
    await shop.town.save()
    await shown(shop, "7")
    await say(shop, ken, "7 people", "b")
    await say(shop, ken, "I sold 7 shirts", "c")
    await say(shop, shop.host, "買う 7", "d")
    await shop.town.save()

    assert await shop.ctx.db.value("SELECT count(*) FROM spoken_orders") == 0


async def test_a_code_in_kana_is_heard_however_it_is_written(shop: Market) -> None:
    cup = await shown(shop, "レッド", 3, 3)
    await shop.ctx.db.run("UPDATE variants SET code = 'サクラ' WHERE code = ''")

    await say(shop, shop.town.guest("Ken"), "れっどのさくら2つ買います")
    await say(shop, shop.town.guest("Ann"), "買う ﾚｯﾄﾞ ｻｸﾗ")
    await shop.town.save()
    await actions.carry_out(shop.ctx)

    assert await outcomes(shop) == [("Ken", "ok"), ("Ann", "ok")]
    assert await held(shop, cup) == 3


async def test_a_near_miss_is_asked_back_and_buys_nothing(shop: Market) -> None:
    cup = await shown(shop, "12", 3, 3)
    ken = shop.town.guest("Ken")
    await shop.ctx.db.run("UPDATE variants SET code = 'm' WHERE code = ''")

    await say(shop, ken, "buy 12")
    await shop.town.save()
    await actions.carry_out(shop.ctx)

    [(_, body)] = await told(shop, 1)
    assert (body["outcome"], body["product"]) == ("ask.variant", cup.id)
    assert "reservation" not in body


async def test_a_comment_that_was_edited_or_hidden_meanwhile_is_not_carried_out(
    shop: Market,
) -> None:
    cup = await shown(shop)
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    edited, deleted = await say(shop, ken, "buy 12"), await say(shop, ann, "buy 12")
    await shop.town.save()

    where = {"room": shop.room.id}
    await comments.edit(shop.ctx, ken, {**where, "id": edited, "text": "buy 12 x2"})
    await comments.delete(shop.ctx, ann, {**where, "id": deleted})
    await shop.town.save()
    await actions.carry_out(shop.ctx)

    assert await outcomes(shop) == [("Ken", ""), ("Ann", "")]
    await stock.reserve(shop.ctx, ken, shop.wanted(cup))
    assert await held(shop, cup) == 1


async def test_a_process_that_dies_after_reserving_leaves_one_reservation(shop: Market) -> None:
    cup = await shown(shop)
    ken = shop.town.guest("Ken")
    message = await say(shop, ken, "buy 12")
    await shop.town.save()
    wanted = shop.wanted(cup, key=message, source="comment")
    before, _ = await stock.reserve(shop.ctx, ken, wanted)

    await actions.carry_out(shop.ctx)
    await actions.carry_out(shop.ctx)
    await shop.ctx.db.run("UPDATE spoken_orders SET done_at = NULL")
    await actions.carry_out(shop.ctx)
    await shop.save(cup)
    await shop.ctx.db.run("UPDATE spoken_orders SET done_at = NULL")
    shop.town.clock.advance(actions.LATE_MS + 1)
    await actions.carry_out(shop.ctx)

    notices = await told(shop, 3)
    assert [body["outcome"] for _, body in notices] == ["ok"] * 3
    assert {body["reservation"]["id"] for _, body in notices} == {before.id}
    assert await held(shop, cup) == 1


async def test_two_workers_at_once_keep_the_order_and_tell_once(shop: Market) -> None:
    await shown(shop, "12", 2)
    people = [shop.town.guest(f"Guest {n}") for n in range(4)]
    for viewer in people:
        await say(shop, viewer, "buy 12")
    await shop.town.save()

    await asyncio.gather(*(actions.carry_out(shop.ctx) for _ in range(3)))

    codes = ["ok", "ok", "sold_out", "sold_out"]
    assert await outcomes(shop) == [(v.name, c) for v, c in zip(people, codes, strict=True)]
    assert [who for who, _ in await told(shop, 4)] == [viewer.id for viewer in people]


async def test_the_log_applied_twice_hears_once(shop: Market) -> None:
    await shown(shop)
    ken = shop.town.guest("Ken")
    await say(shop, ken, "buy 12")
    await shop.town.save()
    rows = await shop.ctx.db.all("SELECT * FROM spoken_orders")

    [said] = await shop.town.window(shop.room)
    entry = Entry(0, "1-0", shop.room.channel, said, msgpack.unpackb(said.body))
    async with shop.ctx.db.transaction() as tx:
        await actions.hear(tx, [entry, entry])

    assert await shop.ctx.db.all("SELECT * FROM spoken_orders") == rows
    assert len(rows) == 1


async def test_what_was_said_long_ago_is_not_bought_any_more(shop: Market) -> None:
    cup = await shown(shop)
    ken = shop.town.guest("Ken")
    await say(shop, ken, "buy 12")
    await shop.town.save()

    shop.town.clock.advance(actions.LATE_MS + 1)
    await actions.carry_out(shop.ctx)

    assert await outcomes(shop) == [("Ken", "too_late")]
    assert (await told(shop, 1))[0][1]["outcome"] == "too_late"
    await stock.reserve(shop.ctx, ken, shop.wanted(cup))
    assert await held(shop, cup) == 1


async def test_a_stopped_sale_is_told(shop: Market) -> None:
    cup = await shown(shop)
    await shop.ctx.db.run("UPDATE products SET stopped = true")
    await shop.changed(cup)
    ken = shop.town.guest("Ken")

    await say(shop, ken, "buy 12")
    await shop.town.save()
    await actions.carry_out(shop.ctx)

    assert await outcomes(shop) == [("Ken", "stopped")]
