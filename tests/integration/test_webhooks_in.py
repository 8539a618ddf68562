"""What the shop tells is believed when signed, compared with what was reserved, and done once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from rooms.rules import message_uuid, new_message_id
from rooms.shop import signing
from rooms.shop.rules import Order, OrderState
from rooms.shop.webhooks import reads
from rooms.shop.webhooks.receiving import LEFT_BEHIND_S, receive
from server.context import Context, system_clock
from server.database import Database
from server.errors import Refused
from server.settings import Settings
from tests.clock import FakeClock
from web.api import shop
from web.api.table import routes_of
from web.errors import HANDLERS

SECRET = "hrb_shared-with-the-shop"
RESERVED = """
    INSERT INTO reservations (id, product_id, variant_id, person, name, named, key, quantity, price,
                              discount, currency, source, state, epoch, seq, "offset", at, until)
    VALUES ($1, $2, $3, 'm1', 'Aoi', true, 'k', 2, 2200, 400, 'JPY', 'sheet', 'held',
            1, 1, 1, now(), now() + interval '5 minutes')
"""


@dataclass
class Desk:
    """Stands in for what makes orders, and writes down what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    problem: Exception | None = None
    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    waits: bool = False

    async def settle(
        self, ctx: Context, reservation_id: str, outcome: str, payment: str, restock: bool
    ) -> Order | None:
        self.asked.append((reservation_id, outcome, payment, restock))
        if self.waits:
            await self.going_on.wait()
        if self.problem is not None:
            raise self.problem
        if outcome == "failed":
            return None
        state = OrderState.PAID if outcome == "paid" else OrderState.CANCELLED
        return Order(
            *("7", reservation_id, "1", "1", None, "m1", "Aoi", 2, 4000, "JPY"), state, payment, 1
        )


@dataclass
class Stage:
    ctx: Context
    desk: Desk
    reservation: str

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "id": "n1",
            "kind": "order.paid",
            "reservation": self.reservation,
            "payment": "pay_1",
            "amount": 4000,
            "currency": "JPY",
            **changes,
        }

    async def tell(self, **changes: Any) -> dict[str, Any]:
        raw = orjson.dumps(self.body(**changes))
        header = signing.sign([SECRET], raw, self.ctx.clock() // 1000)
        return await receive(self.ctx, header, raw, self.desk.settle)

    async def refused(self, **changes: Any) -> Refused:
        with pytest.raises(Refused) as error:
            await self.tell(**changes)
        return error.value


@pytest.fixture
async def stage(settings: Settings, database: Database, clock: FakeClock) -> Stage:
    clock.now = system_clock()
    ctx = Context(settings, database, None, None, clock)  # type: ignore[arg-type]
    await database.run("UPDATE shop_settings SET secrets = ARRAY['hrb_the-newer-one', $1]", SECRET)
    product = await database.value(
        "INSERT INTO products (title, currency) VALUES ('Tea', 'JPY') RETURNING id"
    )
    variant = await database.value(
        "INSERT INTO variants (product_id, price, total) VALUES ($1, 2200, 9) RETURNING id", product
    )
    reservation = new_message_id(clock.now, token_bytes)
    await database.run(RESERVED, message_uuid(reservation), product, variant)
    return Stage(ctx, Desk(), reservation)


async def test_a_signed_notice_makes_an_order_and_says_which(stage: Stage) -> None:
    answer = await stage.tell(restock=True)

    assert stage.desk.asked == [(stage.reservation, "paid", "pay_1", True)]
    assert (answer["id"], answer["state"], answer["order"]["id"]) == ("n1", "paid", "7")
    assert answer["order"]["title"] == "Tea"


async def test_a_failure_without_an_order_is_answered_too(stage: Stage) -> None:
    answer = await stage.tell(kind="order.failed", payment="")

    assert answer == {"id": "n1", "order": None, "state": "failed"}


async def test_a_repetition_gets_the_first_answer_and_has_no_effect(stage: Stage) -> None:
    first = await stage.tell()
    stage.desk.problem = Refused("internal")

    again = [await stage.tell() for _ in range(3)]

    assert again == [first] * 3
    assert len(stage.desk.asked) == 1


async def test_twenty_at_once_have_one_effect_and_one_answer(stage: Stage) -> None:
    stage.desk.waits = True
    telling = [asyncio.create_task(stage.tell()) for _ in range(20)]
    await asyncio.wait(telling, timeout=0.2)
    stage.desk.going_on.set()

    answers = await asyncio.gather(*telling)

    assert len(stage.desk.asked) == 1
    assert all(answer == answers[0] for answer in answers)


async def test_the_same_id_with_something_else_is_refused(stage: Stage) -> None:
    await stage.tell()

    assert (await stage.refused(kind="order.refunded")).code == "duplicate_conflict"
    assert len(stage.desk.asked) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 3999}, "amount"),
        ({"amount": 4000.0}, "amount"),
        ({"currency": "USD"}, "currency"),
    ],
)
async def test_what_is_wrong_is_named_and_has_no_effect(
    stage: Stage, changes: dict[str, Any], field: str
) -> None:
    refused = await stage.refused(**changes)

    assert (refused.code, refused.details["field"]) == ("invalid", field)
    assert stage.desk.asked == []


async def test_a_mismatch_is_written_down_and_may_come_again_corrected(stage: Stage) -> None:
    await stage.refused(amount=1)
    (logged,) = await reads.received(stage.ctx.db)

    answer = await stage.tell()

    assert (logged.refused, logged.body["amount"]) == (True, 1)
    assert logged.answer is not None
    assert logged.answer["error"]["field"] == "amount"
    assert answer["state"] == "paid"
    assert [line.refused for line in await reads.received(stage.ctx.db)] == [False]


async def test_an_unknown_reservation_is_not_found(stage: Stage) -> None:
    assert (await stage.refused(reservation="AZfzohERerye7wEjRWeJqw")).code == "not_found"


@pytest.mark.parametrize("problem", [Refused("unavailable"), RuntimeError("a fault of ours")])
async def test_what_could_not_be_done_is_left_to_the_repetition(
    stage: Stage, problem: Exception
) -> None:
    stage.desk.problem = problem
    with pytest.raises(type(problem)) as error:
        await stage.tell()
    stage.desk.problem = None

    answer = await stage.tell()

    assert answer["state"] == "paid"
    if isinstance(error.value, Refused):
        assert (error.value.code, error.value.retry_after) == ("unavailable", 5000)


async def test_while_the_database_is_away_the_shop_is_told_when_to_repeat(stage: Stage) -> None:
    served = Starlette(routes=routes_of(shop.endpoints), exception_handlers=HANDLERS)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await served({**scope, "state": {"ctx": stage.ctx}}, receive, send)

    await stage.ctx.db.close()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://here.example"
    ) as http:
        answer = await http.post("/v1/shop/webhook", content=b"{}")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"]["code"] == "unavailable"


async def test_what_a_dead_process_left_is_taken_up_again(stage: Stage, clock: FakeClock) -> None:
    stage.desk.waits = True
    dead = asyncio.create_task(stage.tell())
    await asyncio.wait([dead], timeout=0.2)
    dead.cancel()
    stage.desk.waits = False
    clock.advance(LEFT_BEHIND_S * 1000 + 1)

    answer = await stage.tell()

    assert answer["state"] == "paid"
    assert len(stage.desk.asked) == 2


async def test_nothing_is_believed_without_a_signature_of_this_time(
    stage: Stage, clock: FakeClock
) -> None:
    raw = orjson.dumps(stage.body())
    now = clock() // 1000
    wrong = [
        ("", "unauthenticated"),
        (signing.sign(["hrb_of-somebody-else"], raw, now), "unauthenticated"),
        (signing.sign([SECRET], raw + b" ", now), "unauthenticated"),
        (signing.sign([SECRET], raw, now - 301), "expired"),
        (signing.sign([SECRET], raw, now + 301), "expired"),
    ]
    for header, code in wrong:
        with pytest.raises(Refused) as error:
            await receive(stage.ctx, header, raw, stage.desk.settle)
        assert error.value.code == code

    assert stage.desk.asked == []
    assert await reads.received(stage.ctx.db) == []
