"""What a claimed coupon takes off a reservation; in integers, and each claim once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from server.database import Queries
from server.errors import Refused

GRACE_MS = 3_600_000
"""How long a claimed coupon can be used after the last one could be claimed, in ms."""

_USE = """
UPDATE coupon_claims c SET reservation_id = $3, used_at = to_timestamp($4 / 1000.0)
FROM coupons k
WHERE c.coupon_id = $1 AND c.person = $2 AND k.id = c.coupon_id
  AND (c.reservation_id IS NULL OR c.reservation_id = $3
       OR EXISTS (SELECT FROM reservations r WHERE r.id = c.reservation_id
                  AND r.state IN ('released', 'expired', 'void'))
       -- A process died between this and its reservation.
       OR c.used_at < to_timestamp($4 / 1000.0) - interval '10 minutes'
          AND NOT EXISTS (SELECT FROM reservations r WHERE r.id = c.reservation_id))
RETURNING 1
"""
_CLAIMED = """
SELECT k.*, c.reservation_id
FROM coupons k JOIN coupon_claims c ON c.coupon_id = k.id AND c.person = $2
WHERE k.id = $1
"""
_GIVE_BACK = """
UPDATE coupon_claims SET reservation_id = NULL, used_at = NULL
WHERE person = $1 AND reservation_id = $2
"""


@dataclass(frozen=True, slots=True)
class Discount:
    """What a coupon takes off: a percentage, or an amount in minor units; exactly one is set."""

    coupon_id: int
    percent: int | None = None
    amount: int | None = None

    def off(self, total: int) -> int:
        """Give what is taken off a total in minor units: rounded down, never more than it."""
        if self.percent is not None:
            return total * self.percent // 100
        return min(self.amount or 0, total)


async def use(
    db: Queries,
    coupon_id: int,
    person: str,
    reservation_id: UUID,
    *,
    product_id: int,
    currency: str,
    at: int,
) -> Discount:
    """Bind a person's claimed coupon to the reservation about to be made; `at` in ms.

    It is free again when that reservation ends without an order, after `give_back`, or ten minutes
    later when the reservation never came to be. Refused: not_found when it was not claimed,
    invalid with a `problem` (other_product, other_currency, used), expired.
    """
    row = await db.one(_CLAIMED, coupon_id, person)
    if row is None:
        raise Refused("not_found", "You have not claimed this coupon.", field="coupon")
    if at > _ms(row["ends_at"]) + GRACE_MS:
        raise Refused("expired", "This coupon is over.", field="coupon")
    if row["product_id"] is not None and row["product_id"] != product_id:
        _unfit("other_product", "This coupon is for another product.")
    if row["currency"] is not None and row["currency"] != currency:
        _unfit("other_currency", "This coupon is for another currency.")
    if await db.value(_USE, coupon_id, person, reservation_id, at) is None:
        _unfit("used", "This coupon was used already.")
    return Discount(coupon_id, row["percent"], row["amount"])


async def give_back(db: Queries, person: str, reservation_id: UUID) -> None:
    """Free what `use` bound to a reservation that was refused."""
    await db.run(_GIVE_BACK, person, reservation_id)


def _unfit(problem: str, sentence: str) -> None:
    raise Refused("invalid", sentence, field="coupon", problem=problem)


def _ms(at: Any) -> int:
    moment: datetime = at.astimezone(UTC)
    return round(moment.timestamp() * 1000)
