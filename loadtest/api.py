"""The HTTP API as a load test uses it: tokens for visitors, and history page by page."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx

from loadtest.checks import Comment, Place
from loadtest.errors import CannotRun

PAGE: Final = 100
MOST_TRIES: Final = 200


class ApiError(CannotRun):
    """The API refused; the text has its status and body."""


def client(url: str) -> httpx.AsyncClient:
    """Make a client for one server."""
    return httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)


async def visitor_token(http: httpx.AsyncClient, name: str) -> str:
    """Become a visitor of that name; waits where there are too many."""
    answer = await _answer(http, "POST", "/v1/guest", json={"name": name})
    return str(answer["token"])


async def history(http: httpx.AsyncClient, room: str) -> list[Comment]:
    """Read a room's whole history, oldest first."""
    pages: list[list[Comment]] = []
    before: str | None = None
    while True:
        page = await history_page(http, room, before)
        if not page:
            return [comment for page in reversed(pages) for comment in page]
        pages.append(page)
        epoch, offset = page[0].place
        before = f"{epoch}-{offset}"
        if len(pages) > 1 and page[0].place >= pages[-2][0].place:
            raise ApiError(f"history does not go back: before={before}")


async def history_page(
    http: httpx.AsyncClient, room: str, before: str | None = None
) -> list[Comment]:
    """Read one page of history, oldest first."""
    params: dict[str, str | int] = {"limit": PAGE}
    if before is not None:
        params["before"] = before
    answer = await _answer(http, "GET", f"/v1/rooms/{room}/messages", params=params)
    return [_comment(each) for each in answer["messages"]]


async def stored(http: httpx.AsyncClient, room: str, top: Place, seconds: float) -> bool:
    """Wait until a room's history reaches a place; False when it does not in time."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                page = await history_page(http, room)
                if page and page[-1].place >= top:
                    return True
                await asyncio.sleep(0.25)
    except TimeoutError:
        return False


def _comment(value: dict[str, Any]) -> Comment:
    place = (value["epoch"], value["offset"])
    return Comment(place, value["id"], value["author"]["id"], value["text"] or "")


async def _answer(http: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    for _ in range(MOST_TRIES):
        response = await http.request(method, path, **options)
        if response.status_code not in (429, 503):
            break
        after = response.headers.get("Retry-After", "")
        await asyncio.sleep(min(float(after), 60.0) if after.isdecimal() else 0.5)
    if response.is_error:
        raise ApiError(f"{method} {path}: {response.status_code} {response.text[:500]}")
    return response.json()
