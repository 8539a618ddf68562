"""People in real Chromium at whole gateways: what one does, the others see."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from moderation.rules import Rank
from rooms import actions as rooms
from rooms.questions import actions as questions
from rooms.rules import Room
from server.context import Viewer
from server.outbox import sweep
from tests.browser.conftest import People

pytestmark = pytest.mark.browser


async def in_topic(people: People, *names: str) -> tuple[Room, list[Viewer], list[Page]]:
    room = await people.world.room("skin", "topic", title="Skin talk", about="Slow questions.")
    viewers = [await people.world.member(name) for name in names]
    return room, viewers, [await people.at(room, v, n % 2) for n, v in enumerate(viewers)]


async def live_room(people: People, **columns: Any) -> tuple[Room, Viewer]:
    host = await people.world.member("Nagi", Rank.HOST)
    room = await people.world.room("shop", "live", **columns)
    await people.world.showing(room, host)
    return room, host


def said(page: Page, text: str) -> Any:
    return page.locator("comment-list li", has_text=text)


async def until_voted(people: People) -> None:
    for _ in range(300):
        if await people.world.db.value("SELECT votes FROM questions"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no vote was counted")


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
    await expect(said(ann, "Can I use it daily?")).not_to_have_class(re.compile("sending"))
    await people.world.save()
    await sweep(people.world.ctx, older_than=0)

    await bo.get_by_role("tab", name="Questions").click()
    asked = bo.locator(".qn", has_text="Can I use it daily?")
    await asked.locator(".vote").click()

    await expect(asked.locator(".vote")).to_have_attribute("aria-pressed", "true")
    await until_voted(people)
    await questions.tell_votes(people.world.ctx)
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


async def test_a_message_of_a_topic_room_is_answered_and_quoted(people: People) -> None:
    _, _, (ann, bo) = await in_topic(people, "Ann", "Bo")
    await write(ann, "Which water is best?")
    await expect(said(bo, "Which water is best?")).to_contain_text("Ann")

    await said(bo, "Which water is best?").hover()
    await said(bo, "Which water is best?").get_by_role("button", name="More").click()
    await bo.locator("#row-menu").get_by_role("button", name="Reply").click()
    await write(bo, "Soft and lukewarm.")

    answer = said(ann, "Soft and lukewarm.")
    await expect(answer.locator(".rp")).to_contain_text("Which water is best?")


async def test_a_reaction_is_seen_counted_and_taken_back(people: People) -> None:
    _, _, (ann, bo) = await in_topic(people, "Ann", "Bo")
    await write(ann, "It worked!")
    await expect(said(bo, "It worked!")).to_be_visible()

    await said(bo, "It worked!").hover()
    await said(bo, "It worked!").get_by_role("button", name="More").click()
    await bo.locator("#row-menu").get_by_role("button", name="Hooray").click()
    seen = said(ann, "It worked!").locator(".rx button")
    await expect(seen).to_contain_text("1")
    await seen.click()
    await expect(said(bo, "It worked!").locator(".rx button")).to_contain_text("2")
    await people.world.save()
    await said(bo, "It worked!").locator(".rx button").click()

    await expect(seen).to_contain_text("1")
    await expect(seen).to_have_attribute("aria-pressed", "true")
    await expect(said(bo, "It worked!").locator(".rx button")).to_have_attribute(
        "aria-pressed", "false"
    )


async def test_who_is_writing_is_shown_and_then_not(people: People) -> None:
    _, _, (ann, bo) = await in_topic(people, "Ann", "Bo")

    await ann.locator("#text").press_sequentially("Let me think")
    await expect(bo.locator("[data-part=typing]")).to_have_text("Ann is writing…")
    await ann.press("#text", "Enter")

    await expect(said(bo, "Let me think")).to_be_visible()
    await expect(bo.locator("[data-part=typing]")).to_be_empty()


async def test_messages_of_one_person_belong_together(people: People) -> None:
    _, _, (ann, bo) = await in_topic(people, "Ann", "Bo")

    await write(ann, "one")
    await write(ann, "two")
    await write(bo, "three")

    await expect(said(bo, "two")).to_have_class(re.compile(r"\bcont\b"))
    await expect(said(bo, "three")).not_to_have_class(re.compile(r"\bcont\b"))
    await expect(bo.locator(".day-d")).to_have_text("Today")


async def test_what_came_while_one_was_away_is_marked(people: People) -> None:
    room, _, (first, second) = await in_topic(people, "Ann", "Bo")
    await write(second, "read already")
    await expect(said(first, "read already")).to_be_visible()
    await people.world.save()
    await first.goto("about:blank")
    await write(second, "not read yet")
    await expect(said(second, "not read yet")).not_to_have_class(re.compile("sending"))
    await people.world.save()

    await first.goto(f"{people.town.urls[0]}/rooms/{room.slug}")

    await expect(first.locator(".new-d")).to_have_text("1 new message")


async def test_a_link_to_a_message_opens_it_among_its_neighbours(people: People) -> None:
    room, _, (ann,) = await in_topic(people, "Ann")
    for text in ("before", "the one", "after"):
        await write(ann, text)
        await expect(said(ann, text)).not_to_have_class(re.compile("sending"))
    await people.world.save()
    key = await said(ann, "the one").get_attribute("data-id")

    await ann.goto(f"{people.town.urls[1]}/rooms/{room.slug}?at={key}#m-{key}")

    await expect(ann.locator(".past-l li.m")).to_have_count(3)
    await expect(ann.locator("li:target")).to_contain_text("the one")
    await ann.get_by_role("link", name="To the newest").first.click()
    await expect(ann.locator("#text")).to_be_visible()


async def test_a_search_without_result_becomes_a_question(people: People) -> None:
    room, _, (page,) = await in_topic(people, "Ann")

    await page.goto(f"{people.town.urls[0]}/rooms/{room.slug}?ask=Is+it+vegan%3F")

    await expect(page.locator("#text")).to_have_value("Is it vegan?")
    await expect(page.locator("[data-part=ask]")).to_have_attribute("aria-pressed", "true")
