"""Products as pages, the API, the socket and the rest of the shop read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from rooms.shop.rules import Product, Sale, Variant
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)


async def product(db: Queries, id: int | str, *, at: int | None = None) -> Product:
    """Give a product, archived ones too; `not_found` when there is none.

    Its sale is the one that is on at a time in ms, or comes next; without a time, that of Postgres.
    """
    found = await products(db, [id], at=at)
    if not found:
        raise Refused("not_found", "There is no such product.")
    return found[0]


async def products(
    db: Queries, ids: Iterable[int | str], *, at: int | None = None
) -> list[Product]:
    """Give those of these products that exist, in the order of the ids; `at` as in `product`."""
    time = None if at is None else datetime.fromtimestamp(at / 1000, UTC)
    rows = await db.all(SQL.products, [int(id) for id in ids], time)
    return [product_of(row) for row in rows]


def product_of(row: Record) -> Product:
    """Make a product of a row with its `variants` and its `sale`."""
    return Product(
        id=str(row["id"]),
        title=row["title"],
        about=row["about"],
        code=row["code"],
        currency=row["currency"],
        pictures=tuple(row["pictures"]),
        per_person=row["per_person"],
        checkout=row["checkout"],
        checkout_url=row["checkout_url"],
        stopped=row["stopped"],
        version=row["version"],
        variants=tuple(_variant(each) for each in row["variants"]),
        sale=_sale(row["id"], row["sale"]) if row["sale"] else None,
        archived=row["archived_at"] is not None,
        hold_seconds=row["hold_seconds"],
    )


def _variant(values: dict[str, Any]) -> Variant:
    return Variant(
        id=str(values["id"]),
        title=values["title"],
        code=values["code"],
        price=values["price"],
        was_price=values["was_price"],
        total=values["total"],
        sold=values["sold"],
        sku=values["sku"],
    )


def _sale(product: int, values: dict[str, Any]) -> Sale:
    return Sale(
        id=str(values["id"]),
        product_id=str(product),
        room_id=str(values["room_id"]),
        price=values["price"],
        total=values["total"],
        sold=values["sold"],
        per_person=values["per_person"],
        starts_at=values["starts_at"],
        ends_at=values["ends_at"],
    )
