"""What a room sells, as its page and GET shelf tell it."""

from __future__ import annotations

import re
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


async def test_a_form_without_scripts_reserves_once_however_often_it_is_sent(town: Street) -> None:
    world = town.world
    host, mio = await world.member("Nagi"), await world.member("Mio")
    room = await world.room("shop", "live")
    await world.showing(room, host)
    market = Market(world, room, host)
    cup = await market.product(5, title="Cup")
    await world.db.run(
        "INSERT INTO product_pins (room_id, product_id, pinned_at) VALUES ($1, $2, now())",
        int(room.id),
        int(cup.id),
    )

    cookies = {"hiroba": await town.cookie(mio)}
    async with httpx.AsyncClient(base_url=town.urls[0], cookies=cookies) as http:
        page = (await http.get("/rooms/shop?lang=en")).text
        form = page[page.index('action="/rooms/shop/reserve"') :]
        sent = dict(re.findall(r'name="(csrf|product|key)" value="([^"]+)"', form))
        sent |= {"variant": re.findall(r'option value="([^"]+)"', form)[0], "quantity": "2"}
        answers = [await http.post("/rooms/shop/reserve", data=sent) for _ in range(2)]
        refused = await http.post("/rooms/shop/reserve", data={**sent, "quantity": "many"})

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert refused.status_code == 422
    assert (await market.stands(cup)).variants[cup.variants[0].id].held == 2
