"""Products as they are read: with variants in their order and the sale that counts."""

from __future__ import annotations

import pytest

from rooms.shop.catalogue.reads import product, products
from server.database import Database
from server.errors import Refused


async def test_products_come_in_the_order_asked_for_with_variants_and_sale(
    database: Database,
) -> None:
    ids = [
        await database.value(
            "INSERT INTO products (title, currency) VALUES ($1, 'JPY') RETURNING id", title
        )
        for title in ("Cup", "Pot")
    ]
    await database.run(
        """INSERT INTO variants (product_id, place, title, code, price, total)
           VALUES ($1, 2, 'Blue', 'b', 200, 5), ($1, 1, 'Red', 'r', 100, 4)""",
        ids[0],
    )
    room = await database.value(
        "INSERT INTO rooms (kind, slug, title) VALUES ('live', 'tea', 'Tea') RETURNING id"
    )
    await database.run(
        """INSERT INTO sales (product_id, room_id, price, total, starts_at, ends_at)
           VALUES ($1, $2, 80, 3, to_timestamp(1000), to_timestamp(1060)),
                  ($1, $2, 70, 3, to_timestamp(2000), to_timestamp(2060))""",
        ids[0],
        room,
    )

    found = await products(database, [str(ids[1]), ids[0], 999], at=1_060_000)

    assert [each.title for each in found] == ["Pot", "Cup"]
    assert [variant.title for variant in found[1].variants] == ["Red", "Blue"]
    assert found[1].sale is not None
    assert (found[1].sale.price, found[1].sale.starts_at) == (70, 2_000_000)
    assert found[0].sale is None


async def test_a_product_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(Refused) as refused:
        await product(database, "7")

    assert refused.value.code == "not_found"
