"""What a flash sale, a rundown and a pin may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rooms.shop.rules import Product, Sale, Variant
from rooms.shop.show import rules
from server.errors import Refused

NOW = 1_764_000_000_000
MINUTE = 60_000


def product(*prices: int, currency: str = "JPY") -> Product:
    variants = tuple(
        Variant(str(n), f"V{n}", f"V{n}", price, None, total=10, sold=3)
        for n, price in enumerate(prices, 1)
    )
    words: dict[str, Any] = {"about": "", "code": "12", "pictures": (), "per_person": None}
    checkout: dict[str, Any] = {"checkout": "offline", "checkout_url": ""}
    return Product(
        id="1",
        title="Serum",
        currency=currency,
        stopped=False,
        version=1,
        variants=variants,
        **words,
        **checkout,
    )


def asked(**more: Any) -> dict[str, Any]:
    return {"price": 3960, "total": 5, "minutes": 5, **more}


def problem(args: dict[str, Any], of: Product) -> tuple[str, Any]:
    with pytest.raises(Refused) as refused:
        rules.read_sale(args, of, NOW)
    return refused.value.code, refused.value.details.get("problem", refused.value.details["field"])


def test_a_sale_begins_after_its_countdown_and_lasts_its_minutes() -> None:
    draft = rules.read_sale(asked(starts_in=10, per_person=2), product(4950), NOW)

    assert (draft.starts_at, draft.ends_at) == (NOW + 10_000, NOW + 10_000 + 5 * MINUTE)
    assert (draft.price, draft.total, draft.per_person) == (3960, 5, 2)


def test_a_price_is_read_as_people_write_it_in_the_currency_of_the_product() -> None:
    assert rules.read_sale(asked(price="￥3,960"), product(4950), NOW).price == 3960
    assert rules.read_sale(asked(price="39.60"), product(4950, currency="USD"), NOW).price == 3960
    assert problem(asked(price="39.60"), product(4950)) == ("invalid", "too_fine")


def test_a_sale_is_cheaper_than_each_variant() -> None:
    assert problem(asked(), product(4950, 3960)) == ("invalid", "not_below")
    assert problem(asked(price="0"), product(4950)) == ("invalid", "nothing")


@pytest.mark.parametrize(
    ("field", "value"),
    [("minutes", 0), ("minutes", 21), ("total", 0), ("per_person", 0), ("starts_in", -1)],
)
def test_a_sale_keeps_its_bounds(field: str, value: int) -> None:
    assert problem(asked(**{field: value}), product(4950)) == ("invalid", field)


def test_a_sale_grows_only_while_it_is_on_and_up_to_its_longest() -> None:
    sale = Sale("1", "1", "1", 1, 5, 0, None, NOW, NOW + 19 * MINUTE)

    assert rules.longer(sale, 1, NOW) == NOW + 20 * MINUTE
    for minutes, at, word in [(2, NOW, "sale_long"), (1, NOW + 19 * MINUTE, "sale_over")]:
        with pytest.raises(Refused) as refused:
            rules.longer(sale, minutes, at)
        assert refused.value.details["problem"] == word


def test_a_product_moves_within_the_rundown_and_not_beyond_its_ends() -> None:
    assert rules.moved([1, 2, 3], 3, -1) == [1, 3, 2]
    assert rules.moved([1, 2, 3], 1, 1) == [2, 1, 3]
    assert rules.moved([1, 2, 3], 2, -9) == [2, 1, 3]
    assert rules.moved([1, 2, 3], 2, 9) == [1, 3, 2]


def test_the_second_of_a_pin_counts_from_the_start_of_the_broadcast() -> None:
    began = datetime.fromtimestamp(NOW / 1000, UTC)

    assert rules.second_of(began, NOW + 61_999) == 61
    assert rules.second_of(began + timedelta(seconds=9), NOW) == 0
    assert rules.second_of(None, NOW) is None


def test_a_moment_is_exact_to_the_millisecond() -> None:
    for at in (NOW + 1, NOW + 333, NOW + 999):
        assert round(rules.moment(at).timestamp() * 1000) == at
        assert rules.moment(at).microsecond == at % 1000 * 1000
