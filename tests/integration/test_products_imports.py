"""Imports on real servers: shown, confirmed once, and what changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation.rules import Rank
from rooms.shop.catalogue import actions, reads
from rooms.shop.catalogue.imports import actions as imports
from rooms.shop.catalogue.imports.own import write_own
from rooms.shop.catalogue.rules import args_of, draft_of
from server.context import Viewer
from server.errors import Refused
from server.settings import Settings
from tests.integration.world import World, world

HEAD = "Handle,Title,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty"
FILE = (
    f"{HEAD}\nserum,Serum <script>,Default Title,S-1,3960,12\ncream,=1+1,Default Title,C-1,4400,5"
)


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


@pytest.fixture
async def host(shop: World) -> Viewer:
    return await shop.member("Yui", Rank.HOST)


async def prepared(w: World, host: Viewer, text: str = FILE, **more: str) -> dict[str, str]:
    args = {"currency": "JPY", "name": "products.csv", **more}
    return {"import": await imports.prepare(w.ctx, host, text.encode(), args)}


async def catalogue(w: World) -> dict[str, Any]:
    return {p.title: p for p in await reads.catalogue(w.db)}


async def test_nothing_is_written_before_it_is_confirmed_and_confirming_twice_writes_once(
    shop: World, host: Viewer
) -> None:
    which = await prepared(shop, host, f"{FILE}\nbad,Bad,,,1.234,x")
    shown = await imports.kept(shop.db, host, which)
    before = await catalogue(shop)

    results = await asyncio.gather(*(imports.confirm(shop.ctx, host, which) for _ in range(3)))

    assert before == {}
    assert [entry.state for entry in shown.plan.entries] == ["new", "new"]
    assert [(p.row, p.word) for p in shown.plan.problems] == [(4, "ambiguous")]
    assert results[0] == results[1] == results[2] and results[0].created == 2
    after = await catalogue(shop)
    assert set(after) == {"Serum <script>", "=1+1"}
    assert after["=1+1"].variants[0].total == 5


async def test_a_second_import_changes_instead_of_doubling_and_leaves_what_was_sold(
    shop: World, host: Viewer
) -> None:
    await imports.confirm(shop.ctx, host, await prepared(shop, host))
    serum = (await catalogue(shop))["Serum <script>"]
    await shop.db.run("UPDATE variants SET sold = 4 WHERE product_id = $1", int(serum.id))

    which = await prepared(shop, host, FILE.replace(",12", ",8").replace("4400", "4000"))
    shown = await imports.kept(shop.db, host, which)
    result = await imports.confirm(shop.ctx, host, which)

    assert [entry.state for entry in shown.plan.entries] == ["unchanged", "changed"]
    assert (result.created, result.changed, len(result.products)) == (0, 1, 1)
    after = await catalogue(shop)
    assert len(after) == 2
    assert [(v.total, v.sold) for v in after["Serum <script>"].variants] == [(12, 4)]
    assert after["=1+1"].variants[0].price == 4000


async def test_a_product_that_somebody_changed_meanwhile_is_left_and_said(
    shop: World, host: Viewer
) -> None:
    await imports.confirm(shop.ctx, host, await prepared(shop, host))
    which = await prepared(shop, host, FILE.replace("3960", "100").replace("4400", "200"))
    serum = (await catalogue(shop))["Serum <script>"]
    form = {**args_of(draft_of(serum)), "product": serum.id, "title": "Renamed"}
    await actions.change(shop.ctx, host, form)

    result = await imports.confirm(shop.ctx, host, which)

    assert (result.changed, [p.word for p in result.left]) == (1, ["changed_meanwhile"])
    after = await catalogue(shop)
    assert after["Renamed"].variants[0].price == 3960
    assert after["=1+1"].variants[0].price == 200


async def test_two_imports_of_the_same_new_product_make_it_once(shop: World, host: Viewer) -> None:
    both = [await prepared(shop, host) for _ in range(2)]

    results = await asyncio.gather(*(imports.confirm(shop.ctx, host, which) for which in both))

    assert sorted(result.created for result in results) == [0, 2]
    assert len(await catalogue(shop)) == 2


async def test_a_long_import_goes_on_where_it_ended(
    shop: World, host: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PIECE", 2)
    rows = [f"p{n},Product {n},Default Title,N-{n},100,1" for n in range(7)]
    which = await prepared(shop, host, "\n".join((HEAD, *rows)))
    shown = await imports.kept(shop.db, host, which)
    await imports.write_piece(shop.ctx, host, int(which["import"]), shown.plan.entries)

    some = await catalogue(shop)
    results = await asyncio.gather(*(imports.confirm(shop.ctx, host, which) for _ in range(2)))

    assert len(some) == 2
    assert [result.created for result in results] == [7, 7]
    assert len(await catalogue(shop)) == 7


async def test_what_is_exported_changes_nothing_when_it_is_imported(
    shop: World, host: Viewer
) -> None:
    await imports.confirm(shop.ctx, host, await prepared(shop, host))
    products = await reads.every(shop.db, 100)
    data = write_own(products, await reads.sources_of(shop.db, [p.id for p in products]))

    which = await prepared(shop, host, data.decode())

    shown = await imports.kept(shop.db, host, which)
    assert [entry.state for entry in shown.plan.entries] == ["unchanged", "unchanged"]


async def test_an_import_is_seen_and_confirmed_by_whoever_made_it(
    shop: World, host: Viewer
) -> None:
    which = await prepared(shop, host)
    other, aoi = await shop.member("Ren", Rank.HOST), await shop.member("Aoi")

    for someone, code in ((other, "not_found"), (aoi, "forbidden")):
        with pytest.raises(Refused) as refused:
            await imports.confirm(shop.ctx, someone, which)
        assert refused.value.code == code
    with pytest.raises(Refused):
        await imports.prepare(shop.ctx, aoi, FILE.encode(), {"currency": "JPY"})
