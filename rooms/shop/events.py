"""Every push of the shop: what its body holds. Money is minor units, times are ms."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class VariantInfo(TypedDict):
    """A variant as clients see it; `left` can be had now, `in_carts` is held by others."""

    id: str
    title: str
    code: str
    price: int
    was_price: int | None
    left: int
    in_carts: int


class SaleInfo(TypedDict):
    """A flash sale that is on or comes next."""

    id: str
    price: int
    total: int
    left: int
    per_person: int | None
    starts_at: int
    ends_at: int


class ProductInfo(TypedDict):
    """A product as clients see it."""

    id: str
    title: str
    about: str
    code: str | None
    currency: str
    pictures: list[str]
    per_person: int | None
    variants: list[VariantInfo]
    sale: SaleInfo | None
    stopped: bool


class ReservationInfo(TypedDict):
    """A reservation as its person sees it."""

    id: str
    product: str
    variant: str
    title: str
    quantity: int
    price: int
    discount: int
    amount: int
    currency: str
    state: str
    until: int


class OrderInfo(TypedDict):
    """An order as its person sees it."""

    id: str
    reservation: str
    product: str
    variant: str
    title: str
    quantity: int
    amount: int
    currency: str
    state: str
    at: int


class StockLeft(TypedDict):
    """What is left of one variant."""

    id: str
    left: int
    in_carts: int


class StockChanged(TypedDict):
    """Passing: what is left of a product, never recovered."""

    event: Literal["stock.changed"]
    product: str
    variants: list[StockLeft]
    sale_left: int | None


class ProductPinned(TypedDict):
    """A product is shown above the comments, in place of any before it."""

    event: Literal["product.pinned"]
    product: ProductInfo
    second: int | None


class ProductUnpinned(TypedDict):
    """No product is shown above the comments any more."""

    event: Literal["product.unpinned"]
    id: str


class ProductChanged(TypedDict):
    """A product of this room's shelf is new or changed: price, sale, stop."""

    event: Literal["product.changed"]
    product: ProductInfo


class ProductRemoved(TypedDict):
    """A product is no longer on this room's shelf."""

    event: Literal["product.removed"]
    id: str


class PurchaseMade(TypedDict):
    """Some people bought; `name` only of one who wants to be named."""

    event: Literal["purchase.made"]
    product: str
    title: str
    name: str | None
    others: int


class ReservationChanged(TypedDict):
    """A notice: a reservation of its addressee came to be or ended; `why` says more."""

    event: Literal["reservation.changed"]
    reservation: ReservationInfo
    why: str


class OrderChanged(TypedDict):
    """A notice: an order of its addressee."""

    event: Literal["order.changed"]
    order: OrderInfo


class OrderSpoken(TypedDict):
    """A notice: what became of a comment that meant to buy; `outcome` is ok or an error word."""

    event: Literal["order.spoken"]
    message: str
    outcome: str
    text: str
    reservation: NotRequired[ReservationInfo]


class CouponDropped(TypedDict):
    """A coupon can be claimed by as many as `cap`, until `ends_at`."""

    event: Literal["coupon.dropped"]
    id: str
    code: str
    percent: int | None
    amount: int | None
    currency: str | None
    product: str | None
    cap: int
    ends_at: int


class CouponCounted(TypedDict):
    """Passing: how many were claimed."""

    event: Literal["coupon.counted"]
    id: str
    claimed: int
    cap: int


class GiveawayOpened(TypedDict):
    """Whoever enters before `closes_at` may win; the commitment is the SHA-256 of the seed."""

    event: Literal["giveaway.opened"]
    id: str
    title: str
    winners: int
    closes_at: int
    commitment: str


class Winner(TypedDict):
    """Who won; `person` is what the draw was computed over."""

    person: str
    name: str
    place: int


class GiveawayDrawn(TypedDict):
    """Who won, with everything that it takes to compute it again; bytes are hexadecimal."""

    event: Literal["giveaway.drawn"]
    id: str
    title: str
    seed: str
    entries: int
    entries_digest: str
    winners: list[Winner]


PUSHES = (
    StockChanged,
    ProductPinned,
    ProductUnpinned,
    ProductChanged,
    ProductRemoved,
    PurchaseMade,
    ReservationChanged,
    OrderChanged,
    OrderSpoken,
    CouponDropped,
    CouponCounted,
    GiveawayOpened,
    GiveawayDrawn,
)
"""Every push that the shop sends."""
