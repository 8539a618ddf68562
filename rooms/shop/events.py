"""Every push of the shop: what its body holds, and how it is made. Money is minor units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

from rooms.shop.rules import Order, Product, Reservation, Sale


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
    """A flash sale that is on or comes next.

    `on` says whether its price holds; clients wait to be told and never judge by their clock.
    """

    id: str
    on: bool
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
    offline: bool
    """Whether the host takes the payment; otherwise a shop does, at an address of its own."""


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
    """A notice: what became of a comment that meant to buy.

    `outcome` is ok, an error word, or `ask.` and what is asked back; `text` is the comment.
    """

    event: Literal["order.spoken"]
    message: str
    outcome: str
    text: str
    product: NotRequired[str]
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


class CouponEnded(TypedDict):
    """A coupon can be claimed no more; who claimed it still has it."""

    event: Literal["coupon.ended"]
    id: str


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
    CouponEnded,
    GiveawayOpened,
    GiveawayDrawn,
)
"""Every push that the shop sends."""


def product_info(
    product: Product,
    at: int,
    left: Mapping[str, tuple[int, int]] | None = None,
    sale_left: int | None = None,
) -> ProductInfo:
    """Describe a product at a time of the server (ms), which decides whether a sale is on.

    `left` gives (left, in carts) per variant, as Redis has them. Without it nobody holds anything
    and everything that is not sold is left.
    """
    known = left or {}
    variants: list[VariantInfo] = []
    for variant in product.variants:
        free, in_carts = known.get(variant.id, (max(0, variant.total - variant.sold), 0))
        variants.append(
            VariantInfo(
                id=variant.id,
                title=variant.title,
                code=variant.code,
                price=variant.price,
                was_price=variant.was_price,
                left=free,
                in_carts=in_carts,
            )
        )
    return ProductInfo(
        id=product.id,
        title=product.title,
        about=product.about,
        code=product.code,
        currency=product.currency,
        pictures=list(product.pictures),
        per_person=product.per_person,
        variants=variants,
        sale=sale_info(product.sale, at, sale_left) if product.sale else None,
        stopped=product.stopped,
        offline=product.checkout == "offline",
    )


def sale_info(sale: Sale, at: int, left: int | None = None) -> SaleInfo:
    """Describe a flash sale at a time (ms); without `left` nobody holds any of it."""
    return SaleInfo(
        id=sale.id,
        on=sale.is_on(at),
        price=sale.price,
        total=sale.total,
        left=max(0, sale.total - sale.sold) if left is None else left,
        per_person=sale.per_person,
        starts_at=sale.starts_at,
        ends_at=sale.ends_at,
    )


def reservation_info(reservation: Reservation, title: str) -> ReservationInfo:
    """Describe a reservation to its person; `title` names product and variant."""
    return ReservationInfo(
        id=reservation.id,
        product=reservation.product_id,
        variant=reservation.variant_id,
        title=title,
        quantity=reservation.quantity,
        price=reservation.price,
        discount=reservation.discount,
        amount=reservation.amount,
        currency=reservation.currency,
        state=reservation.state.value,
        until=reservation.until,
    )


def order_info(order: Order, title: str) -> OrderInfo:
    """Describe an order to its person; `title` names product and variant."""
    return OrderInfo(
        id=order.id,
        reservation=order.reservation_id,
        product=order.product_id,
        variant=order.variant_id,
        title=title,
        quantity=order.quantity,
        amount=order.amount,
        currency=order.currency,
        state=order.state.value,
        at=order.at,
    )
