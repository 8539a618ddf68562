"""Moderators in real browsers, on two gateways with a worker."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from moderation import wordlist
from moderation.rules import Rank
from server.context import Viewer
from server.errors import Refused
from tests.browser.backstage import Backstage
from tests.browser.conftest import PHONE
from tests.browser.steps import until
from tests.running import running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def backstage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    folder: Path = tmp_path_factory.mktemp("console")
    with (
        running(folder, "--no-demo", "--gateways", "2") as hiroba,
        Backstage(hiroba.facts) as made,
    ):
        yield made


class Place:
    """One room of its own, two moderators, and a guest who misbehaves."""

    def __init__(self, backstage: Backstage, window: Callable[..., Page]) -> None:
        self.backstage = backstage
        self._window = window
        self.room = backstage.room(f"room-{secrets.token_hex(4)}")
        self.ren, self._ren_cookie = backstage.member(f"Ren {secrets.token_hex(3)}", Rank.MODERATOR)
        self.yui, self._yui_cookie = backstage.member(f"Yui {secrets.token_hex(3)}", Rank.MODERATOR)
        self.spammer = backstage.guest("shop_navi")

    def say(self, text: str, viewer: Viewer | None = None) -> str:
        return str(self.backstage.say(viewer or self.spammer, self.room, text)["id"])

    def console(self, *, second: bool = False, query: str = "", **options: Any) -> Page:
        """Open the console of the room and wait until it is joined."""
        page = self._window(**options)
        cookie = self._yui_cookie if second else self._ren_cookie
        page.context.add_cookies([{"name": "hiroba", "value": cookie, "url": self.backstage.url}])
        page.goto(f"{self.backstage.url}/console?room={self.room}&lang=en{query}")
        if options.get("java_script_enabled", True):
            expect(page.locator("[data-link]")).to_have_text("Connected")
        return page


@pytest.fixture
def place(backstage: Backstage, window: Callable[..., Page]) -> Place:
    return Place(backstage, window)


def row(page: Page, text: str) -> Any:
    return page.locator("[data-feed] li.row", has_text=text)


def test_what_is_said_arrives_and_a_key_hides_it_for_both_moderators(place: Place) -> None:
    first, second = place.console(), place.console(second=True)
    place.say("hello everybody")
    id = place.say("buy here")
    expect(row(first, "buy here")).to_be_visible()

    first.locator("[data-scroller]").focus()
    first.keyboard.press("k")
    expect(row(first, "buy here")).to_have_class(re.compile("sel"))
    first.keyboard.press("h")

    expect(row(first, "buy here")).to_have_class(re.compile("gone"))
    expect(row(first, "buy here")).to_contain_text("You hid this")
    expect(row(second, "buy here")).to_contain_text(f"{place.ren.name} hid this")
    expect(second.locator("[data-log] tbody tr").first).to_contain_text("Hidden")
    state = "SELECT state FROM messages WHERE room_id = $1 AND text = 'buy here'"
    until(lambda: place.backstage.value(state, int(place.room)) == "hidden")
    assert id

    first.keyboard.press("u")

    expect(row(first, "buy here")).not_to_have_class(re.compile("gone"))
    expect(row(second, "buy here")).not_to_have_class(re.compile("gone"))
    until(lambda: place.backstage.value(state, int(place.room)) == "visible")


def test_the_second_moderator_on_a_message_is_told_who_was_first(place: Place) -> None:
    first, second = place.console(), place.console(second=True)
    place.say("buy here")
    expect(row(second, "buy here")).to_be_visible()
    row(second, "buy here").locator(".x").click()

    row(first, "buy here").locator(".x").click()
    first.keyboard.press("h")
    expect(row(second, "buy here")).to_contain_text(f"{place.ren.name} hid this")
    second.keyboard.press("h")

    expect(row(second, "buy here")).to_contain_text(f"{place.ren.name} hid this")


def test_a_time_out_silences_the_person_and_undo_frees(place: Place) -> None:
    page = place.console()
    place.say("buy here")
    row(page, "buy here").locator(".x").click()

    page.fill("#why", "advertising")
    row(page, "buy here").focus()
    page.keyboard.press("t")

    expect(page.locator("#toast")).to_contain_text("may not write for 5 min")
    expect(page.locator("[data-card] [data-holding]")).to_contain_text("Muted")
    with pytest.raises(Refused) as refused:
        place.say("again")
    assert refused.value.code == "muted"
    assert refused.value.details["why"] == "advertising"

    page.locator("#toast [data-undo]").click()

    expect(page.locator("#toast")).to_contain_text("Undone")
    until(lambda: _may(place))


def _may(place: Place) -> bool:
    try:
        place.say("thank you")
    except Refused:
        return False
    return True


def test_the_length_of_a_time_out_is_chosen_by_two_keys(place: Place) -> None:
    page = place.console()
    place.say("buy here")
    row(page, "buy here").locator(".x").click()

    page.keyboard.press("Shift+KeyT")
    page.keyboard.press("Digit1")

    expect(page.locator("[data-log] tbody tr").first).to_contain_text("Muted 10 s")


def test_held_messages_are_decided_by_keys_and_the_choice_can_be_undone(place: Place) -> None:
    word = f"bad{secrets.token_hex(3)}"
    backstage = place.backstage
    backstage.run(wordlist.add_words(backstage.ctx, place.ren, [word], "hold"))
    page = place.console()
    place.say(f"first {word}")
    place.say(f"second {word}")
    held = page.locator("[data-held] li")
    expect(held).to_have_count(2)
    expect(held.first.locator("mark")).to_have_text(word)

    page.locator("[data-scroller]").focus()
    page.keyboard.press("a")
    expect(held).to_have_count(1)
    page.keyboard.press("x")

    expect(held).to_have_count(0)
    expect(row(page, f"first {word}")).to_be_visible()
    expect(page.locator("[data-log] tbody")).to_contain_text("Rejected")
    page.keyboard.press("u")
    expect(held).to_have_count(1)


def test_who_looks_at_a_held_message_is_named_and_may_be_relieved(place: Place) -> None:
    word = f"bad{secrets.token_hex(3)}"
    backstage = place.backstage
    backstage.run(wordlist.add_words(backstage.ctx, place.ren, [word], "hold"))
    first, second = place.console(), place.console(second=True)
    place.say(f"some {word}")

    first.locator("[data-held] li").focus()

    item = second.locator("[data-held] li")
    expect(item).to_contain_text(f"{place.ren.name} is looking")
    expect(item.locator("[data-deed=approve]")).to_be_hidden()
    item.locator("[data-deed=take]").click()
    expect(item.locator("[data-deed=approve]")).to_be_visible()
    expect(first.locator("[data-held] li")).to_contain_text(f"{place.yui.name} is looking")


def test_a_raid_is_one_row_and_one_press_hides_it_all(place: Place) -> None:
    page = place.console()
    crowd = [place.backstage.guest(f"free_gift_{n}") for n in range(6)]
    for guest in crowd:
        place.say("free gifts are over here", guest)

    group = page.locator("[data-feed] li.dup")
    expect(group).to_contain_text("6 equal messages")
    group.locator("button").click()

    expect(page.locator("#toast")).to_contain_text("6 messages hidden")
    hidden = "SELECT count(*) FROM messages WHERE room_id = $1 AND state = 'hidden'"
    until(lambda: place.backstage.value(hidden, int(place.room)) == 6)


def test_keys_can_be_changed_and_turned_off(place: Place) -> None:
    page = place.console()
    place.say("buy here")
    page.locator("[data-scroller]").focus()
    page.keyboard.press("Shift+Slash")
    page.locator("[data-key=hide]").focus()
    page.keyboard.press("z")
    expect(page.locator("[data-key=hide]")).to_have_text("Z")
    page.keyboard.press("Escape")

    row(page, "buy here").locator(".x").click()
    page.keyboard.press("h")
    expect(row(page, "buy here")).not_to_have_class(re.compile("gone"))
    page.keyboard.press("z")
    expect(row(page, "buy here")).to_have_class(re.compile("gone"))

    page.locator("[data-help]").click()
    page.locator("[data-keys-on]").uncheck()
    page.keyboard.press("Escape")
    row(page, "buy here").focus()
    page.keyboard.press("u")
    expect(row(page, "buy here")).to_have_class(re.compile("gone"))


def test_a_word_is_tried_on_what_was_said_and_added_from_the_feed(place: Place) -> None:
    word = f"kr{secrets.token_hex(3)}"
    page = place.console()
    place.say(word)
    saved = "SELECT count(*) FROM messages WHERE room_id = $1"
    until(lambda: place.backstage.value(saved, int(place.room)) == 1)
    row(page, word).locator(".x").click()

    page.keyboard.press("f")
    expect(page.locator("[data-caught-list] mark")).to_have_text(word)
    page.locator("[data-add=reject]").click()

    expect(page.locator("#toast")).to_contain_text("Word added")
    until(lambda: _refused(place, word))


def _refused(place: Place, text: str) -> bool:
    try:
        place.say(text)
    except Refused as refused:
        return refused.code == "invalid"
    return False


def test_without_scripts_a_message_is_hidden_and_its_author_muted(place: Place) -> None:
    place.say("buy here")
    saved = "SELECT state FROM messages WHERE room_id = $1"
    until(lambda: place.backstage.value(saved, int(place.room)) == "visible")
    page = place.console(java_script_enabled=False)

    row(page, "buy here").hover()
    row(page, "buy here").locator("button[data-deed=hide]").click()
    until(lambda: place.backstage.value(saved, int(place.room)) == "hidden")
    page.reload()
    expect(row(page, "buy here")).to_contain_text("hid this")

    row(page, "buy here").locator("a.n").click()
    page.fill("#reason", "advertising")
    page.get_by_role("button", name="10 min").click()

    expect(page.locator("main")).to_contain_text("advertising")
    with pytest.raises(Refused) as refused:
        place.say("again")
    assert refused.value.code == "muted"
    page.get_by_role("button", name="Lift").click()
    expect(page.locator("main")).not_to_contain_text("In force")


def test_without_scripts_the_queue_is_decided_and_an_act_undone(place: Place) -> None:
    word = f"bad{secrets.token_hex(3)}"
    backstage = place.backstage
    backstage.run(wordlist.add_words(backstage.ctx, place.ren, [word], "hold"))
    place.say(f"some {word}")
    page = place.console(java_script_enabled=False)

    page.locator("[data-held] button[data-deed=reject]").click()
    expect(page.locator("[data-held] li")).to_have_count(0)
    page.locator("[data-log] tr", has_text="Rejected").locator("button").click()

    expect(page.locator("[data-held] li")).to_have_count(1)


def test_without_scripts_words_are_added_and_removed(place: Place) -> None:
    word = f"kr{secrets.token_hex(3)}"
    page = place.console(java_script_enabled=False)
    page.goto(f"{place.backstage.url}/console/words?lang=en&room={place.room}")

    page.fill("#words", word)
    page.get_by_label("is refused").check()
    page.get_by_role("button", name="Add", exact=True).click()
    item = page.locator(".wl li", has_text=word)
    expect(item).to_contain_text("Refuse")
    until(lambda: _refused(place, word))
    item.locator("button").click()

    expect(page.locator(".wl li", has_text=word)).to_have_count(0)


def test_on_a_phone_the_card_is_a_sheet_and_the_views_are_tabs(place: Place) -> None:
    place.say("buy here")
    page = place.console(**PHONE)
    row(page, "buy here").locator(".x").tap()

    card = page.locator("[data-card]")
    expect(card).to_be_visible()
    card.locator("[data-deed=hide]").tap()
    expect(row(page, "buy here")).to_have_class(re.compile("gone"))
    card.locator("[data-close]").tap()
    expect(card).to_be_hidden()

    page.locator("[data-tab=log]").tap()
    expect(page.locator("[data-log]")).to_be_visible()
    expect(page.locator("[data-feed]")).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "ja", "ar", "th"])
@pytest.mark.parametrize("width", [320, 390, 1024, 1440])
def test_nothing_sticks_out_sideways(place: Place, language: str, width: int) -> None:
    place.say("buy here at my shop, it is so much cheaper than here, look")
    page = place.console(viewport={"width": width, "height": 800})
    paths = (
        f"/console?room={place.room}",
        f"/console/words?room={place.room}",
        f"/console/people/{place.spammer.id}?room={place.room}",
    )
    for path in paths:
        page.goto(f"{place.backstage.url}{path}&lang={language}")
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, (path, wider)


def test_nobody_else_sees_the_console(place: Place, window: Callable[..., Page]) -> None:
    _, cookie = place.backstage.member(f"Member {secrets.token_hex(3)}", Rank.MEMBER)
    page = window()
    page.context.add_cookies([{"name": "hiroba", "value": cookie, "url": place.backstage.url}])

    for path in ("/console", "/console/words", "/console/log.csv", "/console/people/m1"):
        answer = page.request.get(f"{place.backstage.url}{path}")
        assert answer.status == 403


def test_the_log_comes_as_a_file(place: Place) -> None:
    page = place.console()
    place.say("buy here")
    row(page, "buy here").locator(".x").click()
    page.keyboard.press("m")
    expect(page.locator("[data-log] tbody tr").first).to_contain_text("Muted")

    answer = page.request.get(f"{place.backstage.url}/console/log.csv?room={place.room}")

    assert answer.headers["content-type"].startswith("text/csv")
    assert ",mute,shop_navi," in answer.text()
