"""People in real Chromium at whole gateways: what one does, the others see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from moderation.rules import Rank
from rooms import actions as rooms
from rooms.rules import Room
from server.context import Viewer
from server.outbox import sweep
from server.settings import Settings
from tests.browser.conftest import ARGUMENTS
from tests.integration.street import Street, street

pytestmark = pytest.mark.browser


class People:
    """Opens windows for people, each at a gateway."""

    def __init__(self, town: Street, browser: Browser) -> None:
        self.town, self.browser = town, browser
        self.world = town.world
        self.contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    async def at(self, room: Room, viewer: Viewer | None, gateway: int = 0) -> Page:
        """Open a room for somebody and wait until the page is joined to it."""
        url = self.town.urls[gateway]
        context = await self.browser.new_context(locale="en")
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        if viewer is not None:
            cookie = await self.town.cookie(viewer)
            await context.add_cookies([{"name": "hiroba", "value": cookie, "url": url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        async with page.expect_websocket() as opened:
            await page.goto(f"{url}/rooms/{room.slug}")
        await (await opened.value).wait_for_event("framereceived")
        return page


@pytest.fixture
async def people(settings: Settings, chromium: str) -> AsyncIterator[People]:
    async with street(settings) as town, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        made = People(town, browser)
        yield made
        await asyncio.gather(*(context.close() for context in made.contexts))
        await browser.close()
        assert made.problems == []


async def live_room(people: People, **columns: Any) -> tuple[Room, Viewer]:
    host = await people.world.member("Nagi", Rank.HOST)
    room = await people.world.room("shop", "live", **columns)
    await people.world.showing(room, host)
    return room, host


def said(page: Page, text: str) -> Any:
    return page.locator("#panel-comments li", has_text=text)


async def write(page: Page, text: str) -> None:
    await page.fill("#text", text)
    await page.press("#text", "Enter")


async def test_a_comment_of_one_person_is_read_by_another_at_another_gateway(
    people: People,
) -> None:
    room, _ = await live_room(people)
    ann, bo = await people.world.member("Ann"), await people.world.member("Bo")
    first = await people.at(room, ann, 0)
    second = await people.at(room, bo, 1)

    await write(first, "is it fragrance free?")

    await expect(said(second, "is it fragrance free?")).to_contain_text("Ann")
    await expect(said(first, "is it fragrance free?")).to_have_count(1)
    await expect(said(first, "is it fragrance free?")).not_to_have_class(re.compile("sending"))


async def test_a_comment_is_still_there_when_the_page_is_opened_again(people: People) -> None:
    room, _ = await live_room(people)
    ann = await people.world.member("Ann")
    page = await people.at(room, ann)
    await write(page, "kept for ever")
    await expect(said(page, "kept for ever")).not_to_have_class(re.compile("sending"))
    await people.world.save()

    again = await people.at(room, None, 1)

    await expect(said(again, "kept for ever")).to_have_count(1)


async def test_a_guest_takes_a_name_and_keeps_it(people: People) -> None:
    room, host = await live_room(people)
    page = await people.at(room, None)
    reader = await people.at(room, host, 1)
    await write(page, "hello from nowhere")
    await page.fill("#guest-name", "Kim")
    await page.get_by_role("button", name="Join the chat").click()
    await expect(page.locator("#naming")).to_be_hidden()

    await page.press("#text", "Enter")

    await expect(said(reader, "hello from nowhere")).to_contain_text("Kim")
    await page.reload()
    await write(page, "still me")
    await expect(said(reader, "still me")).to_contain_text("Kim")


async def test_an_author_changes_and_takes_back_a_comment(people: People) -> None:
    room, host = await live_room(people)
    page = await people.at(room, await people.world.member("Ann"))
    reader = await people.at(room, host, 1)
    await write(page, "frist")
    await expect(said(reader, "frist")).to_be_visible()

    await said(page, "frist").hover()
    await said(page, "frist").get_by_role("button", name="More").click()
    await page.locator("#row-menu").get_by_role("button", name="Edit").click()
    await write(page, "first")
    await expect(said(reader, "first")).to_contain_text("edited")
    await said(page, "first").hover()
    await said(page, "first").get_by_role("button", name="More").click()
    await page.locator("#row-menu").get_by_role("button", name="Delete").click()

    await expect(said(reader, "first")).to_have_count(0)
    await expect(said(page, "first")).to_have_count(0)


async def test_slow_mode_holds_a_member_back_and_says_how_long(people: People) -> None:
    room, _ = await live_room(people, cooldown_ms=20_000)
    page = await people.at(room, await people.world.member("Ann"))

    await write(page, "one")
    await write(page, "two")

    await expect(page.locator("[data-part=status]")).to_contain_text("you can send in")
    await expect(page.locator("#text")).to_have_value("two")


async def test_a_room_that_becomes_one_for_members_shows_guests_the_way_in(people: People) -> None:
    room, host = await live_room(people)
    page = await people.at(room, None)
    await expect(page.locator("#text")).to_be_visible()

    await rooms.set_mode(people.world.ctx, host, {"room": room.id, "mode": "members"})

    await expect(page.get_by_role("link", name="Sign in to comment")).to_be_visible()


async def test_a_question_is_asked_and_voted_for(people: People) -> None:
    room, host = await live_room(people)
    ann = await people.at(room, await people.world.member("Ann"))
    bo = await people.at(room, host, 1)
    await ann.get_by_role("button", name="Send as a question").click()
    await write(ann, "Can I use it daily?")
    await people.world.save()
    await sweep(people.world.ctx, older_than=0)

    await bo.get_by_role("tab", name="Questions").click()
    asked = bo.locator(".qn", has_text="Can I use it daily?")
    await asked.locator(".vote").click()

    await expect(asked.locator(".vote")).to_have_attribute("aria-pressed", "true")
    await ann.get_by_role("tab", name="Questions").click()
    await expect(ann.locator(".qn .vote")).to_contain_text("1")


async def test_hearts_reach_the_others(people: People) -> None:
    room, host = await live_room(people)
    ann = await people.at(room, await people.world.member("Ann"))
    bo = await people.at(room, host, 1)

    for _ in range(3):
        await ann.locator(".rail [data-part=heart]").click()

    await expect(bo.locator("[data-hearts]").first).to_have_text("3")


async def test_a_comment_is_sent_without_scripts(people: People) -> None:
    room, _ = await live_room(people)
    ann = await people.world.member("Ann")
    context = await people.browser.new_context(java_script_enabled=False, locale="en")
    people.contexts.append(context)
    cookie = await people.town.cookie(ann)
    await context.add_cookies([{"name": "hiroba", "value": cookie, "url": people.town.urls[0]}])
    page = await context.new_page()
    await page.goto(f"{people.town.urls[0]}/rooms/{room.slug}")

    await write(page, "no scripts here")
    await people.world.save()
    await page.reload()

    await expect(said(page, "no scripts here")).to_be_visible()
    assert "#m-" in page.url


async def test_a_refused_comment_without_scripts_keeps_its_words(people: People) -> None:
    room, _ = await live_room(people, cooldown_ms=60_000)
    ann = await people.world.member("Ann")
    context = await people.browser.new_context(java_script_enabled=False, locale="en")
    people.contexts.append(context)
    cookie = await people.town.cookie(ann)
    await context.add_cookies([{"name": "hiroba", "value": cookie, "url": people.town.urls[0]}])
    page = await context.new_page()
    await page.goto(f"{people.town.urls[0]}/rooms/{room.slug}")
    await write(page, "one")

    await write(page, "two")

    await expect(page.locator("#text")).to_have_value("two")
    await expect(page.locator("[data-part=status]")).to_contain_text("Slow mode")
