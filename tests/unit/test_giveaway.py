"""Coupons and draws without a server: what is refused, and that a draw can be computed again."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from rooms.shop.gifts import rules
from server.errors import Refused

SEED = bytes(range(32))
PEOPLE = [f"m{n}" for n in range(1, 40)] + ["gAbCdEfGhIjKlMnOp", "g_-0123456789abcd"]


def random(count: int) -> bytes:
    return bytes(range(count))


def test_a_seed_reproduces_its_winners_whatever_the_order_of_the_entries() -> None:
    winners = rules.drawn(SEED, PEOPLE, 3)

    assert len(set(winners)) == 3
    assert rules.drawn(SEED, reversed(PEOPLE), 3) == winners
    assert rules.verify(SEED, sha256(SEED).digest(), PEOPLE, winners)


def test_the_draw_is_what_the_documentation_says() -> None:
    digest = sha256("".join(p + "\n" for p in sorted(PEOPLE)).encode()).digest()
    scores = {p: sha256(SEED + digest + p.encode()).hexdigest() for p in PEOPLE}

    assert rules.drawn(SEED, PEOPLE, 41) == sorted(PEOPLE, key=scores.__getitem__)


def test_whatever_was_changed_afterwards_is_found_out() -> None:
    commitment, winners = rules.commitment_of(SEED), rules.drawn(SEED, PEOPLE, 3)
    other = bytes(32)

    assert not rules.verify(other, commitment, PEOPLE, rules.drawn(other, PEOPLE, 3))
    assert not rules.verify(SEED, commitment, [*PEOPLE, "m99"], winners)
    assert not rules.verify(SEED, commitment, PEOPLE[1:], winners)
    assert not rules.verify(SEED, commitment, [*PEOPLE, PEOPLE[0]], winners)
    assert not rules.verify(SEED, commitment, PEOPLE, winners[::-1])
    assert not rules.verify(SEED, commitment, PEOPLE, [*winners[:2], "m1x"])


def test_an_entry_more_changes_everybodys_score() -> None:
    before, after = rules.drawn(SEED, PEOPLE, 41), rules.drawn(SEED, [*PEOPLE, "m99"], 42)

    assert [person for person in after if person != "m99"] != before


def test_a_draw_with_few_or_no_entries_gives_all_of_them() -> None:
    assert rules.drawn(SEED, ["m1"], 3) == ["m1"]
    assert rules.drawn(SEED, [], 3) == []
    assert rules.verify(SEED, rules.commitment_of(SEED), [], [])


def test_a_coupon_takes_off_a_percentage_or_an_amount() -> None:
    least = {"cap": 10, "minutes": 5}

    by_part = rules.read_coupon({**least, "percent": 20, "code": " tea-２０ "}, random)
    by_amount = rules.read_coupon({**least, "amount": "5.00", "currency": "USD"}, random)

    assert (by_part.code, by_part.percent, by_part.amount, by_part.currency) == (
        *("TEA-20", 20, None),
        None,
    )
    assert (by_amount.code, by_amount.amount, by_amount.currency) == ("23456789", 500, "USD")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("percent", {"percent": None}),
        ("percent", {"amount": 5, "currency": "JPY"}),
        ("percent", {"percent": 0}),
        ("percent", {"percent": 101}),
        ("percent", {"percent": "20"}),
        ("percent", {"percent": 12.5}),
        ("percent", {"percent": True}),
        ("currency", {"percent": None, "amount": 5}),
        ("currency", {"percent": None, "amount": 5, "currency": "DEM"}),
        ("amount", {"percent": None, "amount": 0, "currency": "JPY"}),
        ("amount", {"percent": None, "amount": 2**53, "currency": "JPY"}),
        ("amount", {"percent": None, "amount": "-5", "currency": "JPY"}),
        ("amount", {"percent": None, "amount": 1.5, "currency": "JPY"}),
        ("cap", {"cap": 0}),
        ("cap", {"cap": 1_000_001}),
        ("cap", {"cap": "10"}),
        ("minutes", {"minutes": 0}),
        ("minutes", {"minutes": 1441}),
        ("code", {"code": "A B"}),
        ("code", {"code": "<b>"}),
        ("code", {"code": "A" * 41}),
        ("code", {"code": 7}),
        ("product", {"product": 7}),
    ],
)
def test_a_coupon_that_cannot_be_is_refused_by_the_field(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        rules.read_coupon({"percent": 20, "cap": 10, "minutes": 5, **wrong}, random)

    assert (refused.value.code, refused.value.details["field"]) == ("invalid", field)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("invalid", {"title": ""}),
        ("invalid", {"title": None}),
        ("too_large", {"title": "x" * 121}),
        ("invalid", {"winners": 0}),
        ("invalid", {"winners": 101}),
        ("invalid", {"winners": "1"}),
        ("invalid", {"seconds": 4}),
        ("invalid", {"seconds": 86_401}),
        ("invalid", {"seconds": None}),
    ],
)
def test_a_giveaway_that_cannot_be_is_refused(code: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        rules.read_giveaway({"title": "Tea", "winners": 1, "seconds": 60, **wrong})

    assert refused.value.code == code
