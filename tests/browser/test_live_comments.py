"""The comments of a live room: shown, changed, left out, read back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from rooms.history.rules import Page as History
from tests.browser.conftest import PHONE, message, posted
from tests.browser.steps import opened, row, rows, until, write

pytestmark = pytest.mark.browser


def test_a_comment_of_somebody_else_appears(live, window):
    server = live()
    page = opened(window, server)

    server.push(posted(1, "hello from Osaka"))

    expect(row(page, "hello from Osaka")).to_be_visible()
    expect(rows(page)).to_have_count(10)


def test_markup_in_a_comment_is_shown_as_it_was_written(live, window):
    server = live()
    page = opened(window, server)

    server.push(posted(1, "<b>bold</b> <img src=x onerror=alert(1)>", name="<i>x</i>"))

    expect(rows(page).last.locator(".x")).to_have_text("<b>bold</b> <img src=x onerror=alert(1)>")
    expect(rows(page).last.locator(".n")).to_have_text("<i>x</i>")


def test_what_cannot_be_recovered_is_told_in_its_place(live, window):
    server = live()
    page = opened(window, server)
    server.lost = True
    server.older, server.before = [message(500, "saved later")], "1-500"

    server.close()
    server.push(posted(1, "after the gap"))

    expect(page.locator(".gap-r")).to_have_text("Some comments are missing here")
    expect(row(page, "saved later")).to_be_visible()
    expect(row(page, "after the gap")).to_be_visible()


def test_a_fast_chat_says_that_it_shows_a_part_and_can_show_more(live, window):
    server = live()
    page = opened(window, server)

    server.push(posted(1, "one of many"), of=60)

    expect(page.locator("[data-part=fast]")).to_contain_text("Showing part of a fast chat")
    page.get_by_role("button", name="All comments").click()
    until(lambda: server.commands("subscribe"))
    assert server.commands("subscribe")[-1]["feed"] == "full"
    expect(page.locator("[data-part=fast]")).to_be_hidden()


def test_a_flood_never_makes_more_rows_than_the_cap(live, window):
    server = live()
    page = opened(window, server)

    for start in range(0, 1000, 100):
        server.push(*[posted(start + n, f"flood {start + n}") for n in range(100)])

    expect(row(page, "flood 999")).to_be_visible()
    assert rows(page).count() <= 120


def test_while_reading_back_the_list_stands_still_and_counts(live, window):
    said = [message(n, f"comment {n}") for n in range(1, 61)]
    server = live(comments=History(said))
    page = opened(window, server)
    page.locator("[data-part=scroller]").evaluate("list => { list.scrollTop = -400 }")
    until(lambda: page.evaluate("document.querySelector('comment-list').list.paused"))
    shown = rows(page).count()

    server.push(*[posted(n, f"new {n}") for n in range(38)])

    expect(page.locator("[data-part=jump]")).to_have_text("38 new")
    assert rows(page).count() == shown
    page.locator("[data-part=jump]").click()
    expect(row(page, "new 37")).to_be_visible()
    expect(page.locator("[data-part=jump]")).to_be_hidden()


def test_older_comments_are_read_when_the_reader_scrolls_up(live, window):
    said = [message(n, f"comment {n}") for n in range(51, 101)]
    server = live(comments=History(said, older=True))
    server.older = [message(n, f"comment {n}") for n in range(1, 51)]
    page = opened(window, server)

    page.locator("[data-part=scroller]").evaluate("list => { list.scrollTop = -99999 }")

    expect(rows(page)).to_have_count(100)
    expect(rows(page).first).to_contain_text("comment 1")
    expect(page.locator("[data-part=older]")).to_be_hidden()


def test_hidden_and_purged_comments_go_and_restored_ones_return_to_their_place(live, window):
    server = live()
    page = opened(window, server)
    server.push(
        posted(1, "first", name="Bo"), posted(2, "second", name="Cy"), posted(3, "third", name="Bo")
    )
    expect(row(page, "third")).to_be_visible()

    server.push({"event": "comment.hidden", "id": posted(2, "")["id"], "by": "m9"})
    expect(row(page, "second")).to_have_count(0)
    server.push({"event": "comments.purged", "person": posted(1, "", name="Bo")["author"]["id"]})

    expect(row(page, "first")).to_have_count(0)
    expect(row(page, "third")).to_have_count(0)
    expect(rows(page)).to_have_count(9)


def test_an_edit_changes_the_row_and_says_so(live, window):
    server = live()
    page = opened(window, server)

    server.push(
        {"event": "comment.edited", "id": message(9, "").id, "text": "better words", "by": "m2"}
    )

    expect(row(page, "better words")).to_contain_text("edited")
    expect(row(page, "comment 9")).to_have_count(0)


def test_one_can_answer_edit_and_take_back(live, window):
    server = live()
    page = opened(window, server)
    row(page, "comment 3").hover()
    row(page, "comment 3").get_by_role("button", name="More").click()
    page.locator("#row-menu").get_by_role("button", name="Reply").click()
    expect(page.locator("[data-part=context]")).to_have_text("Replying to Ann")
    write(page, "so do I")
    expect(row(page, "so do I").locator(".to")).to_contain_text("Ann")
    until(lambda: server.commands("comment.post"))
    assert server.commands("comment.post")[0]["reply_to"] == message(3, "").id

    row(page, "so do I").hover()
    row(page, "so do I").get_by_role("button", name="More").click()
    page.locator("#row-menu").get_by_role("button", name="Edit").click()
    expect(page.locator("#text")).to_have_value("so do I")
    write(page, "so do we")
    expect(row(page, "so do we")).to_contain_text("edited")

    row(page, "so do we").hover()
    row(page, "so do we").get_by_role("button", name="More").click()
    page.locator("#row-menu").get_by_role("button", name="Delete").click()
    expect(row(page, "so do we")).to_have_count(0)


def test_another_persons_comment_can_be_reported_but_not_changed(live, window):
    server = live()
    page = opened(window, server)

    row(page, "comment 3").hover()
    row(page, "comment 3").get_by_role("button", name="More").click()
    expect(page.locator("#row-menu").get_by_role("button", name="Edit")).to_be_hidden()
    page.locator("#row-menu").get_by_role("button", name="Report").click()
    page.locator("#report").get_by_role("button", name="Advertising").click()

    until(lambda: server.commands("comment.report"))
    assert server.commands("comment.report")[0] == {
        "room": "1",
        "id": message(3, "").id,
        "reason": "spam",
    }
    expect(page.locator("#toast")).to_contain_text("Thank you")


def test_on_a_phone_a_tap_on_a_comment_opens_its_menu(live, window):
    server = live()
    page = opened(window, server, **PHONE)

    row(page, "comment 8").locator(".x").tap()

    expect(page.locator("#row-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#row-menu")).to_be_hidden()


def test_rows_are_reached_and_opened_with_the_keyboard(live, window):
    server = live()
    page = opened(window, server)
    page.locator("[data-part=scroller]").focus()

    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")

    expect(row(page, "comment 8")).to_be_focused()
    server.push(posted(1, "while choosing"))
    expect(page.locator("[data-part=jump]")).to_have_text("1 new")
    page.keyboard.press("Enter")
    expect(page.locator("#row-menu")).to_be_visible()
    expect(page.locator("#row-menu [data-quote]")).to_have_text("comment 8")
    page.keyboard.press("Escape")
    expect(row(page, "comment 8")).to_be_focused()
    page.keyboard.press("End")
    expect(row(page, "while choosing")).to_be_visible()


def test_the_focus_does_not_get_lost_with_a_hidden_row(live, window):
    server = live()
    page = opened(window, server)
    page.locator("[data-part=scroller]").focus()
    page.keyboard.press("ArrowUp")

    server.push({"event": "comment.hidden", "id": message(9, "").id, "by": "m2"})

    expect(page.locator("[data-part=scroller]")).to_be_focused()


def test_a_screen_reader_hears_the_host_and_not_everybody(live, window):
    server = live()
    page = opened(window, server)

    server.push(
        posted(1, "nobody in particular"), posted(2, "no perfume in it", name="Nagi", role="host")
    )

    expect(page.locator("#spoken")).to_have_text("2 new comments. Nagi: no perfume in it")
    assert page.locator("[data-part=scroller]").get_attribute("aria-live") is None


def test_what_the_stream_lost_is_read_from_what_was_saved(live, window):
    server = live()
    page = opened(window, server)
    server.lost = True
    server.older = [message(9, "comment 9"), message(10, "saved meanwhile")]

    server.close()
    server.push(posted(1, "after the gap"))

    expect(row(page, "saved meanwhile")).to_be_visible()
    expect(page.locator(".gap-r")).to_have_count(0)
    expect(rows(page)).to_have_count(11)
