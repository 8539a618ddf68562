"""What the live page shows of products at first; live/offers.js works out the same later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rooms.shop.events import ProductInfo

LOW = 10
"""So many are few."""
FEW = 25
"""So many percent of a sale are few too."""
EMPTY: Mapping[str, Any] = {
    "products": [],
    "pinned": None,
    "now": 0,
    "reservations": [],
    "coupons": [],
    "giveaways": [],
}
"""The shelf of a room that sells nothing."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a product costs and what is left of it; `share` is of a sale, 0 to 100."""

    price: int
    was: int | None
    percent: int
    differs: bool
    left: int
    in_carts: int
    low: bool
    share: int | None
    count_to: int | None
    on: bool


def offer_of(product: ProductInfo) -> Offer:
    """Work out what is shown of a product."""
    sale, variants = product["sale"], product["variants"]
    on = sale is not None and sale["on"]
    cheapest = min(variants, key=lambda each: each["price"], default=None)
    price = cheapest["price"] if cheapest else 0
    was = (cheapest["was_price"] or 0) if cheapest else 0
    left = sum(each["left"] for each in variants)
    if sale is not None and on:
        price, was, left = sale["price"], price, min(left, sale["left"])
    left = max(0, left)
    share = min(100, left * 100 // sale["total"]) if sale and on and sale["total"] else None
    return Offer(
        price=price,
        was=was if was > price else None,
        percent=(was - price) * 100 // was if was > price else 0,
        differs=not on and any(each["price"] != price for each in variants),
        left=left,
        in_carts=sum(each["in_carts"] for each in variants),
        low=left <= LOW or (share is not None and share <= FEW),
        share=share,
        count_to=(sale["ends_at"] if on else sale["starts_at"]) if sale else None,
        on=on,
    )


def picture_of(product: ProductInfo) -> str:
    """Give the address of the picture on cards; empty without one."""
    first = next(iter(product["pictures"]), "")
    if not first or first.startswith(("https://", "http://", "/")):
        return first
    return f"/media/{first}"
