"""What may become of an order, and how purchases are told to a room; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rooms.shop.rules import OrderState

Outcome = Literal["paid", "failed", "cancelled", "refunded"]
"""What a shop, or a host in its place, says of a payment."""
OUTCOMES: tuple[Outcome, ...] = ("paid", "failed", "cancelled", "refunded")

SOLD = frozenset({OrderState.PLACED, OrderState.PAID})
"""The states that count as sold."""


def next_state(state: OrderState, outcome: Outcome) -> OrderState:
    """Give what an order becomes; the same state where the news changes nothing.

    A cancelled order that is paid after all is a payment that came late: that is decided anew, by
    the stock, so PAID here only says what is asked for.
    """
    match outcome:
        case "paid":
            may = {OrderState.PLACED, OrderState.CANCELLED}
            return OrderState.PAID if state in may else state
        case "failed":
            # One try at paying failed; that says nothing of an order which is paid.
            return OrderState.CANCELLED if state is OrderState.PLACED else state
        case "cancelled":
            return OrderState.CANCELLED if state in SOLD else state
        case "refunded":
            return OrderState.REFUNDED


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who bought, and whether others may read that."""

    person: str
    name: str
    named: bool


def told_of(newest_first: Iterable[Buyer]) -> tuple[Buyer | None, int]:
    """Give who is named, the newest who agreed to it, and how many others there are."""
    buyers: dict[str, Buyer] = {}
    for buyer in newest_first:
        known = buyers.get(buyer.person)
        # Who wished once not to be named is not, whatever they said another time.
        if known is None or (known.named and not buyer.named):
            buyers[buyer.person] = buyer
    named = next((buyer for buyer in buyers.values() if buyer.named), None)
    return named, len(buyers) - (named is not None)
