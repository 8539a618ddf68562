"""What a product needs before it can be sold."""

from __future__ import annotations

from typing import Any

import pytest

from rooms.shop.catalogue.rules import check_change, draft_of, fingerprint, fold, read_draft
from rooms.shop.rules import Product, Variant
from server.errors import Refused


def form(**more: Any) -> dict[str, Any]:
    variant = {"title": "", "price": 3960, "was_price": 4950, "total": 12}
    return {"title": "Serum 30mL", "currency": "JPY", "variants": [variant], **more}


def sizes(*codes: str) -> list[dict[str, Any]]:
    return [
        {"title": f"Size {n}", "code": code, "price": 100, "total": 1}
        for n, code in enumerate(codes)
    ]


def product(**more: Any) -> Product:
    variant = Variant("7", "", "", 3960, None, 12, 5)
    values: dict[str, Any] = {"about": "", "code": None, "currency": "JPY", "pictures": ()}
    values |= {"per_person": None, "checkout": "community", "checkout_url": "", "stopped": False}
    return Product(
        **{"id": "1", "title": "Serum", "version": 1, "variants": (variant,), **values, **more}
    )


@pytest.mark.parametrize(
    ("said", "folded"),
    [("１２ M", "12m"), ("١٢ M", "12m"), ("๑๒", "12"), ("ＡＢ－1", "ab-1"), ("STRAẞE", "strasse")],
)
def test_a_code_is_the_same_in_any_width_case_and_digits(said: str, folded: str) -> None:
    assert fold(said) == folded


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": " "}, None),
        ({"title": "x" * 201}, None),
        ({"about": "x" * 5001}, None),
        ({"currency": "YEN"}, None),
        ({"currency": None}, "currency"),
        ({"code": "a b c!"}, "code"),
        ({"code": "x" * 21}, "code"),
        ({"pictures": ["http://a.example/p.png"]}, "picture"),
        ({"pictures": ["javascript:alert(1)"]}, "picture"),
        ({"pictures": ["/media/../secret.png"]}, "picture"),
        ({"pictures": [f"https://a.example/{n}" for n in range(11)]}, "many_pictures"),
        ({"per_person": 0}, "per_person"),
        ({"per_person": 1.5}, "per_person"),
        ({"checkout": "cash"}, None),
        ({"checkout": "address"}, "checkout_url"),
        ({"checkout_url": "http://shop.example/pay"}, "checkout_url"),
        ({"checkout_url": "https://user:pass@shop.example/"}, "checkout_url"),
        ({"checkout_url": "https://shop.example;script-src *"}, "checkout_url"),
        ({"hold_seconds": 4}, "hold_seconds"),
        ({"variants": []}, "no_variant"),
        ({"variants": sizes("") * 101}, "many_variants"),
        ({"variants": sizes("a", "A")}, "same_code"),
        ({"variants": sizes("")}, "ok"),
        ({"variants": [{"price": 1, "total": 1}] * 2}, "same_title"),
        ({"variants": [{"price": -1, "total": 1}]}, "negative"),
        ({"variants": [{"price": 1, "total": -1}]}, "negative"),
        ({"variants": [{"price": 1.5, "total": 1}]}, "price"),
        ({"variants": [{"price": True, "total": 1}]}, "price"),
        ({"variants": [{"price": 1}]}, "total"),
        ({"variants": [{"price": 5, "was_price": 5, "total": 1}]}, "was_price"),
        ({"variants": [{"price": 2**53, "total": 1}]}, "price"),
    ],
)
def test_what_is_wrong_with_a_product_is_named(
    changes: dict[str, Any], problem: str | None
) -> None:
    if problem == "ok":
        assert read_draft(form(**changes)).variants[0].code == ""
        return

    with pytest.raises(Refused) as refused:
        read_draft(form(**changes))

    assert refused.value.details.get("problem") == problem
    if "variants" in changes and problem not in ("no_variant", "many_variants"):
        assert refused.value.details["place"] in (0, 1)


@pytest.mark.parametrize("address", ["https://shop.example/pay", "http://127.0.0.1:8080/pay"])
def test_a_checkout_is_https_or_on_this_machine(address: str) -> None:
    assert read_draft(form(checkout="address", checkout_url=address)).checkout_url == address


def test_variants_without_a_code_take_one_from_their_name() -> None:
    named = [{"title": t, "price": 1, "total": 1} for t in ("Ｍ", "さくら 30", "!!", "x" * 30)]
    named.append({"title": "Other", "code": "M", "price": 1, "total": 1})

    draft = read_draft(form(variants=named))

    assert [v.code for v in draft.variants] == ["1", "さくら30", "3", "4", "m"]


def test_a_sign_of_a_product_changes_with_what_people_decide_and_not_with_what_is_sold() -> None:
    sold = Variant("7", "", "", 3960, None, 12, 9)

    assert fingerprint(product()) == fingerprint(product(variants=(sold,), version=9))
    assert fingerprint(product()) != fingerprint(product(title="Cream"))
    assert fingerprint(product()) != fingerprint(product(archived=True))


def test_a_stock_cannot_be_lower_than_what_was_sold() -> None:
    low = Variant("7", "", "", 3960, None, 4, 4)

    with pytest.raises(Refused) as refused:
        check_change(product(), draft_of(product(variants=(low,))))

    assert refused.value.details["problem"] == "below_sold"
    assert (refused.value.details["sold"], refused.value.details["place"]) == (5, 0)


def test_a_product_that_was_sold_keeps_its_currency() -> None:
    with pytest.raises(Refused) as refused:
        check_change(product(), draft_of(product(currency="USD")))

    assert refused.value.details["problem"] == "currency_fixed"
