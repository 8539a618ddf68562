"""Buying beside the picture: by keyboard, over a bad connection, from the waiting list."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from rooms.shop.events import OrderInfo
from tests.browser.conftest import PHONE
from tests.browser.goods import flash, goods, held, now, shelf
from tests.browser.steps import opened, until

pytestmark = pytest.mark.browser


def selling(live, *products, pinned="1", **more):
    """Start a room that sells; the shelf that it is asked for is the page's own."""
    shop = shelf(*products, pinned=pinned, **more)
    server = live(shop=shop)
    server.shelf = shop
    return server


def shop_of(page):
    page.wait_for_selector("product-shelf:defined", state="attached")
    page.wait_for_selector("buy-sheet:defined", state="attached")
    return page


def buy(page, title):
    return page.get_by_role("button", name=re.compile(f"^Buy.*{title}$"))


def sheet(page):
    return page.get_by_role("dialog")


def test_somebody_reserves_pays_and_lets_go_with_the_keyboard_alone(live, window):
    cup = goods(1, "Cup", 12, 4, price=1200)
    server = selling(live, cup)
    server.answers["product.reserve"] = {"reservation": held(cup, 2, id="A" * 22)}
    server.answers["reservation.checkout"] = {"url": f"{server.url}/search?paying"}
    page = shop_of(opened(window, server))

    buy(page, "Cup").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="30 mL")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("How many?")).to_be_focused()
    page.keyboard.press("ArrowUp")
    # Twice, as impatient people do.
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    expect(sheet(page).locator("[data-part=held-line]")).to_be_focused()
    expect(sheet(page).get_by_role("status")).to_have_text("It is held for you.")
    (asked,) = server.commands("product.reserve")
    assert asked | {"quantity": 2, "variant": "10", "price": 1200, "room": "1"} == asked
    assert asked["key"] and asked["named"] is False

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Go to the checkout")).to_be_focused()
    with page.context.expect_page() as paying:
        page.keyboard.press("Enter")
    paying.value.wait_for_url("**/search?paying")
    assert paying.value.evaluate("opener") is None
    paying.value.close()
    order = OrderInfo(
        **{"id": "1", "reservation": "A" * 22, "product": "1", "variant": "10", "title": "Cup"},
        **{"quantity": 2, "amount": 2400, "currency": "JPY", "state": "paid", "at": now()},
    )
    server.now({"event": "order.changed", "order": order})
    expect(sheet(page).get_by_role("status")).to_contain_text("Thank you!")
    expect(page.get_by_role("button", name="Reserve")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(buy(page, "Cup")).to_be_focused()


def test_nothing_is_bought_later_than_it_was_asked_for(live, window):
    cup = goods(1, "Cup", 12)
    server = selling(live, cup)
    page = shop_of(opened(window, server))
    buy(page, "Cup").click()
    reserve = page.get_by_role("button", name="Reserve")

    server.deaf = True
    reserve.click()
    until(lambda: server.commands("product.reserve"))
    server.shut = True
    server.close()
    expect(reserve).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#buy-why")).to_contain_text("Nothing is sent by itself")
    reserve.click(force=True)
    server.shut = server.deaf = False
    until(lambda: server.connected == 1, 30)
    expect(reserve).to_have_attribute("aria-disabled", "false")
    assert len(server.commands("product.reserve")) == 1

    server.answers["product.reserve"] = {"reservation": held(cup)}
    reserve.click()
    expect(page.get_by_text("Held for you", exact=True)).to_be_visible()
    first, second = server.commands("product.reserve")
    assert first == second

    # A shelf that was read before this was saved does not take it away.
    asked = len(server.commands("GET shelf"))
    server.push({"event": "product.changed", "product": goods(2, "Pot", 3)})
    until(lambda: len(server.commands("GET shelf")) > asked)
    expect(page.locator("[data-products]").first).to_have_text("1")
    expect(page.get_by_text("Held for you", exact=True)).to_be_visible()


def test_who_comes_too_late_waits_and_is_offered_what_was_freed(live, window):
    cup = goods(1, "Cup", 1)
    server = selling(live, cup)
    server.refusals["product.reserve"] = {"code": "sold_out", "message": "Sold out.", "left": 0}
    server.answers["product.wait"] = {"place": 3}
    page = shop_of(opened(window, server, lang="ja", **PHONE))
    page.locator(".pin .buy").tap()

    empty = {"event": "stock.changed", "product": "1", "sale_left": None}
    server.shelf = shelf(goods(1, "Cup", 0), pinned="1")
    sheet(page).locator("[data-part=reserve]").tap()
    expect(sheet(page).get_by_role("status")).to_contain_text("先に売り切れ")
    server.now({**empty, "variants": [{"id": "10", "left": 0, "in_carts": 1}]})
    wait = sheet(page).locator("[data-part=wait]")
    wait.tap()
    expect(sheet(page).get_by_role("status")).to_contain_text("3番目")
    assert (
        server.commands("product.wait")[0] | {"variant": "10"} == server.commands("product.wait")[0]
    )

    offer = {"event": "reservation.changed", "reservation": held(cup), "why": "offered"}
    server.now(offer)
    expect(sheet(page).locator("[data-part=checkout]")).to_be_visible()
    expect(sheet(page).get_by_role("status")).to_contain_text("順番が来ました")


def test_a_price_changes_when_the_server_says_so_and_not_by_the_readers_clock(live, window):
    before = goods(1, "سيروم", 40, sale=flash(starts=1, ends=60))
    server = selling(live, before)
    page = window(locale="ar", **PHONE)
    page.clock.install(time=now() / 1000 + 300)
    page.goto(f"{server.url}/rooms/live?lang=ar")
    shop_of(page)
    until(lambda: server.connected == 1)
    price = page.locator(".pin [data-slot=price]")
    expect(price).to_contain_text("4,950")
    page.clock.run_for(1500)
    expect(price).to_contain_text("4,950")

    server.push({"event": "product.changed", "product": goods(1, "سيروم", 40, sale=flash())})
    expect(price).to_contain_text("3,960")
    expect(page.locator(".pin .off")).to_have_text("-20%")
    expect(page.locator(".pin [data-slot=clock]")).to_contain_text("04:")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0

    server.refusals["product.reserve"] = {"code": "expired", "message": "", "price": 4500}
    page.locator(".pin .buy").tap()
    sheet(page).locator("[data-part=reserve]").tap()
    expect(sheet(page).get_by_role("status")).to_contain_text("4,500")
    server.push(
        {"event": "purchase.made", "product": "1", "title": "سيروم", "name": "سارة", "others": 6}
    )
    expect(page.locator("li.ev")).to_contain_text("سارة")
