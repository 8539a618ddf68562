"""The catalogue's pages without JavaScript: a list, a form, an import; and who may not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from moderation.rules import Rank
from rooms.shop.catalogue import reads
from server.settings import Settings
from tests.integration.visitor import Page, Person, Town, town

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
CSV = (
    "Handle,Title,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty\n"
    "serum,Serum <script>alert(1)</script>,Default Title,S-1,3960,12\n"
    "cream,=1+1,Default Title,C-1,1.234,5\n"
)


@pytest.fixture
async def place(settings: Settings, tmp_path: object) -> AsyncIterator[Town]:
    async with town(settings, data_dir=tmp_path) as t:
        yield t


@pytest.fixture
async def host(place: Town) -> Person:
    return await place.signed_in(await place.world.member("Ren", Rank.HOST))


async def created(host: Person, **more: str) -> Page:
    page = await host.open("/products/new")
    values = {"title": "Serum", "currency": "JPY", "v0-price": "3,960", "v0-total": "12", **more}
    return await host.send(page, page.form(""), **values)


async def test_a_product_is_entered_found_and_changed(place: Town, host: Person) -> None:
    page = await host.open("/products/new")
    page = await host.send(
        page,
        page.form(""),
        title="Serum <b>",
        code="１２",
        currency="JPY",
        checkout="offline",
        files={"files": ("s.png", PNG)},
        **{"v0-price": "￥3,960", "v0-was": "4950", "v0-total": "１２"},
    )
    (product,) = await reads.catalogue(place.world.db)
    edit = await host.open(f"/products/{product.id}")
    fields = edit.form(f"/products/{product.id}").fields

    assert page.path == "/products" and "Serum &lt;b&gt;" in page.text
    assert (product.code, product.checkout) == ("12", "offline")
    assert (product.variants[0].price, product.variants[0].was_price) == (3960, 4950)
    assert product.pictures[0].startswith("/media/")
    assert (fields["v0-price"], fields["v0-total"], fields["picture-0"]) == (
        "3960",
        "12",
        product.pictures[0],
    )

    more = await host.send(edit, edit.form(f"/products/{product.id}"), what="rows")
    form = more.form(f"/products/{product.id}")
    values = {"v0-title": "M", "v1-title": "L", "v1-price": "4400", "v1-total": "3"}
    page = await host.send(more, form, what="save", **{"picture-0": None, **values})

    assert "2 variants" in page.text
    (changed,) = await reads.catalogue(place.world.db, part="12")
    assert [(v.title, v.code, v.price) for v in changed.variants] == [
        ("M", "m", 3960),
        ("L", "l", 4400),
    ]
    assert changed.pictures == () and changed.variants[0].id == product.variants[0].id
    empty = await host.open("/products?q=nothing")
    assert "No product of that name" in empty.text


WRONG: list[tuple[dict[str, str], str]] = [
    ({"title": ""}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"code": "a!"}, "code"),
    ({"currency": "YEN"}, "currency"),
    ({"picture": "http://a.example/1.png"}, "pictures"),
    ({"per_person": "0"}, "per_person"),
    ({"per_person": "two"}, "per_person"),
    ({"checkout": "address"}, "checkout_url"),
    ({"checkout_url": "http://shop.example/"}, "checkout_url"),
    ({"v0-price": "1.234"}, "v0-price"),
    ({"v0-price": ""}, "v0-price"),
    ({"v0-was": "100"}, "v0-was"),
    ({"v0-total": "-1"}, "v0-total"),
    ({"v0-total": ""}, "v0-total"),
    ({"v0-price": "", "v0-total": ""}, ""),
]


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    place: Town, host: Person
) -> None:
    for changes, field in WRONG:
        page = await created(host, **{"about": "Soft", **changes})

        assert page.status in (403, 413, 422), changes
        assert page.problems[field], changes
        assert page.form("").fields["about"] == "Soft"
    assert await reads.catalogue(place.world.db) == []


async def test_who_saves_over_a_change_of_somebody_else_is_told_first(
    place: Town, host: Person
) -> None:
    await created(host)
    (product,) = await reads.catalogue(place.world.db)
    address = f"/products/{product.id}"
    mine, theirs = await host.open(address), await host.open(address)
    await host.send(theirs, theirs.form(address), title="Theirs")

    told = await host.send(mine, mine.form(address), title="Mine")
    page = await host.send(told, told.form(address))

    assert "Somebody else changed" in told.text
    assert told.form(address).fields["title"] == "Mine"
    assert (page.path, (await reads.product(place.world.db, product.id)).title) == (
        "/products",
        "Mine",
    )


async def test_a_product_is_archived_and_brought_back(place: Town, host: Person) -> None:
    await created(host)
    (product,) = await reads.catalogue(place.world.db)
    page = await host.open(f"/products/{product.id}")

    page = await host.send(page, page.form(f"/products/{product.id}/archive"), what="archive")
    hidden = await reads.catalogue(place.world.db)
    page = await host.open(f"/products/{product.id}")
    page = await host.send(page, page.form(f"/products/{product.id}/archive"), what="back")

    assert hidden == [] and "back in the catalogue" in page.text
    assert len(await reads.catalogue(place.world.db)) == 1


async def test_a_file_is_shown_before_it_is_imported(place: Town, host: Person) -> None:
    page = await host.open("/products/import")
    shown = await host.send(
        page, page.form("/products/import"), files={"file": ("p.csv", CSV.encode())}
    )
    before = await reads.catalogue(place.world.db)
    new = await host.open(f"{shown.path}?show=new")
    done = await host.send(new, new.form(shown.path))
    again = await host.open(shown.path)

    assert "Encoding: <bdi>UTF-8</bdi>" in shown.text
    assert before == [] and "=1+1" in shown.text and "two ways" in shown.text
    assert "<script>alert" not in new.text and "Serum &lt;script&gt;" in new.text
    assert "1 product created" in done.text and "1 product created" in again.text
    assert [p.title for p in await reads.catalogue(place.world.db)] == [
        "Serum <script>alert(1)</script>"
    ]


UNREADABLE = [
    (b"", "Choose a file|nothing in this file"),
    (b"a,b\n1,2", "lacks these columns"),
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
    ("Handle,Title,Variant Price\na,Crème,5".encode("cp1252"), "encoding"),
    (b"x" * (5 * 1024 * 1024 + 10), "at most 5 MB"),
    (b"a," + b"x" * (10 * 1024 * 1024), "at most 5 MB"),
]


async def test_a_file_that_cannot_be_read_is_refused_with_the_reason(host: Person) -> None:
    page = await host.open("/products/import")

    for data, said in UNREADABLE:
        sent = await host.send(page, page.form("/products/import"), files={"file": ("p.csv", data)})

        assert sent.status in (413, 422)
        assert re.search(said, sent.problems["file"])


async def test_exports_are_files_and_hold_no_formula(host: Person) -> None:
    await created(host, title="=1+1")

    table = await host.open("/products/export.csv")
    own = await host.open("/products/export.json")

    assert "attachment" in table.headers["content-disposition"]
    assert ",'=1+1," in table.text
    assert '"title": "=1+1"' in own.text and '"price": 3960' in own.text
    assert (await host.open("/products/export.exe")).status == 404


async def test_only_hosts_and_owners_come_in(place: Town) -> None:
    member = await place.signed_in(await place.world.member("Aoi"))
    nobody = place.person()

    for path in ("/products", "/products/new", "/products/import", "/products/export.csv"):
        assert (await member.open(path)).status == 403
        assert (await nobody.open(path)).path == "/sign-in"
    assert (await member.open("/products/1")).status == 403
