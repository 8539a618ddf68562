"""Whatever buyers, shop, host, time and a lost Redis do, beside a model of what has to be true."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as play

from rooms.shop.orders import actions as orders
from rooms.shop.orders.rules import next_state
from rooms.shop.rules import OrderState, Product, product_channel
from rooms.shop.stock import actions
from rooms.shop.stock.decide import decide
from rooms.shop.stock.rules import Wanted
from rooms.shop.stock.scripts import unpacked
from rooms.shop.stock.told import Teller
from server.context import Viewer
from server.errors import Refused
from server.keys import keys_of
from tests.integration.market import Market, shared_market
from tests.servers import Shared

T = TypeVar("T")
BUYERS = 3
SOLD = (OrderState.PLACED, OrderState.PAID)


@dataclass
class Hold:
    """A reservation: whether Redis holds it, what the database says, what it became."""

    id: str | None
    person: str
    quantity: int
    seq: int
    live: bool = True
    saved: str | None = None
    order: OrderState | None = None


@dataclass
class Waiter:
    """Somebody who waits, as Redis and the database know it."""

    person: str
    quantity: int
    seq: int


@dataclass
class Model:
    """What has to be true."""

    total: int
    cap: int | None
    seq: int = 0
    holds: list[Hold] = field(default_factory=list)
    queue: list[Waiter] = field(default_factory=list)
    saved_queue: list[Waiter] = field(default_factory=list)
    log: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def live(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.live]

    @property
    def sold(self) -> int:
        return sum(hold.quantity for hold in self.holds if hold.order in SOLD)

    @property
    def left(self) -> int:
        return self.total - self.sold - sum(hold.quantity for hold in self.live)

    def allowed(self, person: str) -> int:
        if self.cap is None:
            return 1000
        mine = [h for h in self.holds if h.person == person and (h.live or h.order in SOLD)]
        # One that is live again although it was sold counts twice, until it ends.
        twice = [h for h in mine if h.live and h.order in SOLD]
        return self.cap - sum(h.quantity for h in mine) - sum(h.quantity for h in twice)

    def number(self) -> int:
        self.seq += 1
        return self.seq

    def end(self, hold: Hold, state: str) -> None:
        hold.live = False
        self.log.append((state, hold))

    def hold(self, id: str | None, person: str, quantity: int) -> Hold:
        made = Hold(id, person, quantity, self.number())
        self.holds.append(made)
        self.log.append(("held", made))
        return made

    def serve(self) -> None:
        while self.left > 0 and self.queue:
            first = self.queue.pop(0)
            quantity = min(first.quantity, self.left, self.allowed(first.person))
            if quantity > 0:
                self.hold(None, first.person, quantity)
                self.log.append(("served", first))
            else:
                self.log.append(("left", first))

    def void(self) -> None:
        for hold in sorted(self.live, key=lambda hold: -hold.seq):
            if self.left >= 0:
                break
            self.end(hold, "void")

    def save(self) -> None:
        for what, of in self.log:
            if what == "joined":
                self.saved_queue.append(of)
            elif what in ("served", "left"):
                self.saved_queue = [w for w in self.saved_queue if w.seq != of.seq]
            elif what == "lost":
                of.saved = of.saved or "void"
            elif what == "held":
                of.saved = "held" if of.saved != "ordered" else of.saved
            elif of.saved == "held":
                of.saved = what
        self.log = []

    def lose(self, log_too: bool) -> None:
        # What the log still says of before is void when it comes, unless it was lost as well.
        void = [of for what, of in self.log if what in ("held", "lost") and of.saved is None]
        self.log = [] if log_too else [("lost", of) for of in void]
        for hold in self.holds:
            hold.live = hold.saved == "held"
        self.queue = sorted(self.saved_queue, key=lambda waiter: waiter.seq)
        self.void()
        self.serve()


class Selling(RuleBasedStateMachine):
    """One product with one variant, three buyers, a host, a shop."""

    shop: ClassVar[Market]
    runner: ClassVar[asyncio.Runner]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(total=st.integers(1, 3), cap=st.sampled_from((None, 2, 3)))
    def begin(self, total: int, cap: int | None) -> None:
        self.model = Model(total, cap)
        self.cup: Product = self.run(self.shop.product(total, per_person=cap))
        self.people = [self.shop.town.guest(f"P{n}") for n in range(BUYERS)]
        self.wishes: dict[str, tuple[Viewer, Wanted]] = {}
        self.run(decide(self.shop.ctx, "find", self.cup.id, ""))

    @rule(who=st.integers(0, BUYERS - 1), quantity=st.integers(1, 2))
    def reserve(self, who: int, quantity: int) -> None:
        person, wanted = self.people[who], self.shop.wanted(self.cup, quantity)
        model = self.model
        expected = "ok"
        if quantity > model.allowed(person.id or ""):
            expected = "limit_reached"
        elif quantity > max(0, model.left):
            expected = "sold_out"

        try:
            held, _ = self.run(actions.reserve(self.shop.ctx, person, wanted))
        except Refused as refused:
            assert refused.code == expected
            return

        assert expected == "ok"
        model.hold(held.id, person.id or "", quantity)
        self.wishes[held.id] = (person, wanted)

    @rule(pick=st.integers(0, 50))
    def repeat(self, pick: int) -> None:
        known = [h for h in self.model.holds if h.id in self.wishes and (h.live or h.saved)]
        if not known:
            return
        hold = known[pick % len(known)]
        person, wanted = self.wishes[str(hold.id)]
        self.save()

        try:
            again, _ = self.run(actions.reserve(self.shop.ctx, person, wanted))
        except Refused:
            # Its key was forgotten with Redis, so this was a new wish under the same name.
            assert not hold.live
            assert hold.saved != "ordered"
            assert min(self.model.left, self.model.allowed(hold.person)) < hold.quantity
            return

        assert again.id == hold.id
        if not hold.live and hold.saved != "ordered" and again.state == "held":
            # The same, and it was there.
            hold.live, hold.seq = True, self.model.number()
            self.model.log.append(("held", hold))
        else:
            assert again.state == ("held" if hold.live else hold.saved)

    @rule(who=st.integers(0, BUYERS - 1), quantity=st.integers(1, 3))
    def wait(self, who: int, quantity: int) -> None:
        person, model = self.people[who], self.model
        id = person.id or ""
        knows = any(waiter.person == id for waiter in model.queue)
        try:
            self.run(actions.wait(self.shop.ctx, person, self.shop.wanted(self.cup, quantity)))
        except Refused as refused:
            assert refused.code == "limit_reached"
            assert model.allowed(id) <= 0
            assert not knows
            return
        if not knows:
            waiter = Waiter(id, quantity, model.number())
            model.queue.append(waiter)
            model.log.append(("joined", waiter))
            model.serve()

    @rule(pick=st.integers(0, 50), by_person=st.booleans())
    def release(self, pick: int, by_person: bool) -> None:
        # Mostly what is held; now and then what is not any more.
        known = self.model.live if pick % 8 and self.model.live else self.model.holds
        if not known:
            return
        hold = known[pick % len(known)]
        if hold.id is None:
            return
        who = hold.person if by_person else None

        done = self.run(actions.release(self.shop.ctx, hold.id, who, product_id=self.cup.id))

        assert done == hold.live
        if hold.live:
            self.model.end(hold, "released")
            self.model.serve()

    @rule()
    def let_time_pass(self) -> None:
        self.run(self.shop.wind_on(self.cup, 400))
        count = self.run(actions.expire(self.shop.ctx, self.cup.id))

        assert count == len(self.model.live)
        for hold in self.model.live:
            self.model.end(hold, "expired")
        self.model.serve()

    @rule(
        pick=st.integers(0, 50),
        outcome=st.sampled_from(("paid", "paid", "paid", "failed", "cancelled", "refunded")),
        restock=st.booleans(),
        first_save=st.booleans(),
    )
    def settle(self, pick: int, outcome: Any, restock: bool, first_save: bool) -> None:
        ended = [hold for hold in self.model.holds if not hold.live and hold.order is None]
        known = ended if pick % 2 and ended else self.model.holds
        known = [hold for hold in known if hold.id is not None]
        if not known:
            return
        hold = known[pick % len(known)]
        assert hold.id is not None
        if first_save:
            self.save()
        else:
            # What going to the check-out does before the worker gets there.
            self.run(actions.save(self.shop.ctx, self.cup.id, hold.id))
            if hold.live and hold.saved in (None, "released", "expired", "void"):
                hold.saved = "held"
        if hold.saved is None:
            return

        order = self.run(orders.settle(self.shop.ctx, hold.id, outcome, "p", restock))

        self._settled(hold, outcome, restock)
        assert (order.state if order else None) == hold.order

    def _settled(self, hold: Hold, outcome: Any, restock: bool) -> None:
        model, before = self.model, hold.order
        if outcome == "paid" and before in (None, OrderState.CANCELLED):
            can = hold.live or (
                model.left >= hold.quantity and model.allowed(hold.person) >= hold.quantity
            )
            hold.order = OrderState.PAID if can else OrderState.REFUND_DUE
            if can:
                if not hold.live:
                    model.number()
                hold.live, hold.saved = False, "ordered"
            model.serve()
            return
        if before is None:
            if hold.live:
                model.end(hold, "released")
                model.serve()
            if outcome == "refunded":
                hold.order = OrderState.REFUNDED
            return
        hold.order = next_state(before, outcome)
        if before in SOLD and hold.order not in SOLD and not restock:
            model.total -= hold.quantity
        if hold.live:
            hold.live = False
        model.void()
        model.serve()

    @rule(total=st.integers(0, 6))
    def set_total(self, total: int) -> None:
        variant = self.cup.variants[0].id
        try:
            count = self.run(actions.set_total(self.shop.ctx, self.cup.id, variant, total))
        except Refused as refused:
            assert refused.code == "invalid"
            assert total < self.model.sold
            return
        before = len(self.model.live)
        self.model.total = total
        self.model.void()
        assert count == before - len(self.model.live)
        self.model.serve()

    @rule()
    def save(self) -> None:
        self.run(self.shop.save(self.cup))
        self.model.save()

    @rule(log_too=st.booleans())
    def lose_redis(self, log_too: bool) -> None:
        if log_too:
            self.run(self.shop.lose_redis())
        else:
            self.run(self.shop.restart_redis(self.cup))
        self.run(decide(self.shop.ctx, "find", self.cup.id, ""))
        self.model.lose(log_too)

    def bind(self, held: list[dict[str, Any]]) -> None:
        """Learn the ids of what was offered, from the holds themselves."""
        known = {hold.id for hold in self.model.holds}
        fresh = sorted((h for h in held if h["id"] not in known), key=lambda h: h["seq"])
        unnamed = sorted((h for h in self.model.live if h.id is None), key=lambda h: h.seq)
        assert [(h["person"], h["quantity"]) for h in fresh] == [
            (h.person, h.quantity) for h in unnamed
        ]
        for hold, found in zip(unnamed, fresh, strict=True):
            hold.id = found["id"]

    async def _held(self) -> list[dict[str, Any]]:
        key = keys_of(product_channel(self.cup.id)).channel + ":holds"
        return [unpacked(each) for each in await self.shop.ctx.broker.call("HVALS", key)]

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        if not hasattr(self, "model"):
            return
        held = self.run(self._held())
        self.bind(held)
        model = self.model
        assert {hold["id"] for hold in held} == {hold.id for hold in model.live}
        sold = [h.quantity for h in model.holds if h.order in SOLD]
        assert self.run(self.shop.left(self.cup)) == (
            *(model.left, sum(h.quantity for h in model.live), sum(sold), model.total),
        )

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        self.save()
        rows = self.run(
            self.shop.ctx.db.all(
                """SELECT o.state, count(*) FROM orders o WHERE product_id = $1
                   GROUP BY o.state, o.reservation_id""",
                int(self.cup.id),
            )
        )
        assert sorted(row["state"] for row in rows) == sorted(
            hold.order for hold in self.model.holds if hold.order
        )
        assert all(row["count"] == 1 for row in rows)
        states = sorted(self.run(self.shop.states(self.cup)))
        assert states == sorted(h.saved for h in self.model.holds if h.saved)
        self.run(self.shop.ctx.of(Teller).settled())


def test_available_and_held_and_sold_are_the_total_whatever_happens(
    shared_servers: Shared,
) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opened = runner.run(stack.enter_async_context(shared_market(shared_servers)))

        class Here(Selling):
            shop = opened

        Here.runner = runner
        try:
            play(
                Here,
                settings=settings(
                    max_examples=30,
                    stateful_step_count=25,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
