"""A whole Hiroba and two browsers: from the owner's first link to an answer that a viewer sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.running import Running, running

pytestmark = pytest.mark.browser

PASSWORD = "a quiet harbour"
Window = Callable[..., Page]


@pytest.fixture(scope="module")
def hiroba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An empty community on two gateways, whose pages may be opened as fast as a test does."""
    folder: Path = tmp_path_factory.mktemp("people")
    fast = {"HIROBA_SIGN_IN_RATE": "1000/60s", "HIROBA_VISITOR_RATE": "1000/60s"}
    with running(folder, "--gateways", "2", "--no-demo", environ=fast) as started:
        yield started


@pytest.fixture(scope="module")
def owner_link(hiroba: Running) -> str:
    """The link of the terminal."""
    link: str = hiroba.facts["setup_url"]
    return link


@pytest.fixture(scope="module")
def owner_state() -> dict[str, object]:
    """The cookies of the owner, once there is one."""
    return {}


@pytest.fixture
def owner(hiroba: Running, owner_link: str, owner_state: dict[str, object], window: Window) -> Page:
    """The owner's browser; the first test that asks for it sets the community up."""
    page = window(**owner_state)
    page.set_default_timeout(30_000)
    if not owner_state:
        page.goto(owner_link)
        page.fill("#name", "Natsuki")
        page.fill("#password", PASSWORD)
        page.click("main button.pri")
        page.wait_for_url("**/set-up/look**")
        owner_state["storage_state"] = page.context.storage_state()
    return page


def joins(hiroba: Running, page: Page, name: str, back: str = "/me") -> None:
    page.set_default_timeout(30_000)
    page.goto(f"{hiroba.url}/sign-up?back={back}")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button.pri")
    page.wait_for_url(f"**{back}")
    if back.startswith("/rooms/"):
        page.wait_for_selector("live-stage:defined", state="attached")


def makes_room(hiroba: Running, owner: Page, slug: str, title: str) -> None:
    owner.goto(f"{hiroba.url}/settings/rooms")
    form = owner.locator("form", has=owner.locator("#slug"))
    form.locator("#title-new").fill(title)
    form.locator("#slug").fill(slug)
    form.locator("button.pri").click()
    expect(owner.locator("main").get_by_role("link", name=title)).to_be_visible()


def plans(hiroba: Running, owner: Page, room: str, title: str) -> str:
    """Schedule a broadcast and give the address of its studio."""
    owner.goto(f"{hiroba.url}/studio/new")
    owner.select_option("#room", label=room)
    owner.fill("#title", title)
    owner.fill("#video", "https://video.invalid/a.mp4")
    owner.click("main button.pri")
    owner.wait_for_url(re.compile(r"/studio/\d+$"))
    return owner.url


def settled(page: Page) -> None:
    expect(page.locator("[data-link]")).not_to_have_attribute("hidden", "", timeout=30_000)


def test_a_viewer_asks_and_sees_what_the_host_answers(
    hiroba: Running, owner: Page, window: Window
) -> None:
    makes_room(hiroba, owner, "evening", "Evening room")
    plans(hiroba, owner, "Evening room", "Autumn skin")
    settled(owner)
    expect(owner.locator("[data-check=source]")).to_have_class(re.compile("bad"), timeout=30_000)
    owner.locator("header button.pri").click()
    expect(owner.locator("header .live-b")).to_be_visible()
    settled(owner)

    viewer = window()
    joins(hiroba, viewer, "Aoi", "/rooms/evening")
    viewer.click("[data-part=ask]")
    expect(viewer.locator("[data-part=ask]")).to_have_attribute("aria-pressed", "true")
    viewer.fill("#text", "Is it for dry skin?")
    viewer.press("#text", "Enter")

    card = owner.locator("#qs li", has_text="Is it for dry skin?")
    expect(card).to_be_visible(timeout=30_000)
    card.locator("[data-deed=show] button").click()
    expect(viewer.locator("[data-part=onstage]")).to_contain_text("Is it for dry skin?")
    card.locator("summary").click()
    card.locator("textarea").fill("Yes, every evening.")
    card.locator("[data-deed=answer] button").click()
    expect(card).to_have_count(0)
    expect(owner.locator("dd [data-answered]").first).to_have_text("1")

    viewer.click("#tab-questions")
    expect(viewer.locator("#panel-questions")).to_contain_text("Yes, every evening.")


def test_a_comment_is_pinned_and_made_a_question_from_its_menu(
    hiroba: Running, owner: Page, window: Window
) -> None:
    makes_room(hiroba, owner, "noon", "Noon room")
    studio = plans(hiroba, owner, "Noon room", "Lunch")
    settled(owner)
    viewer = window()
    joins(hiroba, viewer, "Mio", "/rooms/noon")
    viewer.fill("#text", "How long does a jar last")
    viewer.press("#text", "Enter")
    row = owner.locator("#fd li", has_text="How long does a jar last")
    expect(row).to_be_visible(timeout=30_000)

    row.hover()
    row.locator(".more").click()
    owner.locator("#row-menu [data-deed=pin]").click()
    expect(owner.locator("[data-pinned]")).to_contain_text("How long does a jar last")
    row.hover()
    row.locator(".more").click()
    owner.locator("#row-menu [data-deed=mark]").click()

    expect(owner.locator("#qs li", has_text="How long does a jar last")).to_be_visible()
    expect(viewer.locator("[data-part=pinned]")).to_contain_text("How long does a jar last")
    owner.locator("[data-unpin]").click()
    expect(owner.locator("[data-pinned]")).to_be_hidden()
    owner.goto(studio)
    expect(owner.locator("#qs li", has_text="How long does a jar last")).to_be_visible()


def test_a_rule_of_the_room_reaches_the_viewer_at_once(
    hiroba: Running, owner: Page, window: Window
) -> None:
    makes_room(hiroba, owner, "rules", "Strict room")
    plans(hiroba, owner, "Strict room", "Strict")
    settled(owner)
    viewer = window()
    joins(hiroba, viewer, "Yui", "/rooms/rules")
    status = viewer.locator("[data-part=status]")

    owner.select_option("#seconds", "30")
    expect(status).to_contain_text("30")
    owner.select_option("#mode", "staff")

    expect(status).to_contain_text("Only the team may write")


def test_the_broadcast_ends_only_when_the_button_is_held(
    hiroba: Running, owner: Page, window: Window
) -> None:
    makes_room(hiroba, owner, "late", "Late room")
    plans(hiroba, owner, "Late room", "Short")
    owner.locator("header button.pri").click()
    settled(owner)
    viewer = window()
    viewer.goto(f"{hiroba.url}/rooms/late")
    end = owner.locator("[data-hold] button")

    end.click()
    expect(owner.locator("#toast")).to_be_visible()
    expect(end).to_be_visible()
    end.hover()
    owner.mouse.down()
    expect(owner.locator("#mid .facts")).to_be_visible(timeout=30_000)
    owner.mouse.up()

    expect(viewer.locator("[data-card=ended]")).to_be_visible()


def test_on_a_phone_the_studio_is_one_column_with_tabs(
    hiroba: Running, owner: Page, owner_state: dict[str, object], window: Window
) -> None:
    makes_room(hiroba, owner, "small", "Small room")
    studio = plans(hiroba, owner, "Small room", "Small")
    phone = window(**owner_state, **PHONE)

    for language in ("ja", "ar", "th", "en"):
        phone.goto(f"{studio}?lang={language}")
        expect(phone.locator("#mid")).to_be_visible()
        expect(phone.locator("#qs")).to_be_hidden()
        phone.locator("#tab-fd").tap()
        expect(phone.locator("#fd #say")).to_be_in_viewport()
        phone.locator("#tab-qs").tap()
        expect(phone.locator("#qs")).to_be_visible()
        wide = phone.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, language
    expect(phone.locator(".start-p button")).to_be_in_viewport()


def test_signing_out_everywhere_is_told_on_an_open_studio(
    hiroba: Running, owner: Page, window: Window
) -> None:
    owner.goto(f"{hiroba.url}/settings/people")
    form = owner.locator("form", has=owner.locator("#new-role"))
    form.locator("#name").fill("Ren")
    form.locator("#new-role").select_option("host")
    form.locator("button.pri").click()
    link = owner.locator(".once code").inner_text()
    makes_room(hiroba, owner, "away", "Away room")
    studio = plans(hiroba, owner, "Away room", "Away")
    ren = window()
    ren.set_default_timeout(30_000)
    ren.goto(link)
    ren.fill("#password", PASSWORD)
    ren.click("main button.pri")
    ren.wait_for_url("**/me")
    other = ren.context.new_page()
    other.goto(studio)
    settled(other)

    ren.get_by_role("button", name="Sign out everywhere").click()

    expect(other.locator("[data-conn]")).to_contain_text("You are signed out", timeout=30_000)


def test_the_password_can_be_looked_at_and_the_name_is_previewed(
    hiroba: Running, window: Window
) -> None:
    page = window()
    page.goto(f"{hiroba.url}/sign-up")
    page.fill("#name", "น้ำฝน")
    page.fill("#password", "secret words")

    page.click("[data-reveal=password]")

    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(page.locator("[data-preview] .n")).to_have_text("น้ำฝน")
    expect(page.locator("[data-preview] .av")).to_have_text("นฝ")
