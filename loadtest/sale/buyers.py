"""People who want one: some pay, some let go, some forget it, some pay too late; all ask twice."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from loadtest.sale.shop import Shop
from loadtest.sale.stall import Stall
from server.client import Client, Closed, Item, Passing, Refused

CALL_SECONDS: Final = 20.0
LATE_SECONDS: Final = 1.5
"""After the end of a hold, when somebody pays too late."""
AGAIN: Final = 0.5
WAIT_SECONDS: Final = 10.0
MOST_TRIES: Final = 60
CLOSED: Final = "closed"
NO_ANSWER: Final = "unavailable to the end"
"""What is noted beside the words of refusals."""
TRANSIENT: Final = frozenset(("unavailable", "rate_limited", "room_busy"))


class Habit(StrEnum):
    """What somebody does who got one."""

    PAYS = "pays"
    LETS_GO = "lets go"
    FORGETS = "forgets it"
    PAYS_LATE = "pays too late"


HABITS: Final = (Habit.PAYS, Habit.LETS_GO, Habit.PAYS, Habit.FORGETS, Habit.PAYS, Habit.PAYS_LATE)


@dataclass(slots=True)
class Told:
    """Everything that one person was told."""

    person: str = ""
    habit: Habit = Habit.PAYS
    reservations: dict[str, set[str]] = field(default_factory=dict)
    """The ids that were answered to each key."""
    orders: list[dict[str, Any]] = field(default_factory=list)
    """What the shop was answered."""
    refused: list[str] = field(default_factory=list)


class Buyer:
    """One person with two connections to two gateways, who sends everything over both."""

    def __init__(self, stall: Stall, shop: Shop, number: int, token: str) -> None:
        """Prepare to come in."""
        urls = stall.servers.urls
        pair = (urls[number % len(urls)], urls[(number + 1) % len(urls)])
        self.has_one = False
        """Whether something was held for them, whatever became of it."""
        self.told = Told(habit=HABITS[number % len(HABITS)])
        self._clients = [Client(url, token=token) for url in pair]
        self._stall = stall
        self._shop = shop
        self._number = number
        self._offers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def come_in(self) -> None:
        """Connect, and listen for what is told to this person alone."""
        for client in self._clients:
            await client.open()
        self.told.person = str(self._clients[0].welcome["you"]["id"])
        self._clients[0].channel(f"room:{self._stall.room}", handler=self._take)

    async def leave(self) -> None:
        """Disconnect."""
        for client in self._clients:
            await client.close()

    async def buy(self, until: float) -> None:
        """Want one until it is had, or until a time on the clock of `time.monotonic`."""
        mine = await self._reserve(f"k{self._number}")
        while mine is None and time.monotonic() < until:
            # Whoever waits says so again now and then: Redis may have forgotten it.
            await self._twice("product.wait", self._stall.place())
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    mine = await self._offers.get()
        if mine is not None:
            self.has_one = True
            await self._go_on(mine)

    async def _reserve(self, key: str) -> dict[str, Any] | None:
        answers = await self._twice("product.reserve", self._stall.wish(key))
        kept = [answer["reservation"] for answer in answers]
        if kept:
            self.told.reservations.setdefault(key, set()).update(each["id"] for each in kept)
        return kept[0] if kept else None

    async def _go_on(self, mine: dict[str, Any]) -> None:
        id, amount = mine["id"], mine["amount"]
        this = {"id": id, "product": self._stall.product}
        match self.told.habit:
            case Habit.LETS_GO:
                await self._twice("reservation.release", this)
            case Habit.PAYS | Habit.PAYS_LATE:
                await self._twice("reservation.checkout", this)
                if self.told.habit is Habit.PAYS_LATE:
                    left = mine["until"] / 1000 - time.time()
                    await asyncio.sleep(max(0.0, left) + LATE_SECONDS)
                else:
                    await asyncio.sleep(random.random())
                for _ in range(2):
                    # Once more under another id: another event about the same reservation.
                    answers = await self._shop.tell("order.paid", id, amount)
                    self.told.orders += [dict(answer) for answer in answers]
            case Habit.FORGETS:
                pass

    async def _twice(self, command: str, args: dict[str, object]) -> list[dict[str, Any]]:
        """Send the same over both connections at once; gives the answers that were no refusals."""
        done = await asyncio.gather(*(self._call(each, command, args) for each in self._clients))
        return [answer for answer in done if answer is not None]

    async def _call(
        self, client: Client, command: str, args: dict[str, object]
    ) -> dict[str, Any] | None:
        for _ in range(MOST_TRIES):
            try:
                return await client.call(command, args, seconds=CALL_SECONDS)
            except Refused as refused:
                if refused.code not in TRANSIENT:
                    self.told.refused.append(refused.code)
                    return None
            except Closed as closed:
                self.told.refused.append(f"{CLOSED} {closed.code}")
                return None
            await asyncio.sleep(AGAIN * random.random())
        self.told.refused.append(NO_ANSWER)
        return None

    def _take(self, item: Item) -> None:
        if not isinstance(item, Passing):
            return
        if item.body["event"] == "reservation.changed" and item.body["why"] == "offered":
            self._offers.put_nowait(item.body["reservation"])
