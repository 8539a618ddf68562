"""From a reservation to the shop and back: the shop's word, and one's own page that shows it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from moderation.rules import Rank
from rooms.shop import signing
from rooms.shop.orders import commands as orders
from rooms.shop.stock import commands as stock
from rooms.shop.webhooks.sending import Sender
from server.context import Viewer
from server.settings import Settings
from tests.integration.visitor import Page, Person, Town, town
from web.demo.shop_server import example_shop

SECRET = "hrb_shared-with-the-shop"
PAY = "https://shop.example/pay"


@dataclass
class Market:
    """A community with one product, and somebody who holds one of it."""

    town: Town
    buyer: Viewer
    browser: Person
    product: str
    variant: str
    reservation: str

    async def page(self) -> Page:
        return await self.browser.open(f"/orders?reservation={self.reservation}")

    async def told(self, kind: str, **changes: Any) -> httpx.Response:
        """Let the shop tell something."""
        body = {
            "id": f"{kind} {changes}",
            "kind": kind,
            "reservation": self.reservation,
            "payment": "pay_1",
            "amount": 4400,
            "currency": "JPY",
            **changes,
        }
        raw = orjson.dumps(body)
        header = signing.sign([SECRET], raw, self.town.world.ctx.clock() // 1000)
        async with httpx.AsyncClient(base_url=self.town.url, timeout=30) as shop:
            return await shop.post(
                "/v1/shop/webhook", content=raw, headers={signing.HEADER: header}
            )

    async def left(self) -> int:
        return int(
            await self.town.world.ctx.db.value(
                "SELECT total - sold FROM variants WHERE id = $1", int(self.variant)
            )
        )


@pytest.fixture
async def market(settings: Settings) -> AsyncIterator[Market]:
    async with town(settings) as place:
        ctx = place.world.ctx
        await ctx.db.run(
            "UPDATE shop_settings SET checkout_url = $1, secrets = ARRAY[$2]", PAY, SECRET
        )
        product = await ctx.db.value(
            "INSERT INTO products (title, currency) VALUES ('Tea', 'JPY') RETURNING id"
        )
        variant = await ctx.db.value(
            "INSERT INTO variants (product_id, title, code, price, total)"
            " VALUES ($1, 'M', 'm', 2200, 3) RETURNING id",
            product,
        )
        buyer = await place.world.member("Aoi", Rank.MEMBER)
        wish = {"product": str(product), "variant": str(variant), "quantity": 2, "key": "k"}
        held = await stock.reserve(ctx, buyer, wish)
        id = held["reservation"]["id"]
        browser = await place.signed_in(buyer)
        yield Market(place, buyer, browser, str(product), str(variant), id)


async def checked_out(market: Market) -> str:
    answer = await orders.checkout(market.town.world.ctx, market.buyer, {"id": market.reservation})
    return str(answer["url"])


async def test_what_is_held_leads_to_the_shop_with_a_signed_reservation(market: Market) -> None:
    ctx = market.town.world.ctx
    url = await checked_out(market)

    page = await market.page()
    link = next(link for link in page.links if link.startswith(PAY))
    token = httpx.URL(link).params["reservation"]
    claims = signing.read_token(token, [SECRET], ctx.clock())

    assert url.startswith(f"{PAY}?reservation=")
    assert (claims["id"], claims["amount"], claims["currency"]) == (
        market.reservation,
        4400,
        "JPY",
    )
    assert (claims["title"], claims["quantity"]) == ("Tea M", 2)
    assert claims["return"] == f"{market.town.url}/orders?reservation={market.reservation}"
    assert "Held for you" in page.text
    assert "Nothing is paid as far as we know" in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_the_page_says_paid_when_the_shop_has_said_so_and_not_before(market: Market) -> None:
    await checked_out(market)
    before = await market.page()

    answer = await market.told("order.paid")
    after = await market.page()
    again = await market.told("order.paid")

    assert ">Paid<" not in before.text
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["state"] == "paid"
    assert again.json() == answer.json()
    assert ">Paid<" in after.text
    assert "data-may-change" not in after.text
    assert await market.left() == 1


async def test_another_amount_is_refused_with_the_field(market: Market) -> None:
    await checked_out(market)

    answer = await market.told("order.paid", amount=1)

    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "amount"
    assert await market.left() == 3


async def test_a_payment_for_what_was_let_go_and_sold_to_others_is_to_be_refunded(
    market: Market,
) -> None:
    ctx = market.town.world.ctx
    await checked_out(market)
    page = await market.page()
    page = await market.browser.send(page, page.form("/orders", what="release"))
    other = await market.town.world.member("Ren", Rank.MEMBER)
    wish = {"product": market.product, "variant": market.variant, "quantity": 3, "key": "k"}
    await stock.reserve(ctx, other, wish)

    answer = await market.told("order.paid")
    due = await market.page()
    await market.told("order.refunded")
    done = await market.page()

    assert answer.json()["state"] == "refund_due"
    assert "Your money comes back" in due.text
    assert ">Refunded<" in done.text
    assert await market.left() == 3


async def test_nobody_sees_or_lets_go_what_others_hold(market: Market) -> None:
    await checked_out(market)
    page = await market.page()
    other = await market.town.signed_in(await market.town.world.member("Ren", Rank.MEMBER))
    theirs = await other.open(f"/orders?reservation={market.reservation}")
    token = (await other.open("/me")).form("/me/name").fields["csrf"]

    sent = await other.send(page, page.form("/orders", what="release"), csrf=token)

    assert "Tea" not in theirs.text
    assert sent.status == 422
    assert "Held for you" in (await market.page()).text


async def test_a_guest_has_a_page_of_orders_too(market: Market) -> None:
    ctx, browser = market.town.world.ctx, market.town.person()
    made = (await browser.http.post("/v1/guest", json={"name": "Omar"})).json()
    browser.http.headers["Authorization"] = f"Bearer {made['token']}"
    guest = Viewer(id=made["you"]["id"], name="Omar", rank=Rank.GUEST)
    wish = {"product": market.product, "variant": market.variant, "quantity": 1, "key": "k"}
    held = await stock.reserve(ctx, guest, wish)
    await orders.checkout(ctx, guest, {"id": held["reservation"]["id"]})

    page = await browser.open("/orders")

    assert "Held for you" in page.text
    assert "as a guest" in page.text
    assert market.reservation not in page.text


async def test_the_example_shop_takes_a_payment_and_hears_of_the_order(market: Market) -> None:
    ctx = market.town.world.ctx
    await ctx.db.run("UPDATE shop_settings SET checkout_url = ''")
    async with (
        example_shop(ctx, market.town.url) as url,
        httpx.AsyncClient(headers={"Accept-Language": "en"}, trust_env=False) as http,
    ):
        address = httpx.URL(await checked_out(market))
        form = {"token": address.params["reservation"], "deed": "pay"}
        await http.post(f"{url}/checkout", data=form)
        while "Order paid" not in (shown := (await http.get(address)).text):
            assert "Hiroba is being told" in shown
        sender = Sender(ctx)
        await sender.turn()
        await sender.finished()
        overview = (await http.get(url)).text

    assert ">Paid<" in (await market.page()).text
    assert "Order paid" in overview.partition("What Hiroba told")[2]


async def test_somebody_without_a_name_is_shown_the_way_in(market: Market) -> None:
    page = await market.town.person().open("/orders")

    assert page.status == 200
    assert any(re.match(r".*/sign-in\?back=/orders", link) for link in page.links)


async def test_where_the_host_takes_the_money_ordering_is_enough(market: Market) -> None:
    await checked_out(market)
    await market.town.world.ctx.db.run("UPDATE products SET checkout = 'offline'")
    page = await market.page()

    page = await market.browser.send(page, page.form("/orders", what="order"))

    assert "Ordered, not paid yet" in page.text
    assert await market.left() == 1


async def test_what_failed_on_our_side_is_done_by_the_repetition(market: Market) -> None:
    await checked_out(market)
    await market.town.world.ctx.db.run("ALTER TABLE orders RENAME TO orders_away")

    answer = await market.told("order.paid")
    await market.town.world.ctx.db.run("ALTER TABLE orders_away RENAME TO orders")
    again = await market.told("order.paid")

    assert answer.status_code >= 500
    assert again.json()["state"] == "paid"
    assert await market.left() == 1
