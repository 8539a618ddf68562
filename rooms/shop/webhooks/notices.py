"""What the shop may tell us, read from bytes that were signed; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson

from rooms.rules import message_uuid
from server.errors import Refused

Outcome = Literal["paid", "failed", "cancelled", "refunded"]
OUTCOMES: Mapping[str, Outcome] = {
    "order.paid": "paid",
    "order.failed": "failed",
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
}
"""What the shop may tell of a payment."""
MOST_BODY = 65_536
MOST_ID = 200
MOST_AMOUNT = 2**53 - 1
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of a payment, as the shop tells it; `amount` in minor units."""

    id: str
    kind: str
    reservation: str
    payment: str
    amount: int
    currency: str
    restock: bool

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        return OUTCOMES[self.kind]

    def stored(self) -> dict[str, Any]:
        """Give what is kept of it."""
        return asdict(self)

    def check(self, amount: int, currency: str) -> None:
        """Compare with what was reserved; `invalid` when it is about other money."""
        if self.currency != currency:
            raise Refused(
                "invalid",
                f"This reservation is in {currency}, not {self.currency}.",
                field="currency",
            )
        if self.amount != amount:
            raise Refused(
                "invalid",
                f"This reservation is over {amount} {currency} in minor units, not {self.amount}.",
                field="amount",
            )


def notice_of(raw: bytes) -> Notice:
    """Read a notice; Refused malformed, too_large, or invalid with the field that is wrong."""
    if len(raw) > MOST_BODY:
        raise Refused("too_large", f"A notice takes at most {MOST_BODY:,} bytes.")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused("malformed", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refused("malformed", "The body has to be a JSON object.")
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in OUTCOMES:
        raise Refused("invalid", f"kind is one of {', '.join(OUTCOMES)}.", field="kind")
    return Notice(
        id=_name(body, "id", 1),
        kind=kind,
        reservation=_reservation(body.get("reservation")),
        payment=_name(body, "payment", 1 if kind in ("order.paid", "order.refunded") else 0),
        amount=_amount(body.get("amount")),
        currency=_currency(body.get("currency")),
        restock=_flag(body.get("restock", True)),
    )


def _name(body: Mapping[str, Any], field: str, least: int) -> str:
    value = body.get(field, "")
    if isinstance(value, str) and least <= len(value) <= MOST_ID and value.isprintable():
        return value
    raise Refused("invalid", f"{field} takes up to {MOST_ID} printable characters.", field=field)


def _reservation(value: object) -> str:
    try:
        message_uuid(value)
    except Refused:
        raise Refused(
            "invalid", "reservation is the id of a reservation.", field="reservation"
        ) from None
    return str(value)


def _amount(value: object) -> int:
    if type(value) is int and 0 <= value <= MOST_AMOUNT:
        return value
    raise Refused("invalid", "amount is a whole number of minor units.", field="amount")


def _currency(value: object) -> str:
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value
    raise Refused("invalid", "currency is an ISO 4217 code, like JPY.", field="currency")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Refused("invalid", "restock is true or false.", field="restock")
