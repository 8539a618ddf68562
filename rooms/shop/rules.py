"""What a product is, what holds of it look like, and how their ids are checked; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from server.errors import Refused

HOLD_SECONDS = 300
"""How long a reservation is held for whoever made it, unless the product says otherwise."""
OFFER_MS = 120_000
"""The same for somebody who waited and may not be looking."""
MOST_QUANTITY = 99
KEY_LIMIT = 64


class HoldState(StrEnum):
    """What became of a reservation."""

    HELD = "held"
    RELEASED = "released"
    """Its person let it go, or the shop cancelled the payment."""
    EXPIRED = "expired"
    VOID = "void"
    """Redis lost it, or the host lowered the stock below what was held."""
    ORDERED = "ordered"


class OrderState(StrEnum):
    """Where an order is; placed and paid ones count as sold."""

    PLACED = "placed"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUND_DUE = "refund_due"
    """Paid after the hold had ended, when nothing was left: the money has to go back."""
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Variant:
    """What is counted: a product has one or more. Prices are in minor units."""

    id: str
    title: str
    code: str
    price: int
    was_price: int | None
    total: int
    sold: int
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """A flash sale: one price for every variant, from `starts_at` to before `ends_at` (ms)."""

    id: str
    product_id: str
    room_id: str
    price: int
    total: int
    sold: int
    per_person: int | None
    starts_at: int
    ends_at: int

    def is_on(self, at: int) -> bool:
        """Tell whether this price holds at a time of the server, in ms."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold. `sale` is the one that is on or comes next."""

    id: str
    title: str
    about: str
    code: str | None
    currency: str
    pictures: tuple[str, ...]
    per_person: int | None
    checkout: str
    checkout_url: str
    stopped: bool
    version: int
    variants: tuple[Variant, ...]
    sale: Sale | None = None
    archived: bool = False
    hold_seconds: int = HOLD_SECONDS

    def variant(self, id: str) -> Variant:
        """Give a variant by its id; `not_found` when it is not one of this product."""
        for variant in self.variants:
            if variant.id == id:
                return variant
        raise Refused("not_found", "There is no such variant.")


@dataclass(frozen=True, slots=True)
class Reservation:
    """Stock that is held for somebody; times are ms of the server, money is minor units."""

    id: str
    product_id: str
    variant_id: str
    room_id: str | None
    person: str
    name: str
    named: bool
    quantity: int
    price: int
    discount: int
    currency: str
    state: HoldState
    seq: int
    at: int
    until: int
    sale_id: str | None = None
    coupon_id: str | None = None
    source: str = "sheet"

    @property
    def amount(self) -> int:
        """What is to be paid for all together."""
        return self.price * self.quantity - self.discount


@dataclass(frozen=True, slots=True)
class Order:
    """What a reservation became when Postgres had decided; `at` is in ms."""

    id: str
    reservation_id: str
    product_id: str
    variant_id: str
    room_id: str | None
    person: str
    name: str
    quantity: int
    amount: int
    currency: str
    state: OrderState
    payment: str
    at: int


_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def number(args: Mapping[str, Any], field: str) -> int:
    """Read an id ("42") as the number that it has in the database; `invalid` when it is none."""
    value = args.get(field)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise Refused("invalid", f'{field} is a number in quotes, like "42".', field=field)


def reservation_key(value: object) -> str:
    """Check the key that a buyer chose, under which a repetition has one effect."""
    if (
        isinstance(value, str)
        and 1 <= len(value) <= KEY_LIMIT
        and value.isascii()
        and value.isprintable()
    ):
        return value
    raise Refused("invalid", f"key takes 1 to {KEY_LIMIT} printable ASCII characters.", field="key")


def product_channel(product_id: str) -> str:
    """Name what carries a product's holds to the database; nobody listens there."""
    return f"product:{product_id}"
