"""Pages as axe-core sees them: WCAG 2.2 AA and good practice, in four languages and both themes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.shop.catalogue import actions as catalogue
from rooms.shop.show import actions as show
from server.context import Viewer
from tests.browser.conftest import PHONE, People
from tests.conftest import find_axe

pytestmark = [pytest.mark.browser, pytest.mark.axe]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
LOOKS = [
    ("ja", "light", PHONE),
    ("ar", "dark", DESKTOP),
    ("th", "dark", PHONE),
    ("en", "light", DESKTOP),
]
PAGES = [
    "/",
    "/topics",
    "/search",
    "/questions",
    "/sign-in",
    "/sign-up",
    "/rules",
    "/orders",
    "/nowhere",
]


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    path = find_axe()
    assert path is not None
    return path.read_text()


async def violations(page: Page, axe: str, where: str) -> list[str]:
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
    )
    return [
        f"{where}: {violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def sell(people: People, host: Viewer, where: dict[str, str]) -> None:
    """Put two products on the shelf, one of them sold out, and pin the other."""
    sizes = [
        {"title": "30 mL", "price": 3960, "was_price": 4950, "total": 12},
        {"title": "50 mL", "price": 5940, "total": 0},
    ]
    for title, variants in (("保湿美容液", sizes), ("クリーム", [{"price": 4400, "total": 0}])):
        draft = {"title": title, "currency": "JPY", "variants": variants}
        made = await catalogue.create(people.world.ctx, host, draft)
        await show.add(people.world.ctx, host, {**where, "product": made.id})
        if variants is sizes:
            await show.pin(people.world.ctx, host, {**where, "product": made.id})


async def talk(people: People) -> None:
    """Fill a live room and a topic room with something of each kind."""
    host = await people.world.member("Nagi", Rank.HOST)
    ann = await people.world.member("Ann")
    live = await people.world.room("shop", "live")
    topic = await people.world.room("skin", "topic", about="Slow questions.")
    broadcast = await people.world.showing(live, host)
    await sell(people, host, {"room": live.id, "broadcast": str(broadcast)})
    for room in (live, topic):
        for number, who in enumerate((ann, host, ann)):
            args = {
                "room": room.id,
                "text": f"こんにちは {number}",
                "client_message_id": f"c{number}",
                "question": number == 0,
            }
            await comments.post(people.world.ctx, who, args)
    await people.world.save()


@pytest.mark.parametrize(
    ("lang", "theme", "size"), LOOKS, ids=[f"{lang}-{theme}" for lang, theme, _ in LOOKS]
)
async def test_no_page_breaks_a_rule(
    people: People, axe: str, lang: str, theme: Any, size: dict[str, Any]
) -> None:
    await talk(people)
    context = await people.browser.new_context(
        **size, color_scheme=theme, locale=lang, bypass_csp=True, reduced_motion="reduce"
    )
    people.contexts.append(context)
    page = await context.new_page()
    broken: list[str] = []

    for path in [*PAGES, "/rooms/shop", "/rooms/skin", "/rooms/skin?before=9999999999999-9"]:
        sign = "&" if "?" in path else "?"
        await page.goto(f"{people.town.urls[0]}{path}{sign}lang={lang}")
        broken += await violations(page, axe, path)
    for path in ("/rooms/shop", "/rooms/skin"):
        await page.goto(f"{people.town.urls[0]}{path}?lang={lang}")
        await page.wait_for_selector("room-composer:defined", state="attached")
        dialogs = await page.eval_on_selector_all("dialog", "all => all.map(one => one.id)")
        for dialog in dialogs if lang in ("ja", "ar") else ():
            await page.evaluate(f"document.getElementById('{dialog}').showModal()")
            broken += await violations(page, axe, f"{path}#{dialog}")
            await page.evaluate(f"document.getElementById('{dialog}').close()")
        if path == "/rooms/shop":
            await page.locator("button.buy:visible").first.click()
            await page.wait_for_selector("#buy[open] input[type=radio]")
            broken += await violations(page, axe, "the sheet to buy")

    assert broken == []
