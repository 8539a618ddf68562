"""The names of what shops are told; pure."""

from __future__ import annotations

from typing import Literal, get_args

Told = Literal[
    "reservation.held",
    "reservation.released",
    "reservation.expired",
    "reservation.void",
    "order.placed",
    "order.paid",
    "order.cancelled",
    "order.refund_due",
    "order.refunded",
    "stock.changed",
]
"""The kinds of events that an endpoint may ask for."""
KINDS: tuple[str, ...] = get_args(Told)
