"""What a rundown, a pin and a flash sale may be; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rooms.rules import whole
from rooms.shop import money
from rooms.shop.rules import Product, Sale
from server.errors import Refused

MOST_PRODUCTS = 100
"""Products of one rundown."""
MOST_MINUTES = 20
"""The longest flash sale, extensions included."""
MOST_WAIT = 3600
"""The longest countdown before a flash sale, in seconds."""
MOST_PIECES = 1_000_000
_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class SaleDraft:
    """A checked flash sale before it has an id; times are ms of the server."""

    price: int
    total: int
    per_person: int | None
    starts_at: int
    ends_at: int


def read_sale(args: Mapping[str, Any], product: Product, now: int) -> SaleDraft:
    """Check a flash sale {price, total, per_person?, starts_in? (s), minutes} of a product.

    The price is in minor units, or a text as people write amounts.
    """
    price = _price(args.get("price"), product.currency)
    cheapest = min((variant.price for variant in product.variants), default=0)
    if price >= cheapest:
        raise Refused(
            "invalid",
            "The price of a flash sale lies below the normal price of each variant.",
            field="price",
            problem="not_below",
            normal=cheapest,
        )
    per_person = None
    if args.get("per_person") is not None:
        per_person = whole(args, "per_person", least=1, most=MOST_PIECES)
    starts_in = whole({"starts_in": 0, **args}, "starts_in", least=0, most=MOST_WAIT)
    starts_at = now + starts_in * 1000
    return SaleDraft(
        price=price,
        total=whole(args, "total", least=1, most=MOST_PIECES),
        per_person=per_person,
        starts_at=starts_at,
        ends_at=starts_at + whole(args, "minutes", least=1, most=MOST_MINUTES) * _MINUTE,
    )


def _price(value: object, currency: str) -> int:
    if isinstance(value, str):
        price = money.parse(value, currency)
    else:
        price = whole({"price": value}, "price", least=1, most=money.MOST)
    if price < 1:
        raise Refused("invalid", "A price is more than nothing.", field="price", problem="nothing")
    return price


def in_stock(product: Product) -> int:
    """Count what is not sold yet, all variants together."""
    return sum(variant.total - variant.sold for variant in product.variants)


def longer(sale: Sale, minutes: int, now: int) -> int:
    """Give the new end of a sale, in ms; refused when it is over or would last too long."""
    if now >= sale.ends_at:
        raise Refused("invalid", "This flash sale is over.", problem="sale_over")
    ends_at = sale.ends_at + minutes * _MINUTE
    if ends_at - sale.starts_at > MOST_MINUTES * _MINUTE:
        raise Refused(
            "invalid",
            f"A flash sale lasts at most {MOST_MINUTES} minutes.",
            field="minutes",
            problem="sale_long",
        )
    return ends_at


def moved(ids: Sequence[int], id: int, by: int) -> list[int]:
    """Give the order in which one of them stands so many places further down, or up."""
    rest = [other for other in ids if other != id]
    place = min(max(0, list(ids).index(id) + by), len(rest))
    return [*rest[:place], id, *rest[place:]]


def second_of(started_at: datetime | None, now: int) -> int | None:
    """Give the second of a broadcast at a time in ms; None before it began."""
    if started_at is None:
        return None
    return max(0, (now - round(started_at.timestamp() * 1000)) // 1000)


def code_pattern(code: str | None) -> str | None:
    """Give a pattern that finds a code alone in a text; None without a code."""
    if code is None:
        return None
    # Words of Japanese and Thai stand beside it without a blank.
    return f"(^|[^0-9a-z]){re.escape(code)}($|[^0-9a-z])"


def moment(at: int) -> datetime:
    """Give a time in ms as the database keeps it, exact to the ms."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)


def planned(value: object) -> datetime | None:
    """Read when a product is planned, in ms since 1970; None for no time."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**43:
        return moment(value)
    raise Refused("invalid", "planned_at is a time in ms since 1970.", field="planned_at")
