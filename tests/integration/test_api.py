"""The HTTP API through the whole application: rooms, messages, guests, tickets, and its rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.members import sessions
from server.settings import Rate, Settings
from tests.integration.world import World, world
from tests.serving import serving
from web.app import create_app
from web.session import csrf_token


@dataclass(frozen=True)
class Site:
    """A running application, a browser without cookies, and the community behind it."""

    world: World
    http: httpx.AsyncClient
    settings: Settings

    async def sign_in(self, number: str) -> None:
        """Sign this browser in as a member."""
        cookie = await sessions.begin(self.world.ctx, int(number[1:]))
        self.http.cookies.set("hiroba", cookie)

    def form_token(self) -> str:
        """Give this browser the cookie of a page, and what the page's forms send."""
        self.http.cookies.set("hiroba-seed", "noise")
        return csrf_token("noise")


@asynccontextmanager
async def running(settings: Settings, **changes: Any) -> AsyncIterator[Site]:
    async with world(settings, **changes) as w, serving(create_app(w.ctx.settings)) as url:
        origin = w.ctx.settings.public_url
        async with httpx.AsyncClient(base_url=url, headers={"Origin": origin}) as http:
            yield Site(w, http, w.ctx.settings)


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with running(settings) as site:
        yield site


def error(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert " " in body["error"]["message"]
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, body["error"]["code"]


async def test_a_reader_lists_public_rooms_only(site: Site) -> None:
    await site.world.room("tea")
    await site.world.room("team", visibility="staff")

    response = await site.http.get("/v1/rooms")

    assert [room["slug"] for room in response.json()["rooms"]] == ["tea"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_a_member_sees_more_and_nothing_on_the_way_may_keep_it(site: Site) -> None:
    await site.world.room("regulars", visibility="members")
    aoi = await site.world.member("Aoi")
    nameless = await site.http.get("/v1/rooms")
    await site.sign_in(aoi.id or "")

    named = await site.http.get("/v1/rooms")

    assert nameless.json()["rooms"] == []
    assert [room["slug"] for room in named.json()["rooms"]] == ["regulars"]
    assert named.headers["cache-control"] == "no-store"


async def test_a_room_that_may_not_be_seen_is_like_one_that_is_not_there(site: Site) -> None:
    hidden = await site.world.room("team", visibility="staff")

    for address in (f"/v1/rooms/{hidden.id}", "/v1/rooms/777", "/v1/rooms/x"):
        for rest in ("", "/messages", "/questions"):
            assert error(await site.http.get(address + rest)) == (404, "not_found")


async def test_history_over_http_equals_what_was_published(site: Site) -> None:
    aoi, room = await site.world.member("Aoi"), await site.world.room()
    for n in range(5):
        args = {"room": room.id, "text": f"line {n}", "client_message_id": f"c{n}"}
        await comments.post(site.world.ctx, aoi, args)
    await site.world.save()

    newest = (await site.http.get(f"/v1/rooms/{room.id}/messages?limit=3")).json()
    older = await site.http.get(
        f"/v1/rooms/{room.id}/messages", params={"limit": 3, "before": newest["before"]}
    )

    found = [*older.json()["messages"], *newest["messages"]]
    window = await site.world.window(room)
    assert [(m["id"], m["epoch"], m["offset"], m["at"]) for m in found] == [
        (p.key, p.epoch, p.offset, p.at) for p in window
    ]
    assert [m["text"] for m in found] == [f"line {n}" for n in range(5)]
    assert older.json()["before"] is None


@pytest.mark.parametrize(
    "query", ["before=x", "before=1", "limit=0", "limit=101", "limit=-1", "limit=٣", "limit="]
)
async def test_a_wrong_page_is_invalid(site: Site, query: str) -> None:
    room = await site.world.room()

    assert error(await site.http.get(f"/v1/rooms/{room.id}/messages?{query}")) == (422, "invalid")


async def test_an_unknown_address_and_method_have_error_words(site: Site) -> None:
    assert error(await site.http.get("/v1/nothing")) == (404, "not_found")
    assert error(await site.http.post("/v1/rooms")) == (405, "unknown_command")


async def test_a_guest_gets_a_token_that_speaks_for_it(site: Site) -> None:
    await site.world.room("tea")

    response = await site.http.post("/v1/guest", json={"name": " Ken "})
    token, you = response.json()["token"], response.json()["you"]
    listed = await site.http.get("/v1/rooms", headers={"Authorization": f"Bearer {token}"})

    assert (you["name"], you["id"][0], len(you["id"])) == ("Ken", "g", 17)
    assert "set-cookie" not in response.headers
    assert listed.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "invalid")),
        (b"{", (400, "malformed")),
        (b"[]", (400, "malformed")),
        (b'{"name": 5}', (422, "invalid")),
        (b'{"name": ""}', (422, "invalid")),
        (b'{"name": "admin"}', (422, "invalid")),
        (b'{"name": "' + b"x" * 70_000 + b'"}', (413, "too_large")),
    ],
)
async def test_a_wrong_name_is_refused(site: Site, body: bytes, expected: tuple[int, str]) -> None:
    assert error(await site.http.post("/v1/guest", content=body)) == expected


async def test_names_from_one_address_are_limited(settings: Settings) -> None:
    async with running(settings, visitor_rate=Rate(2, 60_000)) as site:
        for name in ("Ken", "Mio"):
            assert (await site.http.post("/v1/guest", json={"name": name})).status_code == 200

        response = await site.http.post("/v1/guest", json={"name": "Aoi"})

        assert error(response) == (429, "rate_limited")
        assert 0 < int(response.headers["retry-after"]) <= 60
        assert response.json()["error"]["retry_after"] > 0


async def test_a_page_of_ours_keeps_the_guest_as_a_cookie(site: Site) -> None:
    headers = {"X-CSRF": site.form_token()}

    response = await site.http.post("/v1/guest", json={"name": "Ken"}, headers=headers)
    ticket = await site.http.post("/v1/ticket", headers=headers)

    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert ticket.json()["ticket"].startswith("t.")


async def test_a_signed_in_page_gets_a_ticket_once(site: Site) -> None:
    aoi = await site.world.member("Aoi")
    await site.sign_in(aoi.id or "")

    response = await site.http.post("/v1/ticket", headers={"X-CSRF": site.form_token()})

    assert response.status_code == 200
    assert response.json()["expires_in"] == 60_000
    assert response.headers["cache-control"] == "no-store"


async def test_a_ticket_needs_the_token_of_a_page_of_this_browser(site: Site) -> None:
    aoi = await site.world.member("Aoi")
    await site.sign_in(aoi.id or "")
    token = site.form_token()

    without = await site.http.post("/v1/ticket")
    wrong = await site.http.post("/v1/ticket", headers={"X-CSRF": csrf_token("other")})
    foreign = await site.http.post(
        "/v1/ticket", headers={"X-CSRF": token, "Origin": "https://evil.example"}
    )
    null = await site.http.post("/v1/ticket", headers={"X-CSRF": token, "Origin": "null"})

    assert {error(r) for r in (without, wrong, foreign, null)} == {(403, "forbidden")}


async def test_a_nameless_reader_gets_no_ticket(site: Site) -> None:
    response = await site.http.post("/v1/ticket", headers={"X-CSRF": site.form_token()})

    assert error(response) == (401, "unauthenticated")


async def test_a_void_bearer_token_is_told_and_not_taken_for_a_reader(site: Site) -> None:
    response = await site.http.get("/v1/rooms", headers={"Authorization": "Bearer nonsense"})

    assert error(response) == (401, "unauthenticated")


async def test_a_form_of_another_site_is_refused_before_it_is_read(site: Site) -> None:
    aoi = await site.world.member("Aoi", Rank.OWNER)
    await site.sign_in(aoi.id or "")
    form = {"csrf": site.form_token(), "name": "Stolen"}

    foreign = await site.http.post(
        "/settings", data=form, headers={"Origin": "https://evil.example"}
    )
    without = await site.http.post("/settings", data={"name": "Stolen"})

    assert (foreign.status_code, without.status_code) == (403, 403)
    assert foreign.headers["content-type"].startswith("text/html")


async def test_the_socket_told_by_plain_http_says_what_it_wants(site: Site) -> None:
    response = await site.http.get("/v1/live")

    assert error(response) == (426, "malformed")
    assert response.headers["upgrade"] == "websocket"


async def test_the_description_names_every_address_and_error_word(site: Site) -> None:
    described = (await site.http.get("/v1/openapi.json")).json()

    assert {
        *("/v1/guest", "/v1/ticket", "/v1/rooms", "/v1/rooms/{room}"),
        *("/v1/rooms/{room}/messages", "/v1/rooms/{room}/questions"),
        *("/v1/search", "/v1/openapi.json"),
    } <= set(described["paths"])
    schemas = described["components"]["schemas"]
    text = str(described)
    for name in {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in schemas
    assert "rate_limited" in schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]


async def test_readiness_names_each_dependency(site: Site) -> None:
    response = await site.http.get("/readyz")

    assert response.json() == {"ready": True, "database": "ok", "redis": "ok", "live": "ok"}


async def test_a_body_that_hides_its_length_is_bounded_too(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 8192

    response = await site.http.post("/v1/guest", content=endless())

    assert error(response) == (413, "too_large")


async def test_a_page_gives_a_browser_what_its_forms_need(site: Site) -> None:
    page = await site.http.get("/sign-in")
    token = page.text.split('name="csrf" content="')[1].split('"')[0]
    form = {"csrf": token, "lang": "ja", "back": "/"}

    taken = await site.http.post("/preferences", data=form)

    assert "hiroba-seed" in page.headers["set-cookie"]
    assert token == csrf_token(site.http.cookies["hiroba-seed"])
    assert taken.status_code == 303
    assert "set-cookie" not in (await site.http.get("/static/none")).headers


async def test_readers_are_told_when_the_database_is_away(settings: Settings) -> None:
    async with running(settings) as site:
        await site.world.room("tea")
        await site.world.db.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        response = await site.http.get("/v1/rooms")
        again = await site.http.get("/v1/rooms")

    assert {response.status_code, again.status_code} <= {200, 503}
    assert again.status_code == 200


async def test_a_form_above_the_bound_is_told_as_a_page(site: Site) -> None:
    form = {"csrf": site.form_token(), "name": "x" * 70_000}

    response = await site.http.post("/sign-in", data=form)

    assert response.status_code == 413
    assert response.headers["content-type"].startswith("text/html")


async def test_search_finds_what_was_said_where_one_may_read(site: Site) -> None:
    aoi = await site.world.member("Aoi")
    room = await site.world.room("tea")
    team = await site.world.room("team", visibility="members")
    for number, where in enumerate((room, team)):
        args = {"room": where.id, "text": "green tea leaves", "client_message_id": f"c{number}"}
        await comments.post(site.world.ctx, aoi, args)
    await site.world.save()

    nameless = await site.http.get("/v1/search", params={"q": "tea leaf"})
    nothing = await site.http.get("/v1/search", params={"q": " "})
    hidden = await site.http.get("/v1/search", params={"q": "tea", "room": team.id})
    page = await site.http.get("/search", params={"q": "tea leaf"})

    assert [(hit["room"], hit["text"]) for hit in nameless.json()["hits"]] == [
        (room.id, "green tea leaves")
    ]
    assert (error(nothing), error(hidden)) == ((422, "invalid"), (404, "not_found"))
    assert (page.status_code, "green" in page.text) == (200, True)
    by_aoi = f"/search?q=tea+leaf&amp;author={aoi.id}"
    assert by_aoi in page.text
    narrowed = await site.http.get("/search", params={"q": "tea leaf", "author": aoi.id})
    assert (by_aoi in narrowed.text, "green" in narrowed.text) == (False, True)
    for path in ("/v1/search", "/search"):
        odd = await site.http.get(path, params={"q": "tea leaf", "author": "\0"})
        assert odd.status_code == 422
    assert (await site.http.get("/rooms/%00")).status_code == 422
    other = await site.http.get("/search", params={"q": "tea leaf", "author": "m999"})
    assert (other.status_code, "green" in other.text) == (200, False)
