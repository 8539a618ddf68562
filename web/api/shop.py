"""POST /v1/shop/webhook: what the shop behind it tells of payments."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms.shop import signing
from rooms.shop.events import OrderInfo
from rooms.shop.orders import actions as orders
from rooms.shop.webhooks.receiving import RETRY_MS, receive
from server.errors import Refused
from web.api.table import Endpoint, json
from web.session import context_of


class ShopNotice(TypedDict):
    """What became of a payment; `amount` in minor units of `currency`, as it was reserved."""

    id: str
    kind: str
    reservation: str
    payment: str
    amount: int
    currency: str
    restock: bool


class ShopAnswer(TypedDict):
    """What we made of it: the order and its state, `refund_due` when the money has to go back."""

    id: str
    order: OrderInfo | None
    state: str


async def shop_webhook(request: Request) -> Response:
    """Do what a signed notice says, once; an `unavailable` one has to be repeated."""
    raw = await request.body()
    header = request.headers.get(signing.HEADER, "")
    try:
        return json(await receive(context_of(request), header, raw, orders.settle))
    except Refused as refused:
        if refused.code == "unavailable" and refused.retry_after is None:
            raise Refused("unavailable", refused.message, retry_after=RETRY_MS) from refused
        raise


endpoints = [
    Endpoint(
        "POST",
        "/v1/shop/webhook",
        shop_webhook,
        "Tell what became of a payment, signed in the header Hiroba-Signature.",
        ShopAnswer,
        body=ShopNotice,
        errors=(
            *("malformed", "unauthenticated", "expired", "not_found", "duplicate_conflict"),
            *("too_large", "invalid", "unavailable"),
        ),
    ),
]
