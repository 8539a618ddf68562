"""What has to be true when a sale is over, of the database and of what everybody was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from loadtest.sale.buyers import CLOSED, NO_ANSWER, Told
from loadtest.sale.stall import Stall

SOLD: Final = frozenset(("placed", "paid"))
JUMPED: Final = """
SELECT count(*) FROM reservations r JOIN waiting w USING (variant_id)
LEFT JOIN reservations served
  ON served.variant_id = w.variant_id AND served.person = w.person AND served.source = 'waiting'
WHERE r.variant_id = $1 AND r.source <> 'waiting' AND w.seq < r.seq AND w.state <> 'left'
  AND (served.seq IS NULL OR served.seq > r.seq)"""
SERVED: Final = """
SELECT w.seq FROM reservations r JOIN waiting w USING (variant_id, person)
WHERE r.variant_id = $1 AND r.source = 'waiting' ORDER BY r.seq"""


async def problems(stall: Stall, people: Sequence[Told]) -> list[str]:
    """Name everything that is not as it has to be."""
    variant = int(stall.variant)
    [counted] = await stall.query("SELECT total, sold FROM variants WHERE id = $1", variant)
    rows = await stall.query(
        "SELECT o.person, o.quantity, o.state, o.reservation_id, r.key FROM orders o"
        " JOIN reservations r ON r.id = o.reservation_id WHERE o.variant_id = $1",
        variant,
    )
    found = _sold(counted, rows)
    found += _once(rows, people)
    found += _told(rows, people)
    found += _unserved(people)
    [[jumped]] = await stall.query(JUMPED, variant)
    if jumped:
        found.append(f"{jumped} reservations went before somebody who waited already")
    served = [row[0] for row in await stall.query(SERVED, variant)]
    if served != sorted(served):
        found.append("those who waited were not served in the order of the reservation counter")
    return found


def _sold(counted: Any, rows: Sequence[Any]) -> list[str]:
    sold = sum(row["quantity"] for row in rows if row["state"] in SOLD)
    if sold == counted["sold"] == counted["total"]:
        return []
    return [f"{sold} in orders, {counted['sold']} counted as sold, of {counted['total']}"]


def _once(rows: Sequence[Any], people: Sequence[Told]) -> list[str]:
    """One reservation for each key, and one order."""
    found = []
    many = [key for told in people for key, ids in told.reservations.items() if len(ids) > 1]
    if many:
        found.append(f"{len(many)} keys were answered with several reservations")
    orders = Counter((row["person"], row["key"]) for row in rows)
    if twice := sum(1 for count in orders.values() if count > 1):
        found.append(f"{twice} keys have several orders")
    owners = Counter(row["person"] for row in rows if row["state"] in SOLD)
    if more := sum(1 for count in owners.values() if count > 1):
        found.append(f"{more} people have more than the one that each may have")
    return found


def _unserved(people: Sequence[Told]) -> list[str]:
    """Name those who never got an answer, however often they asked."""
    words = Counter(word for told in people for word in told.refused)
    return [
        f"{count} times: {word}"
        for word, count in words.items()
        if word == NO_ANSWER or word.startswith(CLOSED)
    ]


def _told(rows: Sequence[Any], people: Sequence[Told]) -> list[str]:
    """Everybody who paid has an order or the money back, and was told the same each time."""
    stands = {row["person"]: row["state"] for row in rows}
    found = []
    for told in people:
        if not told.orders:
            continue
        states = {answer.get("order", {}).get("state", str(answer)) for answer in told.orders}
        if states != {stands.get(told.person)}:
            found.append(
                f"{told.person} was told {sorted(states)}, {stands.get(told.person)} is so"
            )
    return found[:5]
