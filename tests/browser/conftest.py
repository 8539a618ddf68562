"""A real Chromium, and rooms for it to look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser as AsyncBrowser
from playwright.async_api import BrowserContext as AsyncContext
from playwright.async_api import Page as AsyncPage
from playwright.async_api import async_playwright
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from rooms.events import room_info
from rooms.history.rules import Page as History
from rooms.history.rules import PastMessage
from rooms.questions.rules import Answer, Question
from rooms.rules import Broadcast, Kind, Position, Room, State
from server.context import Viewer
from server.settings import Settings
from tests.browser.scripted import EPOCH, Scripted
from tests.integration.street import Street, street
from web.pages.live import LiveRoom, live_page

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
MIO = Viewer(id="m1", name="みお", rank=20)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for the tests of a module: while it runs, no test beside it may use asyncio."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a window of its own; a script error in it fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_window(**options: Any) -> Page:
        context = browser.new_context(**{"locale": "en", **DESKTOP, **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert problems == []


def message(
    number: int, text: str, *, name: str = "Ann", rank: int = 20, **more: Any
) -> PastMessage:
    """Make a message of the past at offset `number`."""
    return PastMessage(
        **{
            "id": f"past{number:018}",
            "room_id": "1",
            "position": Position(EPOCH, number),
            "at": round(time.time() * 1000) - 60_000,
            "author": f"m{sum(map(ord, name))}",
            "author_name": name,
            "author_rank": rank,
            "client_message_id": f"c{number}",
            "text": text,
            "state": "visible",
            **more,
        }
    )


def posted(number: int, text: str, *, name: str = "Ann", role: str = "member") -> dict[str, Any]:
    """Make the push of a new comment."""
    author = {"id": f"m{sum(map(ord, name))}", "name": name, "role": role}
    body = {"event": "comment.posted", "id": f"push{number:018}", "author": author}
    return {**body, "text": text, "client_message_id": f"p{number}"}


def question(key: str, text: str, votes: int, answer: str | None = None) -> Question:
    """Make a question of the room, answered or open."""
    now = datetime.now(UTC)
    host = {"id": "m3", "name": "Nagi", "role": "host"}
    return Question(
        id=key,
        room_id="1",
        room_slug="live",
        room_title="Nagisa live",
        room_kind="live",
        author={"id": "m9", "name": "mika", "role": "member"},
        text=text,
        state="answered" if answer else "open",
        votes=votes,
        asked_at=now,
        answer=Answer(author=host, at=now, text=answer) if answer else None,
    )


def broadcast(state: str = "live", **more: Any) -> Broadcast:
    """Make a broadcast in that state."""
    now = datetime.now(UTC)
    begun = state != "scheduled"
    values: dict[str, Any] = {
        "id": "7",
        "room_id": "1",
        "room_slug": "live",
        "room_title": "Nagisa live",
        "title": "Autumn skin",
        "about": "All about sensitive skin.",
        "host_id": "m3",
        "host_name": "Nagi",
        "state": State(state),
        "video_kind": "file",
        "video_url": "/media/clip.mp4",
        "poster_url": "",
        "upright": True,
        "starts_at": now - timedelta(minutes=5) if begun else now + timedelta(hours=3),
        "started_at": now - timedelta(minutes=5) if begun else None,
        "ended_at": now if state == "ended" else None,
    }
    return Broadcast(**{**values, **more})


def live_room(*, show: Broadcast | None = None, room: dict[str, Any] | None = None, **more: Any):
    """Make what the page of a live room shows: nine comments, two questions."""
    said = [message(n, f"comment {n}") for n in range(1, 10)]
    values = {
        "id": "1",
        "kind": Kind.LIVE,
        "slug": "live",
        "title": "Nagisa live",
        "broadcast": show or broadcast(),
        **(room or {}),
    }
    questions = [
        question("q" * 22, "Is it for dry skin?", 3),
        question("r" * 22, "When?", 1, "Now."),
    ]
    shown = {
        "comments": History(said),
        "place": said[-1].position,
        "questions": questions,
        "viewers": 12480,
        **more,
    }
    return LiveRoom(Room(**values), **shown)


@pytest.fixture
def live() -> Iterator[Callable[..., Scripted]]:
    """Start a server with one live room, as the test wants it."""
    running: list[Scripted] = []

    def start(*, viewer: Viewer | None = MIO, **room: Any) -> Scripted:
        view = live_room(**room)
        server = Scripted(lambda request, _: live_page(request, view), viewer=viewer)
        server.offset = len(view.comments.messages)
        server.room = dict(room_info(view.room))
        running.append(server)
        return server.__enter__()

    yield start
    for server in running:
        server.__exit__()


class People:
    """Opens windows for people, each at a gateway."""

    def __init__(self, town: Street, browser: AsyncBrowser) -> None:
        self.town, self.browser = town, browser
        self.world = town.world
        self.contexts: list[AsyncContext] = []
        self.problems: list[str] = []

    async def at(self, room: Room, viewer: Viewer | None, gateway: int = 0) -> AsyncPage:
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
