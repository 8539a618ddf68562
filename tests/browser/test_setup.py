"""Setting a community up in a real browser: the preview, the colours, and nobody shut out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from moderation.rules import Rank
from rooms.members import actions as members
from server.context import Viewer
from server.settings import Settings
from tests.browser.conftest import ARGUMENTS, DESKTOP, PHONE
from tests.integration.street import Street, street
from tests.integration.visitor import PASSWORD

pytestmark = pytest.mark.browser

SIZES = {"phone": {**PHONE, "color_scheme": "dark"}, "desktop": {**DESKTOP}}
AXE = Path(os.environ.get("NODE_PATH") or "/nonexistent") / "axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PURPLE = "rgb(122, 63, 176)"
DOT = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\rIDATx\x9cc\xf8\xff\xff\xff\x7f\0\t\xfb\3\xfd*\x86\xe3\x8a\0\0\0\0IEND\xaeB`\x82"
)
"""A picture of one white dot."""


@pytest.fixture
async def town(settings: Settings, tmp_path: Path) -> AsyncIterator[Street]:
    async with street(settings, gateways=1, data_dir=tmp_path) as made:
        yield made


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield made
        await made.close()


async def opened(
    browser: Browser, town: Street, viewer: Viewer | None = None, **options: Any
) -> Page:
    context = await browser.new_context(**{"locale": "en", **options})
    context.set_default_timeout(10_000)
    if viewer is not None:
        cookie = await town.cookie(viewer)
        await context.add_cookies([{"name": "hiroba", "value": cookie, "url": town.urls[0]}])
    return await context.new_page()


async def sideways(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))


async def on(page: Page) -> None:
    await page.locator(".act .pri").click()


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_owner_chooses_is_seen_before_it_is_saved(
    town: Street, browser: Browser, size: str
) -> None:
    token = await members.make_setup_link(town.world.ctx)
    page = await opened(browser, town, **SIZES[size])
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    phone = page.locator("[data-look]")
    await page.goto(f"{town.urls[0]}/set-up/{token}")
    await page.fill("#name", "なつき")
    await expect(phone.locator("[data-preview-owner]")).to_have_text("なつき")
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")

    await expect(page.locator("h1")).to_have_text("Name and look")
    await page.fill("#name", "Nagisa")
    await expect(phone.locator("[data-preview-name]")).to_have_text("Nagisa")
    await expect(phone.locator("[data-preview-owner]")).to_have_text("なつき")
    await page.get_by_label("Purple").check()
    await page.locator("[data-themes] [value=light]").click()
    await expect(phone.locator(".send")).to_have_css("background-color", PURPLE)
    await expect(page.locator("[data-contrast]")).to_contain_text("6.6:1")
    await page.set_input_files("#logo", {"name": "a.png", "mimeType": "image/png", "buffer": DOT})
    await expect(page.locator("[data-logo-check]")).to_have_text("Hard to see on light pages.")
    await on(page)

    await expect(page.locator("h1")).to_have_text("Languages")
    await expect(page.locator("#main-language")).to_have_value("en")
    await page.get_by_label("ไทย").uncheck()
    await page.get_by_role("button", name="Back").click()
    await expect(page.locator("#name")).to_have_value("Nagisa")
    await on(page)
    await expect(page.get_by_label("ไทย")).not_to_be_checked()
    await on(page)
    await on(page)
    await expect(page.locator("h1")).to_have_text("The first room")
    await page.fill("#title", "土曜ライブ")
    await page.press("#title", "Enter")

    await expect(page.locator("h1")).to_have_text("Nagisa is ready")
    assert await town.world.db.value("SELECT slug FROM rooms") == "live"
    assert await sideways(page) <= 0
    assert problems == []


async def test_a_colour_that_is_too_pale_is_told_at_once_with_one_that_works(
    town: Street, browser: Browser
) -> None:
    owner = await town.world.member("Natsuki", Rank.OWNER)
    page = await opened(browser, town, owner, **DESKTOP)
    await page.goto(f"{town.urls[0]}/settings")
    said = page.locator("[data-contrast]")

    await page.get_by_label("Another one", exact=True).first.check()
    await page.fill("#own_accent", "#ffee88")
    await expect(said).to_contain_text("too pale")
    await said.get_by_role("button").click()
    await expect(said).to_contain_text("easy to read")
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_role("status").first).to_contain_text("Saved")


@pytest.mark.skipif(
    not AXE.is_file() and "axe" not in os.environ.get("HIROBA_REQUIRE", "").split(","),
    reason="axe-core (npm install axe-core) is not where NODE_PATH says",
)
@pytest.mark.parametrize(("size", "language"), [("phone", "ar"), ("desktop", "ja")])
async def test_nobody_is_shut_out_of_the_pages_of_accounts_and_settings(
    town: Street, browser: Browser, size: str, language: str
) -> None:
    ctx = town.world.ctx
    token = await members.make_setup_link(ctx)
    owner = await town.world.member("Natsuki", Rank.OWNER)
    reset = await members.make_reset_link(ctx, owner, owner.id or "")
    stranger = await opened(browser, town, **SIZES[size])
    insider = await opened(browser, town, owner, **SIZES[size])
    outside = ["/sign-up", f"/set-up/{token}", "/set-up/spent"]
    inside = ["/set-up/look", "/set-up/languages", "/settings/people", "/me"]
    if size == "desktop":
        outside = ["/sign-in", f"/reset/{reset}"]
        inside = ["/set-up/joining", "/set-up/room", "/settings", "/settings/rooms"]
    found: dict[str, Any] = {}

    for page, paths in ((stranger, outside), (insider, inside)):
        for path in paths:
            await page.goto(f"{town.urls[0]}{path}?lang={language}")
            await page.evaluate(AXE.read_text("utf-8"))
            said = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
            found[path] = [
                (v["id"], [n["html"][:90] for n in v["nodes"]]) for v in said["violations"]
            ]
            found[path] += [("sideways", wide)] if (wide := await sideways(page)) > 0 else []

    assert {path: faults for path, faults in found.items() if faults} == {}
