"""Products as pages, the API, the socket and the rest of the shop read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from rooms.shop.rules import Product, Sale, Variant
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)
AT_ONCE = 500


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


async def catalogue(
    db: Queries, *, part: str = "", archived: bool = False, limit: int = 50, skip: int = 0
) -> list[Product]:
    """List products, the newest first; `part` is of a title, or a code or a SKU."""
    wanted = unicodedata.normalize("NFKC", part).strip().lower()
    rows = await db.all(SQL.catalogue, wanted, archived, limit, skip)
    return await products(db, [row["id"] for row in rows])


async def counted(db: Queries) -> tuple[int, int]:
    """Give how many products are in the catalogue, and how many are archived."""
    row = await db.one(SQL.counted)
    return (row["here"], row["archived"]) if row else (0, 0)


async def every(db: Queries, limit: int) -> list[Product]:
    """Give the whole catalogue, the oldest first."""
    return await many(db, [row["id"] for row in await db.all(SQL.every, limit)])


async def many(db: Queries, ids: Iterable[int]) -> list[Product]:
    """Give products as `products` does, in statements short enough for thousands of them."""
    wanted = list(ids)
    found: list[Product] = []
    for at in range(0, len(wanted), AT_ONCE):
        found += await products(db, wanted[at : at + AT_ONCE])
    return found


async def sources(db: Queries, named: Iterable[str]) -> dict[str, int]:
    """Find products by where an import took them from."""
    rows = await db.all(SQL.sources, list(named))
    return {row["source"]: row["id"] for row in rows}


async def sources_of(db: Queries, ids: Iterable[int | str]) -> dict[str, str]:
    """Give where products were imported from, by id."""
    rows = await db.all(SQL.sources_of, [int(id) for id in ids])
    return {str(row["id"]): row["source"] or "" for row in rows}


async def codes(db: Queries, named: Iterable[str]) -> dict[str, int]:
    """Tell which product has which code."""
    rows = await db.all(SQL.codes, list(named))
    return {row["code"]: row["id"] for row in rows}


async def usual_currency(db: Queries) -> str | None:
    """Give the currency of the newest product."""
    found = await db.value(SQL.currency)
    return None if found is None else str(found)


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
