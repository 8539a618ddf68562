"""Events go out in order, each until it is taken, whatever the consumer does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from moderation.rules import Rank
from rooms.shop import outgoing, signing
from rooms.shop.webhooks import actions, reads
from rooms.shop.webhooks.sending import KEPT_DAYS, LEASE_S, Sender, tidy
from server.context import Context, Viewer, system_clock
from server.database import Database
from server.errors import Refused
from server.settings import Settings
from tests.clock import FakeClock
from tests.integration.channels import until

OWNER = Viewer(id="m1", name="Owner", rank=Rank.OWNER)
HOUR = 3_600_000


@dataclass
class Consumer:
    """A shop's endpoint that answers what it is told to, and remembers what it was sent."""

    answer: Callable[[dict[str, Any]], bytes | None] = lambda _: ok()
    """What is answered to a body; None for nothing, until the caller goes away."""
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def numbers(self) -> list[int]:
        return [body["data"]["n"] for body in self.seen]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                head = {
                    name.lower(): value for name, _, value in (x.partition(": ") for x in lines)
                }
                raw = await reader.readexactly(int(head["content-length"]))
                self.heads.append(head)
                self.bodies.append(raw)
                self.seen.append(orjson.loads(raw))
                answer = self.answer(self.seen[-1])
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def ok(status: str = "200 OK", body: bytes = b"", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def ctx(settings: Settings, database: Database, clock: FakeClock) -> Context:
    clock.now = system_clock()
    return Context(settings, database, None, None, clock)  # type: ignore[arg-type]


@pytest.fixture
async def consumer() -> AsyncIterator[Consumer]:
    consumer = Consumer()
    listening = await asyncio.start_server(consumer.serve, "127.0.0.1", 0)
    consumer.port = listening.sockets[0].getsockname()[1]
    yield consumer
    listening.close()


@pytest.fixture
async def product(ctx: Context) -> int:
    return int(
        await ctx.db.value(
            "INSERT INTO products (title, currency) VALUES ('T', 'JPY') RETURNING id"
        )
    )


async def happen(
    ctx: Context, product: int, *numbers: int, kind: outgoing.Told = "order.paid"
) -> None:
    for n in numbers:
        await outgoing.tell(ctx.db, kind, product, {"n": n})


async def turn(sender: Sender) -> None:
    """Let a worker send what is due now."""
    await sender.turn()
    await sender.finished()


async def endpoint(ctx: Context, consumer: Consumer, *kinds: str) -> str:
    return await actions.add_endpoint(ctx, OWNER, {"url": consumer.url, "kinds": list(kinds)})


async def the_one(ctx: Context) -> reads.Endpoint:
    (only,) = await reads.endpoints(ctx.db)
    return only


async def test_events_come_signed_and_in_order(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    await happen(ctx, product, 0)
    await turn(Sender(ctx))
    await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2, 3)

    await turn(Sender(ctx))

    secrets = (await the_one(ctx)).secrets
    assert consumer.numbers == [1, 2, 3], "what was before it is not sent to a new endpoint"
    assert [body["number"] for body in consumer.seen] == [2, 3, 4]
    for head, raw in zip(consumer.heads, consumer.bodies, strict=True):
        signing.verify(head["hiroba-signature"], secrets, raw, ctx.clock() // 1000)
    assert len({head["hiroba-event"] for head in consumer.heads}) == 3
    assert (await the_one(ctx)).waiting == 0


async def test_a_consumer_that_is_down_for_an_hour_catches_up_in_order_each_once(
    ctx: Context, consumer: Consumer, product: int, clock: FakeClock
) -> None:
    await endpoint(ctx, consumer)
    sender, down = Sender(ctx), clock.now + HOUR
    consumer.answer = lambda _: ok("503 Away") if clock.now < down else ok()
    waits = []
    for n in range(240):
        await happen(ctx, product, n)
        await turn(sender)
        clock.advance(15_000)
        waits.append((await the_one(ctx)).failures)
    refused, tries = consumer.numbers, len(consumer.numbers)
    clock.advance(HOUR // 6)
    consumer.seen.clear()

    await turn(sender)

    assert set(refused) == {0}, "nothing is passed over"
    assert 12 <= tries <= 40, "it waits longer and longer, but at most ten minutes"
    assert consumer.numbers == list(range(240))
    assert (await the_one(ctx)).failures == 0
    logged = await reads.attempts(ctx.db, int((await the_one(ctx)).id), limit=1000)
    assert len(logged) == tries + 240
    assert len({line.event_id for line in logged if line.attempt.ok}) == 240


async def test_what_a_consumer_took_before_it_died_comes_again_under_the_same_id(
    ctx: Context, consumer: Consumer, product: int, clock: FakeClock
) -> None:
    await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2, 3)
    consumer.answer = lambda body: b"" if body["data"]["n"] == 2 else ok()
    hung_up = Sender(ctx)
    hung_up.seconds = 0.05
    await turn(hung_up)
    consumer.answer = lambda _: ok()
    clock.advance(10_000)

    await turn(Sender(ctx))

    assert consumer.numbers == [1, 2, 2, 3]
    assert consumer.heads[1]["hiroba-event"] == consumer.heads[2]["hiroba-event"]
    assert consumer.bodies[1] == consumer.bodies[2]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ok("500 Broken"), ""),
        (ok("302 Found", extra="Location: /elsewhere\r\n"), ""),
        (ok("410 Gone"), ""),
        (b"nonsense\r\n\r\n", "no_answer: RemoteProtocolError"),
        (None, "timeout"),
    ],
)
async def test_nothing_but_success_is_taken_for_it(
    ctx: Context, consumer: Consumer, product: int, answer: bytes | None, error: str
) -> None:
    id = int(await endpoint(ctx, consumer))
    await happen(ctx, product, 1, 2)
    consumer.answer = lambda _: answer
    sender = Sender(ctx)
    sender.seconds = 0.2 if answer is None else 10

    await turn(sender)
    await turn(sender)

    (only,) = await reads.attempts(ctx.db, id)
    assert (only.attempt.ok, only.attempt.error) == (False, error)
    assert consumer.numbers == [1], "it is not tried again at once, and a redirect is not followed"
    assert ((await the_one(ctx)).failures, (await the_one(ctx)).waiting) == (1, 2)


async def test_a_huge_answer_is_cut_and_the_next_event_goes_on(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2)
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000
    consumer.answer = lambda _: endless

    await turn(Sender(ctx))

    assert consumer.numbers == [1, 2]


async def test_an_endpoint_gets_only_the_kinds_that_it_wants(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    await endpoint(ctx, consumer, "order.paid")
    await happen(ctx, product, 1, kind="reservation.held")
    await happen(ctx, product, 2)
    await happen(ctx, product, 3, kind="stock.changed")

    await turn(Sender(ctx))
    await happen(ctx, product, 4)
    await turn(Sender(ctx))

    assert consumer.numbers == [2, 4]


async def test_what_is_committed_late_is_not_passed_over(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    await endpoint(ctx, consumer)
    async with ctx.db.transaction() as slow:
        await outgoing.tell(slow, "order.paid", product, {"n": 1})
        await happen(ctx, product, 2)
        await turn(Sender(ctx))
        early = consumer.numbers

    await turn(Sender(ctx))

    assert (early, consumer.numbers) == ([2], [2, 1])


async def test_two_workers_do_not_send_to_one_endpoint_at_once(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    await endpoint(ctx, consumer)
    await happen(ctx, product, *range(30))
    workers = [Sender(ctx) for _ in range(3)]

    await asyncio.gather(*(turn(worker) for worker in workers))

    assert consumer.numbers == list(range(30))


async def test_a_worker_that_died_is_replaced_when_its_lease_has_run_out(
    ctx: Context, consumer: Consumer, product: int, clock: FakeClock
) -> None:
    await endpoint(ctx, consumer)
    await happen(ctx, product, 1)
    consumer.answer = lambda _: None
    dead = Sender(ctx)
    await dead.turn()
    await until(lambda: consumer.seen)
    for task in dead._running:
        task.cancel()
    consumer.answer = lambda _: ok()

    await turn(Sender(ctx))
    before = len(consumer.seen)
    clock.advance(LEASE_S * 1000)
    await turn(Sender(ctx))

    assert (before, consumer.numbers) == (1, [1, 1])


async def test_one_endpoint_that_hangs_does_not_hold_up_another(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    hanging = Consumer(lambda _: None)
    listening = await asyncio.start_server(hanging.serve, "127.0.0.1", 0)
    hanging.port = listening.sockets[0].getsockname()[1]
    await endpoint(ctx, hanging)
    await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2)
    sender = Sender(ctx)

    await sender.turn()
    await until(lambda: len(consumer.seen) == 2)

    assert hanging.numbers == [1]
    for task in list(sender._running):
        task.cancel()
    listening.close()


async def test_what_the_owner_wants_again_is_sent_even_while_it_pauses(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    id = await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2)
    await turn(Sender(ctx))
    await actions.pause_endpoint(ctx, OWNER, {"endpoint": id}, paused=True)
    await happen(ctx, product, 3)
    event = consumer.seen[0]["id"]

    await actions.send_again(ctx, OWNER, {"endpoint": id, "event": event})
    await turn(Sender(ctx))
    paused = consumer.numbers
    await actions.pause_endpoint(ctx, OWNER, {"endpoint": id}, paused=False)
    await turn(Sender(ctx))

    assert (paused, consumer.numbers) == ([1, 2, 1], [1, 2, 1, 3])
    assert consumer.bodies[2] == consumer.bodies[0]
    logged = await reads.attempts(ctx.db, int(id))
    assert [line.by_hand for line in logged] == [False, True, False, False]


async def test_the_owner_may_leave_out_what_a_consumer_never_takes(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    id = await endpoint(ctx, consumer)
    await happen(ctx, product, 1, 2)
    consumer.answer = lambda body: ok("400 No") if body["data"]["n"] == 1 else ok()
    await turn(Sender(ctx))
    refused = consumer.seen[0]["id"]

    await actions.skip(ctx, OWNER, {"endpoint": id, "event": refused})
    await turn(Sender(ctx))

    assert consumer.numbers == [1, 2]
    assert ((await the_one(ctx)).missed, (await the_one(ctx)).failures) == (1, 0)
    with pytest.raises(Refused, match="Another event"):
        await actions.skip(ctx, OWNER, {"endpoint": id, "event": refused})


async def test_an_endpoint_that_was_removed_or_moved_is_not_called_any_more(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    id = await endpoint(ctx, consumer)
    await happen(ctx, product, 1)
    await actions.remove_endpoint(ctx, OWNER, {"endpoint": id})

    await turn(Sender(ctx))

    assert (consumer.seen, await reads.endpoints(ctx.db)) == ([], [])
    with pytest.raises(Refused, match="no such endpoint"):
        await actions.pause_endpoint(ctx, OWNER, {"endpoint": id}, paused=True)


@pytest.mark.parametrize("number", ["10.0.0.7", "127.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_into_our_own_network_is_not_called(
    ctx: Context, product: int, number: str
) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return [number]

    id = await actions.add_endpoint(ctx, OWNER, {"url": "https://shop.example/"})
    await happen(ctx, product, 1)

    await turn(Sender(ctx, resolve=inside))

    (only,) = await reads.attempts(ctx.db, int(id))
    assert only.attempt.error == "private"


async def test_while_its_secret_is_changed_both_sign(
    ctx: Context, consumer: Consumer, product: int
) -> None:
    id = await endpoint(ctx, consumer)
    (old,) = (await the_one(ctx)).secrets
    await actions.rotate_endpoint(ctx, OWNER, {"endpoint": id}, finish=False)
    await happen(ctx, product, 1)
    await turn(Sender(ctx))
    await actions.rotate_endpoint(ctx, OWNER, {"endpoint": id}, finish=True)

    (new,) = (await the_one(ctx)).secrets
    for secret in (old, new):
        header = consumer.heads[0]["hiroba-signature"]
        signing.verify(header, [secret], consumer.bodies[0], ctx.clock() // 1000)
    assert new != old


async def test_what_nobody_took_in_thirty_days_is_dropped_and_counted(
    ctx: Context, consumer: Consumer, product: int, clock: FakeClock
) -> None:
    id = int(await endpoint(ctx, consumer))
    await happen(ctx, product, 1, 2, 3)
    consumer.answer = lambda body: ok() if body["data"]["n"] == 1 else ok("500 Broken")
    await turn(Sender(ctx))
    clock.advance(KEPT_DAYS * 86_400_000 + 60_000)

    await tidy(ctx)
    await tidy(ctx)

    assert (await the_one(ctx)).missed == 2
    assert await reads.attempts(ctx.db, id) == []
    later = datetime.fromtimestamp(clock.now / 1000, UTC)
    await ctx.db.run(
        "INSERT INTO webhook_events (kind, product_id, body, created_at) VALUES ($1, $2, $3, $4)",
        *("order.paid", product, {"n": 4}, later),
    )
    consumer.answer = lambda _: ok()
    await turn(Sender(ctx))
    assert consumer.numbers == [1, 2, 4]


async def test_while_nobody_is_told_anything_events_are_kept_for_a_day(
    ctx: Context, product: int, clock: FakeClock
) -> None:
    await happen(ctx, product, 1)
    await turn(Sender(ctx))
    clock.advance(86_400_000 + 60_000)

    await tidy(ctx)

    assert await ctx.db.value("SELECT count(*) FROM webhook_events") == 0


async def test_only_the_owner_decides_where_events_go(ctx: Context) -> None:
    host = Viewer(id="m2", name="Host", rank=Rank.HOST)

    for action in (actions.add_endpoint, actions.change_endpoint, actions.send_again):
        with pytest.raises(Refused, match="owner"):
            await action(ctx, host, {"url": "https://shop.example/", "endpoint": "1"})
