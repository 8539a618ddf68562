"""Orders as pages, the API and the socket show them."""

from __future__ import annotations

from asyncpg import Record

from rooms.rules import message_id, message_uuid
from rooms.shop.rules import Order, OrderState
from rooms.shop.stock.rules import joined
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)
Titled = tuple[Order, str]
"""An order, and the title of what it is of."""


async def order(db: Queries, id: int | str) -> Titled:
    """Give an order; `not_found` when there is none."""
    row = await db.one(SQL.order_by_id, int(id))
    if row is None:
        raise Refused("not_found", "There is no such order.")
    return order_of(row), title_in(row)


async def of_reservation(db: Queries, reservation_id: str) -> Titled | None:
    """Give what a reservation became; None when it has not become anything."""
    row = await db.one(SQL.of_reservation, message_uuid(reservation_id))
    return (order_of(row), title_in(row)) if row else None


async def of_person(
    db: Queries, person: str, *, limit: int = 50, before: str | None = None
) -> list[Titled]:
    """Give what somebody ordered, the newest first, from before an order on."""
    rows = await db.all(SQL.of_person, person, limit, int(before) if before else None)
    return [(order_of(row), title_in(row)) for row in rows]


async def listed(
    db: Queries,
    *,
    limit: int = 100,
    before: str | None = None,
    product: str | None = None,
    state: OrderState | None = None,
) -> list[Titled]:
    """List orders for the host, the newest first."""
    rows = await db.all(
        SQL.listed,
        limit,
        int(before) if before else None,
        int(product) if product else None,
        state.value if state else None,
    )
    return [(order_of(row), title_in(row)) for row in rows]


def order_of(row: Record) -> Order:
    """Make an order of a row."""
    return Order(
        id=str(row["id"]),
        reservation_id=message_id(row["reservation_id"]),
        product_id=str(row["product_id"]),
        variant_id=str(row["variant_id"]),
        room_id=str(row["room_id"]) if row["room_id"] else None,
        person=row["person"],
        name=row["name"],
        quantity=row["quantity"],
        amount=row["amount"],
        currency=row["currency"],
        state=OrderState(row["state"]),
        payment=row["payment"],
        at=round(row["created_at"].timestamp() * 1000),
    )


def title_in(row: Record) -> str:
    """Name what a row of `orders` is of."""
    return joined(row["product_title"], row["variant_title"])
