"""The load test of selling, small: it holds, and it can fail."""

from __future__ import annotations

from pathlib import Path

import loadtest.__main__
from loadtest.report import write
from loadtest.sale import verdict
from loadtest.sale.buyers import CLOSED, NO_ANSWER, Told


async def test_a_small_sale_sells_what_there_is_and_nothing_twice(tmp_path: Path) -> None:
    words = ("sale", "--buyers", "12", "--stock", "6", "--gateways", "2", "--rush", "12")
    options = loadtest.__main__._parser().parse_args([*words, "--reservations", "40"])

    report = await loadtest.__main__.SCENARIOS["sale"].run(options)

    assert report.problems == []
    write(report, tmp_path)
    rows = {row.name: row for row in report.rows}
    assert rows["sold out"].more["orders_paid"] == 6
    assert rows["rush"].more["held"] == 6
    assert rows["rush"].more["sold_out"] == 6
    assert rows["full speed"].more["held"] == 40


def row(person: str, state: str, key: str = "k1") -> dict[str, object]:
    return {"person": person, "quantity": 1, "state": state, "key": key}


def test_more_orders_than_stock_are_found_out() -> None:
    rows = [row("m1", "paid"), row("m2", "placed"), row("m3", "refund_due")]

    assert verdict._sold({"total": 2, "sold": 2}, rows) == []
    assert verdict._sold({"total": 1, "sold": 1}, rows) != []
    assert verdict._sold({"total": 3, "sold": 2}, rows) != []


def test_a_second_reservation_or_order_for_a_key_is_found_out() -> None:
    once = Told("m1", reservations={"k1": {"a"}})
    twice = Told("m1", reservations={"k1": {"a", "b"}})

    assert verdict._once([row("m1", "paid")], [once]) == []
    assert verdict._once([row("m1", "paid")], [twice]) != []
    assert verdict._once([row("m1", "paid"), row("m1", "cancelled")], [once]) != []
    assert verdict._once([row("m1", "paid", "k1"), row("m1", "paid", "k2")], [once]) != []


def test_somebody_who_was_told_something_else_is_found_out() -> None:
    paid = Told("m1", orders=[{"order": {"state": "paid"}}])

    assert verdict._told([row("m1", "paid")], [paid]) == []
    assert verdict._told([row("m1", "refund_due")], [paid]) != []
    assert verdict._told([], [paid]) != []


def test_somebody_who_never_got_an_answer_is_found_out() -> None:
    assert verdict._unserved([Told(refused=["sold_out", "limit_reached"])]) == []
    assert verdict._unserved([Told(refused=["sold_out", NO_ANSWER])]) != []
    assert verdict._unserved([Told(refused=[f"{CLOSED} 4505"])]) != []
