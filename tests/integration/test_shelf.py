"""What a room sells, as its page and GET shelf tell it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from rooms.shop.stock import actions
from server.settings import Settings
from tests.integration.market import Market
from tests.integration.street import Street, street


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Street]:
    async with street(settings, gateways=1) as made:
        yield made


async def test_the_shelf_tells_rundown_pin_stock_and_what_the_asker_holds(town: Street) -> None:
    world = town.world
    host, mio = await world.member("Nagi"), await world.member("Mio")
    room = await world.room("shop", "live")
    broadcast = await world.showing(room, host)
    market = Market(world, room, host)
    cup, pot = await market.product(5, title="Cup"), await market.product(2, title="Pot")
    for place, product in enumerate((pot, cup)):
        await world.db.run(
            "INSERT INTO rundown (broadcast_id, product_id, place) VALUES ($1, $2, $3)",
            broadcast,
            int(product.id),
            place,
        )
    await world.db.run(
        "INSERT INTO product_pins (room_id, product_id, pinned_at) VALUES ($1, $2, now())",
        int(room.id),
        int(cup.id),
    )
    held, _ = await actions.reserve(world.ctx, mio, market.wanted(cup, 2))
    await market.save(cup)

    async with httpx.AsyncClient(base_url=town.urls[0]) as http:
        anyone = (await http.get(f"/v1/rooms/{room.id}/shelf")).json()
        mine = await http.get(
            f"/v1/rooms/{room.id}/shelf",
            headers={"Authorization": f"Bearer {await town.token(mio)}"},
        )
        page = await http.get("/rooms/shop?lang=en")

    assert [product["title"] for product in anyone["products"]] == ["Pot", "Cup"]
    assert anyone["pinned"] == cup.id
    assert (
        anyone["products"][1]["variants"][0] | {"left": 3, "in_carts": 2}
        == (anyone["products"][1]["variants"][0])
    )
    assert anyone["reservations"] == []
    assert [each["id"] for each in mine.json()["reservations"]] == [held.id]
    assert "3 left" in page.text
    assert "in 2 carts" in page.text
    assert "¥1,000" in page.text
