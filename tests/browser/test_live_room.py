"""The live room around its comments: picture, questions, hearts, counts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, broadcast, posted
from tests.browser.scripted import EPOCH
from tests.browser.steps import opened, row, until, write

pytestmark = pytest.mark.browser


def test_questions_are_asked_voted_shown_and_answered(live, window):
    server = live()
    page = opened(window, server)
    page.get_by_role("tab", name="Questions").click()
    first = page.locator(".qn").first
    expect(first).to_contain_text("Is it for dry skin?")

    first.locator(".vote").click()
    expect(first.locator(".vote")).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".vote")).to_contain_text("4")
    until(lambda: server.commands("question.vote"))
    asked = {
        "event": "question.asked",
        "id": "s" * 22,
        "room": "1",
        "text": "With vitamin C?",
        "votes": 9,
    }
    asked |= {
        "author": {"id": "m8", "name": "Bo", "role": "member"},
        "asked_at": 1,
        "shown": False,
        "answer": None,
    }
    server.push(asked)
    expect(page.locator(".qn").first).to_contain_text("With vitamin C?")
    server.now({"event": "question.voted", "id": "q" * 22, "votes": 128})
    expect(page.locator(".qn").first).to_contain_text("128")
    server.push({"event": "question.shown", "id": "s" * 22})
    expect(page.locator("[data-part=onstage]")).to_contain_text("With vitamin C?")
    answer = {
        "author": {"id": "m3", "name": "Nagi", "role": "host"},
        "at": 2,
        "text": "Yes, in the morning.",
    }
    server.push({**asked, "event": "question.answered", "answer": answer})
    expect(page.locator(".qn", has_text="With vitamin C?").locator(".aa")).to_contain_text(
        "Yes, in the morning."
    )
    page.get_by_role("tab", name="Comments").click()
    expect(page.locator("li.qa")).to_contain_text("Yes, in the morning.")


def test_what_is_left_out_under_load_is_said_until_it_is_over(live, window):
    server = live()
    page = opened(window, server)
    line = page.locator("[data-part=load]")
    expect(line).to_be_hidden()

    for level, text in ((1, "a little later"), (4, "leave a pause"), (5, "a selection")):
        server.now({"event": "load.changed", "level": level, "cooldown_ms": 0})
        expect(line).to_contain_text(text)
    server.now({"event": "load.changed", "level": 0, "cooldown_ms": 0})

    expect(line).to_be_hidden()


def test_a_question_is_sent_as_one(live, window):
    server = live()
    page = opened(window, server)

    page.get_by_role("button", name="Send as a question").click()
    write(page, "is it vegan?")

    until(lambda: server.commands("comment.post"))
    assert server.commands("comment.post")[0]["question"] is True


def test_on_a_phone_the_questions_are_a_sheet(live, window):
    server = live()
    page = opened(window, server, **PHONE)

    page.locator(".qa-b").tap()

    expect(page.locator("#questions-sheet .qn").first).to_be_visible()
    page.get_by_role("button", name="Ask a question").tap()
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_attribute("placeholder", "Ask the host…")


def test_counts_and_hearts_are_shown_as_they_come(live, window):
    server = live()
    page = opened(window, server)

    server.now({"event": "viewers.counted", "count": 13902})
    server.now({"event": "reactions.counted", "counts": {"heart": 5}, "total": 32000})

    expect(page.locator("[data-viewers]").first).to_have_text("13,902")
    expect(page.locator("[data-hearts]").first).to_have_text("32K")
    page.wait_for_selector(".floats i", state="attached")


def test_hearts_are_summed_before_they_are_sent_and_few_fly(live, window):
    server = live()
    page = opened(window, server)

    for _ in range(15):
        page.locator(".rail [data-part=heart]").click(no_wait_after=True)
    assert page.locator(".floats i").count() <= 12

    until(lambda: sum(args["count"] for args in server.commands("reaction.add")) == 15)
    assert len(server.commands("reaction.add")) <= 8


def test_no_heart_flies_for_who_wants_less_motion(live, window):
    server = live()
    page = opened(window, server, reduced_motion="reduce")

    page.locator(".rail [data-part=heart]").click()
    server.now({"event": "reactions.counted", "counts": {"heart": 5}, "total": 3})

    expect(page.locator("[data-hearts]").first).to_have_text("3")
    assert page.locator(".floats i").count() == 0


def test_the_pinned_comment_changes_without_a_reload(live, window):
    server = live()
    page = opened(window, server)
    expect(page.locator("[data-part=pinned]")).to_be_hidden()

    server.push(
        {
            "event": "comment.pinned",
            "id": "x" * 22,
            "author": {"id": "m3", "name": "Nagi", "role": "host"},
            "text": "Coupon at half past",
        }
    )
    expect(page.locator("[data-part=pinned]")).to_contain_text("Coupon at half past")
    server.push({"event": "comment.unpinned", "id": "x" * 22})

    expect(page.locator("[data-part=pinned]")).to_be_hidden()


def test_a_broadcast_that_ends_says_so_and_stays_readable(live, window):
    server = live()
    page = opened(window, server)

    server.push({"event": "broadcast.ended", "id": "7"})

    expect(page.locator("[data-card=ended]")).to_be_visible()
    expect(page.locator("[data-part=status]")).to_contain_text("The broadcast has ended")
    expect(row(page, "comment 9")).to_be_visible()


def test_a_broadcast_to_come_counts_down(live, window):
    server = live(show=broadcast("scheduled"))
    page = opened(window, server)

    expect(page.locator("[data-part=countdown]")).to_have_text(re.compile(r"2:59:\d\d"))


def test_a_video_that_cannot_be_had_says_so_and_the_chat_goes_on(live, window):
    server = live(show=broadcast(video_kind="hls", video_url="/media/none.m3u8"))
    page = opened(window, server)
    page.evaluate("""() => {
      const stage = document.querySelector('live-stage');
      for (let i = 0; i < 6; i++) stage.querySelector('video').dispatchEvent(new Event('error'));
    }""")

    expect(page.locator("[data-card=error]")).to_be_visible()
    server.push(posted(1, "still here"))
    expect(row(page, "still here")).to_be_visible()


@pytest.mark.parametrize("lang", ["ja", "ar", "th", "en"])
def test_nothing_reaches_over_the_side(live, window, lang):
    page = opened(window, live(), lang=lang)

    for width, height in [(320, 568), (390, 844), (844, 390), (1024, 768), (1440, 900)]:
        page.set_viewport_size({"width": width, "height": height})
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0, width


def test_the_position_on_the_page_is_where_the_socket_begins(live, window):
    server = live()
    opened(window, server)

    wanted = server.heard[0]["args"]["subscribe"][0]

    assert (wanted["epoch"], wanted["offset"]) == (EPOCH, 9)
