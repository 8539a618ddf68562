"""What the rules of stock and orders say, without Redis and Postgres."""

from __future__ import annotations

import pytest

from rooms.shop.orders.rules import OUTCOMES, SOLD, Buyer, next_state, told_of
from rooms.shop.rules import HoldState, OrderState, Reservation
from rooms.shop.stock import rules
from rooms.shop.stock.rules import Level, Snapshot, Wanted
from server.errors import Refused

ARGS = {"product": "4", "variant": "7", "quantity": 2, "key": "k"}


def test_a_wish_is_read_from_the_wire() -> None:
    wanted = rules.read_wanted({**ARGS, "price": 900, "room": "3", "named": False})

    assert wanted == Wanted("4", "7", 2, "k", price=900, room_id="3", named=False)
    assert rules.read_wanted(ARGS).named


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("product", 4), ("product", "0"), ("product", "4 "), ("variant", None)),
        *(("quantity", 0), ("quantity", 100), ("quantity", "2"), ("quantity", True)),
        *(("quantity", 1.5), ("key", ""), ("key", "k" * 65), ("key", "é"), ("key", 5)),
        *(("price", -1), ("price", 1.0), ("price", 2**53), ("room", 3), ("named", "yes")),
    ],
)
def test_what_is_no_wish_is_refused_and_named(field: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        rules.read_wanted({**ARGS, field: value})

    assert refused.value.code == "invalid"
    assert refused.value.details["field"] == field


def test_a_reservation_has_the_same_id_for_the_same_person_and_key_only() -> None:
    ids = {
        rules.reservation_id(*parts)
        for parts in (
            *(("4", "m1", "k"), ("5", "m1", "k"), ("4", "m2", "k"), ("4", "m1", "j")),
            # Parts that only look alike when they are put together.
            *(("4", "m1\0k", ""), ("4m", "1", "k")),
        )
    }

    assert len(ids) == 6
    assert rules.reservation_id("4", "m1", "k") in ids
    assert all(rules.read_reservation_id({"id": id}) == id for id in ids)


@pytest.mark.parametrize("id", [None, "", "x", "A" * 23, 7])
def test_what_is_no_id_is_no_reservation(id: object) -> None:
    with pytest.raises(Refused) as refused:
        rules.read_reservation_id({"id": id})

    assert refused.value.code == "not_found"


def test_a_hold_survives_the_way_to_the_scripts_and_back() -> None:
    reservation = Reservation(
        *("id", "4", "7", "3", "m1", "Ken", True, 2, 900, 100, "JPY", HoldState.HELD, 5, 10, 20),
        sale_id="6",
        coupon_id=None,
        source="comment",
    )

    hold = rules.as_hold(reservation, "k")

    assert rules.hold_of("4", hold) == reservation
    assert reservation.amount == 1700
    assert "coupon" not in hold


def test_a_wish_says_nothing_of_what_is_not_wished() -> None:
    wish = rules.wish_of(Wanted("4", "7", 1, "k"), "m1", "Ken")

    assert wish.keys() == {
        *("id", "variant", "person", "name", "named", "key", "source", "quantity"),
    }


def test_buyers_never_read_of_less_than_nothing() -> None:
    # For one moment another writer may have sold what is still held.
    stands = Snapshot(1, 0, False, 3, None, {"7": Level(5, 4, 2, 2, 0)})

    assert stands.variants["7"].available == -1
    assert stands.left().variants == {"7": (0, 2)}


@pytest.mark.parametrize(
    "word",
    [
        *("conflict", "too_late", "stale", "stopped", "backlog", "not_found", "price"),
        *("sold_out", "limit_reached", "full", "pinned"),
    ],
)
def test_every_refusal_of_a_script_has_a_sentence(word: str) -> None:
    rest = {"price": (5,), "sold_out": (1, 0, 5), "limit_reached": (2, 1)}.get(word, ())

    refused = rules.refusal(word, rest)

    assert refused.message.endswith(".")


def test_news_that_comes_again_changes_nothing() -> None:
    for state in OrderState:
        for outcome in OUTCOMES:
            once = next_state(state, outcome)
            assert next_state(once, outcome) is once


def test_nothing_but_money_going_back_ends_an_order_that_is_paid() -> None:
    assert next_state(OrderState.PAID, "failed") is OrderState.PAID
    assert next_state(OrderState.PAID, "cancelled") is OrderState.CANCELLED
    assert next_state(OrderState.PAID, "refunded") is OrderState.REFUNDED
    assert next_state(OrderState.REFUND_DUE, "cancelled") is OrderState.REFUND_DUE
    assert next_state(OrderState.REFUNDED, "paid") not in SOLD


def test_one_buyer_is_named_who_agreed_and_the_others_are_counted() -> None:
    ken, ann = Buyer("m1", "Ken", True), Buyer("m2", "Ann", False)
    shy_ken = Buyer("m1", "Ken", False)

    assert told_of([ann, ken, ann]) == (ken, 1)
    assert told_of([ann]) == (None, 1)
    assert told_of([ken]) == (ken, 0)
    assert told_of([ken, shy_ken]) == (None, 1)
