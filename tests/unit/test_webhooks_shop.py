"""The example shop believes only what is signed, and tells until it is heard; no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from rooms.shop import signing
from server.errors import Refused
from tests.clock import FakeClock
from web.demo.shop import Secrets, Shop, app

SHARED, ENDPOINT = "hrb_shared", "hrb_endpoint"
CLAIMS: dict[str, Any] = {
    "id": "AZfzohERerye7wEjRWeJqw",
    "title": "Tea <M>",
    "quantity": 2,
    "amount": 4000,
    "currency": "JPY",
    "return": "http://hiroba.example/orders?reservation=AZfzohERerye7wEjRWeJqw",
}


@dataclass
class Hiroba:
    """The other side: checks what it is told, and answers with what it was given."""

    clock: FakeClock
    answers: list[httpx.Response] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        raw = request.content
        signing.verify(request.headers[signing.HEADER], [SHARED], raw, self.clock() // 1000)
        self.notices.append(orjson.loads(raw))
        return self.answers.pop(0) if self.answers else httpx.Response(200, json={"state": "paid"})


@dataclass
class Street:
    shop: Shop
    hiroba: Hiroba
    http: httpx.AsyncClient
    token: str

    async def press(self, deed: str, **more: str) -> httpx.Response:
        form = {"token": self.token, "deed": deed, **more}
        answer = await self.http.post("/checkout", data=form)
        await self.shop.finished()
        return answer

    async def page(self) -> httpx.Response:
        return await self.http.get("/checkout", params={"reservation": self.token})


@pytest.fixture
async def street(clock: FakeClock) -> AsyncIterator[Street]:
    async def known() -> Secrets:
        return Secrets((SHARED,), (ENDPOINT,))

    async def sleep(seconds: float) -> None:
        clock.advance(round(seconds * 1000))

    hiroba = Hiroba(clock)
    until = clock.now + 300_000
    token = signing.token([SHARED], {**CLAIMS, "until": until, "expires": until + 900_000})
    shop = Shop(
        "http://hiroba.example",
        known,
        clock=clock,
        sleep=sleep,
        transport=httpx.MockTransport(hiroba),
    )
    transport = httpx.ASGITransport(app(shop))
    headers = {"Accept-Language": "en"}
    base = "http://shop.example"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as http:
        yield Street(shop, hiroba, http, token)
    await shop.close()


async def test_it_shows_what_was_reserved_and_tells_that_it_was_paid(street: Street) -> None:
    before = await street.page()

    answer = await street.press("pay")
    after = await street.page()

    assert answer.status_code == 303
    assert "¥4,000" in before.text
    assert "Tea &lt;M&gt;" in before.text
    (notice,) = street.hiroba.notices
    assert (notice["kind"], notice["amount"]) == ("order.paid", 4000)
    assert notice["reservation"] == CLAIMS["id"]
    assert "Order paid" in after.text
    assert 'value="pay"' not in after.text


async def test_it_repeats_the_same_notice_until_it_is_heard(street: Street) -> None:
    street.hiroba.answers = [httpx.Response(503), httpx.Response(429)]

    await street.press("pay")

    assert len({notice["id"] for notice in street.hiroba.notices}) == 1
    assert len(street.hiroba.notices) == 3
    assert street.shop.payments[CLAIMS["id"]].state == "paid"


async def test_what_is_refused_is_said(street: Street) -> None:
    street.hiroba.answers = [httpx.Response(422, json={"error": {"message": "another amount"}})]

    await street.press("pay")

    assert "another amount" in (await street.page()).text


async def test_paying_too_late_waits_for_the_end_of_the_hold(
    street: Street, clock: FakeClock
) -> None:
    began = clock.now
    street.hiroba.answers = [httpx.Response(200, json={"state": "refund_due"})]

    await street.press("late")
    page = await street.page()
    await street.press("refund", restock="on")

    assert clock.now > began + 300_000
    assert "Refund due" in page.text
    assert [n["kind"] for n in street.hiroba.notices] == ["order.paid", "order.refunded"]
    assert street.hiroba.notices[1]["restock"] is True


@pytest.mark.parametrize("token", ["", "e30.00", signing.token(["hrb_other"], CLAIMS)])
async def test_a_reservation_that_is_not_signed_cannot_be_paid(street: Street, token: str) -> None:
    street.token = token

    assert (await street.page()).status_code == 403
    assert (await street.press("pay")).status_code == 403
    assert street.hiroba.notices == []


async def test_it_takes_each_event_once_and_only_signed(street: Street, clock: FakeClock) -> None:
    raw = orjson.dumps({"id": "e1", "number": 1, "kind": "order.paid", "at": clock.now, "data": {}})
    signed = {signing.HEADER: signing.sign([ENDPOINT], raw, clock() // 1000)}

    answers = [await street.http.post("/hook", content=raw, headers=signed) for _ in range(2)]
    forged = await street.http.post("/hook", content=raw + b" ", headers=signed)
    overview = await street.http.get("/", headers={"Accept-Language": "ja"})

    assert [answer.status_code for answer in answers] == [200, 200]
    assert forged.status_code == 403
    assert [event["id"] for event in street.shop.told] == ["e1"]
    assert "支払い済み" in overview.text
    with pytest.raises(Refused):
        await street.shop.take(raw, "")
