"""A host sells from the studio while a viewer watches: real servers, two browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moderation.rules import Rank
from rooms.shop.orders import commands as orders
from rooms.shop.stock import commands as stock
from tests.browser.backstage import Backstage
from tests.running import running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def backstage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    folder: Path = tmp_path_factory.mktemp("selling")
    with (
        running(folder, "--no-demo", "--gateways", "2") as hiroba,
        Backstage(hiroba.facts) as made,
    ):
        yield made


def sells(backstage: Backstage, code: str, title: str, price: int, total: int) -> None:
    backstage.value(
        """WITH made AS (INSERT INTO products (title, code, currency, checkout)
                         VALUES ($1, $2, 'JPY', 'offline') RETURNING id)
           INSERT INTO variants (product_id, price, total) SELECT id, $3, $4 FROM made
           RETURNING id""",
        *(title, code, price, total),
    )


def test_a_host_sells_from_the_studio_with_the_keyboard_while_a_viewer_sees_it_at_once(
    backstage: Backstage, window: Callable[..., Page]
) -> None:
    host, cookie = backstage.member("Natsuki", Rank.HOST)
    room = backstage.room("evening", "live")
    show = backstage.value(
        """INSERT INTO broadcasts (room_id, title, host_id, state, video_kind, video_url,
                                   starts_at, started_at)
           VALUES ($1, 'Autumn skin', $2, 'live', 'file', '/media/a.mp4', now(), now())
           RETURNING id""",
        *(int(room), int((host.id or "")[1:])),
    )
    sells(backstage, "a1", "Serum", 4950, 12)
    sells(backstage, "a2", "Cream", 4400, 58)
    studio = window()
    studio.context.add_cookies([{"name": "hiroba", "value": cookie, "url": backstage.url}])
    studio.goto(f"{backstage.url}/studio/{show}?lang=en")
    expect(studio.locator("[data-link]")).to_have_text("Connected")
    viewer = window()
    viewer.goto(f"{backstage.url}/rooms/evening?lang=en")
    viewer.wait_for_selector("live-stage:defined", state="attached")
    card = viewer.locator("product-shelf [data-part=pin]")

    for title in ("Cream", "Serum"):
        studio.get_by_role("button", name="Add a product").press("Enter")
        studio.get_by_label("Search by name or code").fill(title.lower())
        studio.get_by_role("button", name=f"Add {title}").press("Enter")
        expect(studio.get_by_role("button", name=f"{title} is in the rundown")).to_be_visible()
        studio.keyboard.press("Escape")
    rows = studio.locator("[data-lines] > li")
    expect(rows.locator("h3")).to_have_text(["Cream", "Serum"])
    rows.nth(1).get_by_role("button", name="Move up").press("Enter")
    expect(rows.locator("h3")).to_have_text(["Serum", "Cream"])

    rows.nth(0).get_by_role("button", name="Show it").press("Enter")
    expect(rows.nth(0).get_by_role("button", name="On show")).to_be_focused()
    expect(studio.locator("[data-onshow]")).to_contain_text("Serum")
    expect(card).to_contain_text("Serum")
    expect(card).to_contain_text("¥4,950")

    rows.nth(0).get_by_role("button", name="More: Serum").press("Enter")
    studio.keyboard.press("Enter")
    sheet = studio.get_by_role("dialog")
    expect(sheet.get_by_role("heading", name="Flash sale")).to_be_visible()
    studio.get_by_label("Price in the sale").fill("4950")
    studio.get_by_label("How many pieces").fill("60")
    expect(sheet).to_contain_text("Only 12 are in stock.")
    studio.keyboard.press("Enter")
    expect(sheet.get_by_role("alert")).to_contain_text("below the normal price")
    studio.get_by_label("Price in the sale").fill("¥3,960")
    studio.keyboard.press("Enter")
    expect(sheet).to_be_hidden()
    expect(rows.nth(0).locator(".flash")).to_contain_text("-20%")
    expect(card).to_contain_text("¥3,960")
    before = backstage.value("SELECT ends_at FROM sales")
    rows.nth(0).get_by_role("button", name="1 minute more").press("Enter")
    rows.nth(0).get_by_role("button", name="End the sale").press("Enter")
    expect(rows.nth(0).locator(".flash")).to_be_hidden()
    expect(card).to_contain_text("¥4,950")
    assert backstage.value("SELECT ends_at FROM sales") < before

    studio.get_by_role("button", name="Stop all sales").press("Enter")
    expect(studio.locator("[data-stopped]")).to_be_visible()
    expect(card).to_contain_text("Sales are paused")
    studio.get_by_role("button", name="Sell again").press("Enter")
    expect(studio.locator("[data-stopped]")).to_be_hidden()
    expect(card).to_contain_text("12 left")

    guest, ctx = backstage.guest("Aoi"), backstage.ctx
    one, variant = backstage.value("SELECT product_id::text FROM variants ORDER BY id"), "1"
    wish = {"product": one, "variant": variant, "quantity": 2, "key": "k", "room": room}
    held = backstage.run(stock.reserve(ctx, guest, wish))["reservation"]
    expect(rows.nth(0)).to_contain_text("10 left")
    expect(rows.nth(0)).to_contain_text("2 in carts")
    backstage.run(orders.checkout(ctx, guest, {"id": held["id"], "named": True}))
    expect(studio.locator("[data-orders-n]")).to_have_text("1", timeout=30_000)
    expect(studio.locator("[data-sales-n]")).to_have_text("¥9,900")
    studio.get_by_role("button", name="Orders").press("Enter")
    bought = sheet.locator("li", has_text="Aoi")
    expect(bought).to_contain_text("Not paid yet")
    bought.get_by_role("button", name="Paid", exact=True).press("Enter")
    expect(bought).to_contain_text("¥9,900 · Paid")
    assert backstage.value("SELECT state FROM orders") == "paid"
    studio.keyboard.press("Escape")
    studio.get_by_role("button", name="Coupon").press("Enter")
    studio.get_by_label("Takes off").fill("10 %")
    studio.keyboard.press("Enter")
    expect(studio.locator("[data-gifts]")).to_contain_text("0 of 10 taken")
    rows.nth(0).get_by_role("button", name="On show").press("Enter")
    expect(card).to_be_hidden()
    assert backstage.value("SELECT count(*) FROM product_pins WHERE second >= 0") == 1
