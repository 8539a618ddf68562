"""What a file would do to the catalogue: new, changed, unchanged, refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rooms.shop.catalogue.imports.found import Found, Item
from rooms.shop.catalogue.imports.plan import Known, Plan, plan
from rooms.shop.rules import Product, Variant

SERUM = Product(
    id="7",
    title="Serum",
    about="Soft",
    code="12",
    currency="JPY",
    pictures=("/media/s.png",),
    per_person=2,
    checkout="community",
    checkout_url="",
    stopped=False,
    version=3,
    variants=(Variant("1", "M", "m", 3960, None, 12, 5, "S-M"),),
)


def item(**more: Any) -> Item:
    variant = {"title": "M", "sku": "S-M", "price": 3960, "was_price": None, "quantity": 7}
    fields = {"title": "Serum", "about": "Soft", "currency": "JPY", "pictures": ["/media/s.png"]}
    values = {"row": 2, "source": "shopify:serum", "fields": fields, "variants": (variant,)}
    made = Item(**{**values, "rows": (2,), **more})
    return replace(made, rows=tuple(range(2, 2 + len(made.variants))))


def planned(*items: Item, stock: str = "left", product: Product = SERUM, **known: Any) -> Plan:
    found = Found("shopify", "utf-8", items=list(items), rows=len(items))
    return plan(found, Known({"shopify:serum": product}, known.get("codes", {})), stock)


def variant(**more: Any) -> dict[str, Any]:
    return {**item().variants[0], **more}


def test_what_is_the_same_is_unchanged_and_what_the_file_does_not_say_stays() -> None:
    (entry,) = planned(item()).entries

    assert (entry.state, entry.product, entry.changes) == ("unchanged", "7", ())


@pytest.mark.parametrize(
    ("stock", "counts", "total"),
    [("left", "", 15), ("total", "", 10), ("keep", "", 12), ("left", "total", 10)],
)
def test_a_quantity_counts_what_was_chosen(stock: str, counts: str, total: int) -> None:
    wanted = item(variants=(variant(quantity=10, price=4000),), counts=counts)

    (entry,) = planned(wanted, stock=stock).entries

    assert entry.state == "changed"
    assert (entry.args["variants"][0]["total"], entry.args["variants"][0]["id"]) == (total, "1")
    assert (entry.args["per_person"], entry.args["code"]) == (2, "12")
    assert ("price", "3960", "4000") in [(c.field, c.before, c.after) for c in entry.changes]


def test_variants_are_known_by_sku_then_by_name_and_others_come_and_go() -> None:
    two = replace(
        SERUM,
        variants=(
            *SERUM.variants,
            Variant("2", "L", "l", 4400, None, 3, 0),
            Variant("3", "XL", "xl", 4800, None, 1, 1),
        ),
    )
    wanted = (
        variant(title="Medium"),
        variant(title="l", sku="", price=4400, quantity=3),
        variant(title="S", sku="S-S", quantity=None),
    )

    made = planned(item(variants=wanted), product=two)

    (entry,) = made.entries
    assert [v["id"] for v in entry.args["variants"]] == ["1", "2", None]
    assert {c.field for c in entry.changes} >= {"title", "variant_new", "variant_gone"}
    assert [(p.word, p.row, p.fatal) for p in made.problems] == [("no_quantity", 4, False)]


def test_fewer_than_were_sold_are_refused_with_the_row() -> None:
    made = planned(item(variants=(variant(quantity=4),)), stock="total")

    assert made.entries == []
    assert [(p.row, p.word, p.value) for p in made.problems] == [(2, "below_sold", "4")]


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (item(fields={**item().fields, "title": "x" * 201}), "title"),
        (item(fields={**item().fields, "currency": "USD"}), "currency_fixed"),
        (item(fields={**item().fields, "code": "!"}), "code"),
        (item(fields={**item().fields, "code": "99"}), "code_taken"),
        (item(variants=(variant(), variant())), "same_title"),
        (item(variants=()), "no_variant"),
        (item(variants=(variant(title=7),)), "title"),
        (item(variants=(variant(price=1.5),)), "price"),
        (item(variants=(variant(quantity="3"),), counts="total"), "total"),
    ],
)
def test_what_cannot_be_is_refused(wanted: Item, word: str) -> None:
    made = planned(wanted, codes={"12": 7, "99": 9})

    assert (made.entries, [p.word for p in made.problems]) == ([], [word])


def test_two_products_of_a_file_do_not_get_the_same_code() -> None:
    fields = {**item().fields, "code": "A1"}

    made = planned(item(source="own:1", fields=fields), item(source="own:2", fields=fields, row=3))

    assert [entry.source for entry in made.entries] == ["own:1"]
    assert [(p.row, p.word) for p in made.problems] == [(3, "code_taken")]


def test_pictures_that_cannot_be_shown_are_left_out_and_said() -> None:
    pictures = ["http://a.example/1.png", "javascript:x", "https://a.example/2.png"]

    made = planned(item(source="own:new", fields={**item().fields, "pictures": pictures}))

    assert made.entries[0].args["pictures"] == ["https://a.example/2.png"]
    assert [(p.word, p.fatal) for p in made.problems] == [("picture", False)] * 2
