"""What a room sells, as a scripted server tells it."""

from __future__ import annotations

import time
from typing import Any

from rooms.shop.events import ProductInfo, product_info, reservation_info
from rooms.shop.rules import HoldState, Product, Reservation, Sale, Variant


def now() -> int:
    """Give the server's time in ms."""
    return round(time.time() * 1000)


def goods(number: int, title: str, *left: int, price: int = 4950, **more: Any) -> ProductInfo:
    """Make a product with a variant for each count of what is left."""
    names = ["30 mL", "50 mL", "100 mL"]
    variants = [
        Variant(f"{number}{n}", names[n] if len(left) > 1 else "", "", price, None, count, 0)
        for n, count in enumerate(left)
    ]
    sale = more.pop("sale", None)
    values: dict[str, Any] = {
        "id": str(number),
        "title": title,
        "about": "",
        "code": str(number),
        "currency": "JPY",
        "pictures": (),
        "per_person": None,
        "checkout": "community",
        "checkout_url": "",
        "stopped": False,
        "version": 1,
        "variants": tuple(variants),
        "sale": sale and Sale("5", str(number), "1", **sale),
        **more,
    }
    return product_info(Product(**values), now())


def flash(price: int = 3960, *, starts: int = -60, ends: int = 272) -> dict[str, Any]:
    """Make a flash sale of 50, of which 38 are sold; times are seconds from now."""
    at = now()
    times = {"starts_at": at + starts * 1000, "ends_at": at + ends * 1000}
    return {"price": price, "total": 50, "sold": 38, "per_person": 2, **times}


def shelf(*products: ProductInfo, pinned: str | None = None, **more: Any) -> dict[str, Any]:
    """Make what GET shelf answers."""
    empty: dict[str, Any] = {"reservations": [], "coupons": [], "giveaways": []}
    return {"products": list(products), "pinned": pinned, "now": now(), **empty, **more}


def held(
    product: ProductInfo, quantity: int = 1, seconds: int = 300, **more: Any
) -> dict[str, Any]:
    """Make a reservation of the first variant."""
    variant = product["variants"][0]
    sale = product["sale"]
    made = Reservation(
        id=more.pop("id", "R" * 22),
        product_id=product["id"],
        variant_id=variant["id"],
        room_id="1",
        person="m1",
        name="みお",
        named=False,
        quantity=quantity,
        price=sale["price"] if sale and sale["on"] else variant["price"],
        discount=0,
        currency=product["currency"],
        state=HoldState(more.pop("state", "held")),
        seq=1,
        at=now(),
        until=now() + seconds * 1000,
    )
    return {**reservation_info(made, product["title"]), **more}
