"""Products on real servers: created, changed, archived, and who may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms.shop.catalogue import actions, reads
from rooms.shop.catalogue.rules import fingerprint
from rooms.shop.rules import Product
from server.errors import Refused
from server.settings import Settings
from tests.integration.world import World, world


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


def form(product: Product | None = None, **more: Any) -> dict[str, Any]:
    variants = [
        {"title": "M", "price": 3960, "was_price": 4950, "total": 12, "sku": "S-M"},
        {"title": "L", "price": 4400, "total": 3},
    ]
    for place, known in enumerate(product.variants if product else ()):
        variants[place]["id"] = known.id
    args = {"title": "Serum", "currency": "JPY", "code": "１２", "variants": variants, **more}
    return {**args, "product": product.id} if product else args


async def sold(w: World, product: Product, place: int, quantity: int) -> None:
    await w.db.run(
        "UPDATE variants SET sold = sold + $2 WHERE id = $1",
        int(product.variants[place].id),
        quantity,
    )


async def test_a_product_is_created_changed_and_read_back(shop: World) -> None:
    host = await shop.member("Yui", Rank.HOST)

    made = await actions.create(shop.ctx, host, form())
    variants = [
        {"id": made.variants[1].id, "title": "L", "code": "m", "price": 4000, "total": 5},
        {"title": "XL", "price": 4800, "total": 1},
    ]
    changed = await actions.change(
        shop.ctx, host, form(made, title="Serum <b>", variants=variants, seen=fingerprint(made))
    )

    assert (made.code, [v.code for v in made.variants]) == ("12", ["m", "l"])
    assert changed == await reads.product(shop.db, made.id)
    assert changed.version == made.version + 1
    assert [(v.title, v.code, v.total) for v in changed.variants] == [
        ("L", "m", 5),
        ("XL", "xl", 1),
    ]
    assert changed.variants[0].id == made.variants[1].id
    assert [p.id for p in await reads.catalogue(shop.db, part="serum")] == [made.id]
    assert await reads.catalogue(shop.db, part="cream") == []
    (kind,) = await shop.db.all("SELECT kind, body FROM webhook_events")
    assert (kind["kind"], kind["body"]["product"]) == ("stock.changed", made.id)


async def test_a_stock_below_what_was_sold_is_refused_and_changes_nothing(shop: World) -> None:
    host = await shop.member("Yui", Rank.HOST)
    made = await actions.create(shop.ctx, host, form())
    await sold(shop, made, 0, 8)
    wanted = form(made, title="Other")
    wanted["variants"][0]["total"] = 7

    with pytest.raises(Refused) as refused:
        await actions.change(shop.ctx, host, wanted)
    wanted["variants"][0]["total"] = 8
    after = await actions.change(shop.ctx, host, wanted)

    assert (refused.value.details["problem"], refused.value.details["sold"]) == ("below_sold", 8)
    assert (after.variants[0].total, after.variants[0].sold) == (8, 8)
    assert after.version == made.version + 1


async def test_two_who_change_the_same_product_do_not_undo_each_other(shop: World) -> None:
    host = await shop.member("Yui", Rank.HOST)
    made = await actions.create(shop.ctx, host, form())
    seen = fingerprint(made)

    results = await asyncio.gather(
        *(
            actions.change(shop.ctx, host, form(made, title=f"Serum {n}", seen=seen))
            for n in range(3)
        ),
        return_exceptions=True,
    )

    assert sorted(type(r).__name__ for r in results) == ["Product", "Refused", "Refused"]
    assert {r.code for r in results if isinstance(r, Refused)} == {"duplicate_conflict"}


async def test_a_code_belongs_to_one_product_until_it_is_archived(shop: World) -> None:
    host = await shop.member("Yui", Rank.HOST)
    first = await actions.create(shop.ctx, host, form())

    with pytest.raises(Refused) as refused:
        await actions.create(shop.ctx, host, form(code="12"))
    await actions.archive(shop.ctx, host, {"product": first.id})
    second = await actions.create(shop.ctx, host, form(code="12"))
    with pytest.raises(Refused) as taken:
        await actions.archive(shop.ctx, host, {"product": first.id}, back=True)

    assert refused.value.details["problem"] == taken.value.details["problem"] == "code_taken"
    assert (await reads.product(shop.db, first.id)).archived
    assert [p.id for p in await reads.catalogue(shop.db)] == [second.id]
    assert await reads.counted(shop.db) == (1, 1)


async def test_rooms_that_show_a_product_are_told_of_a_change_and_of_its_end(shop: World) -> None:
    host, room = await shop.member("Yui", Rank.HOST), await shop.room("live", "live")
    broadcast = await shop.showing(room, host)
    made = await actions.create(shop.ctx, host, form())
    await shop.db.run("INSERT INTO rundown VALUES ($1, $2, 0)", broadcast, int(made.id))

    await actions.change(shop.ctx, host, form(made, title="New"))
    await actions.archive(shop.ctx, host, {"product": made.id})
    await actions.archive(shop.ctx, host, {"product": made.id})

    bodies = [msgpack.unpackb(p.body) for p in await shop.window(room)]
    assert [body["event"] for body in bodies] == ["product.changed", "product.removed"]
    assert bodies[0]["product"]["title"] == "New"
    assert await shop.db.value("SELECT count(*) FROM rundown") == 0


@pytest.mark.parametrize("rank", [Rank.READER, Rank.GUEST, Rank.MEMBER, Rank.MODERATOR])
async def test_only_hosts_and_owners_change_the_catalogue(shop: World, rank: Rank) -> None:
    someone = await shop.member("Aoi", rank)

    for act, args in (
        (actions.create, form()),
        (actions.change, {**form(), "product": "1"}),
        (actions.archive, {"product": "1"}),
    ):
        with pytest.raises(Refused) as refused:
            await act(shop.ctx, someone, args)
        assert refused.value.code in ("forbidden", "unauthenticated")
