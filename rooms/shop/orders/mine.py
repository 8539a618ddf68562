"""What somebody reserved and ordered, as their own page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rooms.rules import message_uuid
from rooms.shop.rules import HoldState, OrderState, Reservation
from rooms.shop.stock.reads import reservation_of, title_in
from server.database import Queries, statements
from server.errors import Refused

if TYPE_CHECKING:
    from asyncpg import Record

SQL = statements(__package__, "mine.sql")
LATE_MS = 120_000
"""How long after the end of a hold the shop may still be about to say that it was paid."""


@dataclass(frozen=True, slots=True)
class Mine:
    """A reservation of somebody, and the order that it became; `changed_at` in ms."""

    reservation: Reservation
    title: str
    picture: str
    checkout: str
    """`community`, `address` or `offline`: how its product is paid for."""
    checkout_url: str
    order_id: str | None
    order_state: OrderState | None
    changed_at: int
    room_slug: str | None
    room_title: str | None

    def state(self, now: int) -> str:
        """Say where it stands at a time of the server: the order's state, or the hold's.

        A hold whose time is over counts as `expired`, whether anybody wrote that down yet or not.
        """
        if self.order_state is not None:
            return self.order_state.value
        if self.is_held(now) or self.reservation.state is not HoldState.HELD:
            return self.reservation.state.value
        return HoldState.EXPIRED.value

    def is_held(self, now: int) -> bool:
        """Whether it can be paid for and let go."""
        held = self.order_state is None and self.reservation.state is HoldState.HELD
        return held and now < self.reservation.until

    def may_change(self, now: int) -> bool:
        """Whether the shop may be about to say something, after somebody came back from it."""
        if self.order_state is not None:
            return self.order_state is OrderState.REFUND_DUE
        return now < self.reservation.until + LATE_MS


async def listed(
    db: Queries, person: str, *, before: int | None = None, limit: int = 30
) -> list[Mine]:
    """Give what somebody reserved, the newest first, made before a time (ms)."""
    at = None if before is None else datetime.fromtimestamp(before / 1000, UTC)
    return [_mine(row) for row in await db.all(SQL.mine, person, None, at, limit)]


async def one(db: Queries, person: str, reservation: str) -> Mine | None:
    """Give one reservation of somebody; None when it is not theirs."""
    try:
        id = message_uuid(reservation)
    except Refused:
        return None
    row = await db.one(SQL.mine, person, id, None, 1)
    return None if row is None else _mine(row)


def _mine(row: Record) -> Mine:
    changed = row["changed_at"] or row["at"]
    return Mine(
        reservation=reservation_of(row),
        title=title_in(row),
        picture=row["picture"] or "",
        checkout=row["checkout"],
        checkout_url=row["checkout_url"],
        order_id=None if row["order_id"] is None else str(row["order_id"]),
        order_state=None if row["order_state"] is None else OrderState(row["order_state"]),
        changed_at=round(changed.timestamp() * 1000),
        room_slug=row["room_slug"],
        room_title=row["room_title"],
    )
