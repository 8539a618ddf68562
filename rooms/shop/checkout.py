"""Where people pay: the address of the shop behind it, with what they reserved, signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rooms.shop import signing
from rooms.shop.rules import Product, Reservation
from server.context import Context
from server.database import Queries
from server.errors import Refused

GRACE_MS = 900_000
"""How long after the end of a hold its address is still valid: payments may be under way."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the owner decided about the shop behind it; the newest secret comes first."""

    url: str = ""
    secrets: tuple[str, ...] = ()


async def load(db: Queries) -> Checkout:
    """Read what the owner decided."""
    row = await db.one("SELECT checkout_url, secrets FROM shop_settings")
    return Checkout(row["checkout_url"], tuple(row["secrets"])) if row else Checkout()


async def address(ctx: Context, product: Product, reservation: Reservation) -> str:
    """Give where a reservation is paid for, signed; `invalid` while the owner has named no shop."""
    checkout = await load(ctx.db)
    url = product.checkout_url if product.checkout == "address" else checkout.url
    if not url or not checkout.secrets:
        raise Refused("invalid", "The shop has not said yet where to pay.")
    claims = claims_of(ctx.settings.public_url, product, reservation)
    return signing.address(url, signing.token(checkout.secrets, claims))


def claims_of(public_url: str, product: Product, reservation: Reservation) -> dict[str, Any]:
    """Give what the shop is told of a reservation; times are ms, money is minor units."""
    variant = next((v for v in product.variants if v.id == reservation.variant_id), None)
    return {
        "id": reservation.id,
        "product": reservation.product_id,
        "variant": reservation.variant_id,
        "sku": variant.sku if variant else "",
        "title": f"{product.title} {variant.title if variant else ''}".strip(),
        "quantity": reservation.quantity,
        "amount": reservation.amount,
        "currency": reservation.currency,
        "until": reservation.until,
        "expires": reservation.until + GRACE_MS,
        "return": f"{public_url}/orders?{signing.PARAMETER}={reservation.id}",
    }
