"""What somebody wants to have held, and how the answers of the scripts read; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

from rooms.rules import flag, message_id, message_uuid, room_number, whole
from rooms.shop.rules import (
    MOST_QUANTITY,
    HoldState,
    Product,
    Reservation,
    number,
    reservation_key,
)
from server.errors import HirobaError, Refused

MOST_TOTAL = 1_000_000
"""The most of one variant that can be sold."""
MOST_WAITING = 10_000
"""How many may wait for one product."""
REMEMBER_MS = 86_400_000
"""How long Redis knows what was answered under a key."""


@dataclass(frozen=True, slots=True)
class Discount:
    """What a coupon takes off: percent of all together, or an amount in minor units."""

    coupon_id: str
    percent: int | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to have held; `price` is the one that they saw, None for any."""

    product_id: str
    variant_id: str
    quantity: int
    key: str
    price: int | None = None
    room_id: str | None = None
    named: bool = True
    source: str = "sheet"
    coupon: Discount | None = None

    def id_for(self, person: str) -> str:
        """Give the id of the reservation: the same for every repetition of a wish.

        So there is one for a key, whatever Redis has forgotten.
        """
        return reservation_id(self.product_id, person, self.key)

    @property
    def digest(self) -> str:
        """Give what a repetition has to have in common with the first try."""
        coupon = self.coupon.coupon_id if self.coupon else ""
        return f"{self.variant_id} {self.quantity} {coupon}"


@dataclass(frozen=True, slots=True)
class Left:
    """What can be had now: per variant (left, in carts), and what is left of the sale."""

    variants: Mapping[str, tuple[int, int]]
    sale: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """How one variant stands; `held` sums the holds, `counter` is what the scripts use."""

    total: int
    sold: int
    held: int
    counter: int
    waiting: int

    @property
    def available(self) -> int:
        """Give what can be had now."""
        return self.total - self.sold - self.held


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the stock of a product stands at one moment (ms); `seq` counts reservations."""

    version: int
    at: int
    stopped: bool
    seq: int
    sale_left: int | None = None
    variants: Mapping[str, Level] = field(default_factory=dict)

    def left(self) -> Left:
        """Give what buyers may know of it."""
        return Left(
            {id: (max(0, each.available), each.held) for id, each in self.variants.items()},
            self.sale_left,
        )


def read_wanted(args: Mapping[str, Any], coupon: Discount | None = None) -> Wanted:
    """Read {product, variant, quantity, key, price?, room?, named?}; `invalid` names the field."""
    price = None
    if args.get("price") is not None:
        price = whole(args, "price", least=0, most=2**53 - 1)
    return Wanted(
        product_id=str(number(args, "product")),
        variant_id=str(number(args, "variant")),
        quantity=whole(args, "quantity", least=1, most=MOST_QUANTITY),
        key=reservation_key(args.get("key")),
        price=price,
        room_id=None if args.get("room") is None else str(room_number(args["room"])),
        named=args.get("named") is None or flag(args, "named"),
        coupon=coupon,
    )


def reservation_id(product_id: str, person: str, key: str) -> str:
    """Name the reservation of a person under a key: a UUID (version 8), 22 characters."""
    parts = f"{product_id}\0{person}\0{key}".encode()
    raw = bytearray(blake2b(parts, digest_size=16).digest())
    raw[6] = 0x80 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return message_id(UUID(bytes=bytes(raw)))


def read_reservation_id(args: Mapping[str, Any], name: str = "id") -> str:
    """Read the id of a reservation; `not_found` when it cannot be one."""
    try:
        return message_id(message_uuid(args.get(name)))
    except Refused:
        raise no_reservation() from None


def no_reservation() -> Refused:
    """Say that there is no such reservation, or that it is another person's."""
    return Refused("not_found", "There is no such reservation.")


def title_of(product: Product, variant_id: str) -> str:
    """Name what is bought: product and variant."""
    names = [v.title for v in product.variants if v.id == variant_id]
    return joined(product.title, names[0] if names else "")


def joined(product: str, variant: str) -> str:
    """Join the titles of a product and a variant, which is empty where there is only one."""
    return f"{product} · {variant}" if variant else product


def wish_of(wanted: Wanted, person: str, name: str) -> dict[str, Any]:
    """Give a wish as reserve.lua takes it."""
    wish: dict[str, Any] = {
        "id": wanted.id_for(person),
        "variant": wanted.variant_id,
        "person": person,
        "name": name,
        "named": wanted.named,
        "room": wanted.room_id,
        "key": wanted.key,
        "source": wanted.source,
        "quantity": wanted.quantity,
        "price": wanted.price,
    }
    if wanted.coupon is not None:
        wish["coupon"] = wanted.coupon.coupon_id
        wish["percent"] = wanted.coupon.percent
        wish["off"] = wanted.coupon.amount
    return given(wish)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: to the scripts that is not there."""
    return {name: value for name, value in values.items() if value is not None}


def hold_of(product_id: str, hold: Mapping[str, Any]) -> Reservation:
    """Make a reservation of a hold as the scripts keep it."""
    return Reservation(
        id=hold["id"],
        product_id=product_id,
        variant_id=hold["variant"],
        room_id=hold.get("room"),
        person=hold["person"],
        name=hold["name"],
        named=hold["named"],
        quantity=hold["quantity"],
        price=hold["price"],
        discount=hold["discount"],
        currency=hold["currency"],
        state=HoldState.HELD,
        seq=hold["seq"],
        at=hold["at"],
        until=hold["until"],
        sale_id=hold.get("sale"),
        coupon_id=hold.get("coupon"),
        source=hold["source"],
    )


def as_hold(r: Reservation, key: str) -> dict[str, Any]:
    """Give a reservation as the scripts keep it."""
    return given(
        {
            "id": r.id,
            "variant": r.variant_id,
            "room": r.room_id,
            "person": r.person,
            "name": r.name,
            "named": r.named,
            "key": key,
            "quantity": r.quantity,
            "price": r.price,
            "discount": r.discount,
            "currency": r.currency,
            "seq": r.seq,
            "at": r.at,
            "until": r.until,
            "sale": r.sale_id,
            "coupon": r.coupon_id,
            "source": r.source,
        }
    )


def refusal(word: str, rest: Sequence[Any]) -> Refused:
    """Say why a script refused, in the words of the wire."""
    match word:
        case "conflict":
            return Refused("duplicate_conflict", "Something else was reserved under this key.")
        case "too_late":
            return Refused("unavailable", "Redis did not answer in time.")
        case "stale":
            return Refused("unavailable", "The stock is being counted anew.", retry_after=500)
        case "stopped":
            return Refused("unavailable", "The host has stopped the sale.", stopped=True)
        case "backlog":
            return Refused("backlog", "Too much waits to be saved.", retry_after=1000)
        case "not_found":
            return Refused("not_found", "There is no such product or variant.")
        case "price":
            return Refused("expired", "The price has changed.", price=rest[0])
        case "sold_out":
            left, of_sale, price = rest
            details = {"left": left, "sale": bool(of_sale), "price": price}
            return Refused("sold_out", "There are not that many left.", waiting=True, **details)
        case "limit_reached":
            most, left = rest
            return Refused("limit_reached", "That is more than one may buy.", most=most, left=left)
        case "full":
            return Refused("limit_reached", "Too many wait for this already.")
        case "pinned":
            return Refused("too_late", "It is being paid.")
    raise HirobaError(f"a script about stock answered {word!r}")
