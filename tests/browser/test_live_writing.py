"""Writing in a live room: what is sent, what waits, what is refused, and who may."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import posted
from tests.browser.steps import opened, row, until, write

pytestmark = pytest.mark.browser


def test_an_own_comment_is_there_at_once_and_then_sent(live, window):
    server = live()
    page = opened(window, server)
    server.deaf = True

    write(page, "my first words")

    mine = row(page, "my first words")
    expect(mine).to_have_class(re.compile(r"\bsending\b"))
    expect(page.locator("#text")).to_have_value("")
    until(lambda: server.commands("comment.post"))
    cmid = server.commands("comment.post")[0]["client_message_id"]
    server.push(
        {
            **posted(1, "my first words"),
            "author": {"id": "m1", "name": "みお", "role": "member"},
            "client_message_id": cmid,
        }
    )
    expect(mine).to_have_count(1)
    expect(mine).not_to_have_class(re.compile(r"\bsending\b"))


def test_a_comment_that_fails_can_be_tried_again_or_deleted(live, window):
    server = live()
    server.refusals["comment.post"] = {"code": "unavailable", "message": "away"}
    page = opened(window, server)

    write(page, "one")
    write(page, "two")

    expect(row(page, "one")).to_contain_text("Not sent")
    row(page, "two").get_by_role("button", name="Delete").click()
    expect(row(page, "two")).to_have_count(0)
    server.refusals.clear()
    row(page, "one").get_by_role("button", name="Try again").click()
    expect(row(page, "one")).not_to_contain_text("Not sent")


def test_slow_mode_counts_down_and_keeps_the_next_draft(live, window):
    server = live(room={"cooldown_ms": 3000})
    page = opened(window, server)
    write(page, "first")
    expect(page.locator("[data-part=status]")).to_contain_text("you can send in")

    write(page, "second")

    expect(page.locator("#text")).to_have_value("second")
    assert len(server.commands("comment.post")) == 1
    expect(page.locator("[data-part=status]")).to_contain_text("one comment every 3 seconds")
    page.press("#text", "Enter")
    until(lambda: len(server.commands("comment.post")) == 2)


def test_a_refusal_for_speed_gives_the_words_back(live, window):
    server = live()
    server.refusals["comment.post"] = {"code": "rate_limited", "message": "", "retry_after": 9000}
    page = opened(window, server)

    write(page, "too fast")

    expect(page.locator("#text")).to_have_value("too fast")
    expect(row(page, "too fast")).to_have_count(0)


def test_who_is_muted_learns_why_and_until_when_and_keeps_the_draft(live, window):
    server = live()
    page = opened(window, server)
    page.fill("#text", "half a thought")

    server.now(
        {
            "event": "you.muted",
            "room": "1",
            "until": round(time.time() * 1000) + 300_000,
            "reason": "advertising",
        }
    )

    expect(page.locator("[data-part=status]")).to_contain_text("You can write again at")
    expect(page.locator("[data-part=reason]")).to_have_text("Reason: advertising")
    expect(page.get_by_role("link", name="Community rules").first).to_be_visible()
    expect(page.locator("#alarm")).not_to_be_empty()
    page.press("#text", "Enter")
    expect(page.locator("#text")).to_have_value("half a thought")
    server.now({"event": "you.unmuted", "room": "1"})
    expect(page.locator("[data-part=status]")).to_be_hidden()
    page.press("#text", "Enter")
    expect(row(page, "half a thought")).to_be_visible()


def test_a_sanction_that_stood_before_the_page_was_opened_is_known(live, window):
    server = live(sanction={"kind": "muted", "until": None, "reason": ""})
    server.you = {"sanction": {"kind": "muted", "until": None, "reason": ""}}

    page = opened(window, server)

    expect(page.locator("[data-part=status]")).to_contain_text("You cannot write here any more.")


def test_only_its_author_sees_a_held_comment(live, window):
    server = live()
    server.verdict = "held"
    page = opened(window, server)

    write(page, "look at my shop")

    expect(row(page, "look at my shop")).to_contain_text("Waiting for review")
    held = row(page, "look at my shop").get_attribute("data-id")
    server.now({"event": "held.rejected", "id": held, "reason": ""})
    expect(row(page, "look at my shop")).to_have_count(0)
    expect(page.locator("#toast")).to_contain_text("not approved")


def test_an_approved_comment_takes_its_place(live, window):
    server = live()
    server.verdict = "held"
    page = opened(window, server)
    write(page, "a fine link")
    expect(row(page, "a fine link")).to_contain_text("Waiting for review")
    held = row(page, "a fine link").get_attribute("data-id")

    server.now({"event": "held.approved", "id": held})
    server.push(
        {
            **posted(1, "a fine link"),
            "id": held,
            "author": {"id": "m1", "name": "みお", "role": "member"},
        }
    )

    expect(row(page, "a fine link")).to_have_count(1)
    expect(row(page, "a fine link")).not_to_contain_text("Waiting for review")


def test_a_lost_connection_is_told_after_two_seconds_and_nothing_is_missed(live, window):
    server = live()
    page = opened(window, server)
    server.shut = True
    server.close()

    write(page, "written in between")

    expect(page.locator("[data-part=conn]")).to_contain_text("Reconnecting")
    expect(row(page, "written in between")).to_contain_text("Sent when you are back")
    server.push(posted(1, "said meanwhile"))
    server.shut = False
    expect(row(page, "said meanwhile")).to_be_visible(timeout=20_000)
    expect(page.locator("[data-part=conn]")).to_be_hidden()
    expect(row(page, "written in between")).not_to_contain_text("Sent when")
    assert server.heard[-1]["cmd"] == "comment.post"
    again = [heard["args"] for heard in server.heard if heard["cmd"] == "connect"][-1]
    assert again["token"] == "again"
    assert again["subscribe"][0]["offset"] == 9


def test_who_is_shut_out_is_told_and_does_not_come_back(live, window):
    server = live()
    page = opened(window, server)

    server.close(4505)

    expect(page.locator("[data-part=conn]")).to_contain_text("shut out")


def test_who_has_no_account_chooses_a_name_and_the_draft_survives(live, window):
    server = live(viewer=None)
    server.refusals["guest"] = {"code": "invalid", "problem": "resembles_staff", "message": ""}
    page = opened(window, server)
    write(page, "may I ask?")
    page.fill("#guest-name", "Nagi")
    page.get_by_role("button", name="Join the chat").click()
    expect(page.locator("#naming .err")).to_contain_text("too close")
    server.refusals.clear()

    page.fill("#guest-name", "Kim")
    page.get_by_role("button", name="Join the chat").click()

    expect(page.locator("#naming")).to_be_hidden()
    expect(page.locator("#text")).to_have_value("may I ask?")
    until(lambda: any(h["args"].get("token") for h in server.heard if h["cmd"] == "connect"))
    page.press("#text", "Enter")
    expect(row(page, "may I ask?")).to_contain_text("Kim")


def test_where_guests_may_not_write_the_way_in_is_shown(live, window):
    server = live(viewer=None, room={"min_rank": 20})

    page = opened(window, server)

    expect(page.get_by_role("link", name="Sign in to comment")).to_be_visible()
    expect(page.locator("#text")).to_be_hidden()


def test_a_room_for_the_team_says_so(live, window):
    server = live()
    page = opened(window, server)

    server.push(
        {
            "event": "room.changed",
            "mode": "staff",
            "min_rank": 40,
            "cooldown_ms": 0,
            "closed": False,
        }
    )

    expect(page.locator("[data-part=status]")).to_have_text(
        "Only the team may write at the moment."
    )


def test_without_scripts_comments_can_be_read_and_written(live, window):
    server = live()
    page = window(java_script_enabled=False)
    page.goto(f"{server.url}/rooms/live")

    expect(row(page, "comment 9")).to_be_visible()
    page.fill("#text", "from an old browser")
    page.locator(".send").click()

    assert server.commands("form")[0]["text"] == "from an old browser"
    assert server.commands("form")[0]["csrf"] == "token"
    expect(page.locator(".more").first).to_be_hidden()
