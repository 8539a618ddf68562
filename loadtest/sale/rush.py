"""Thousands who reserve at the same moment, and as many reservations as one Redis can decide."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest import api
from loadtest.callers import Caller, Sent
from loadtest.latency import Latencies, at_share
from loadtest.report import SHARES
from loadtest.sale.stall import Stall

AT_ONCE: Final = 32
"""People who come in at the same time."""
UNDER_WAY: Final = 400
"""Reservations that have no answer yet, at full speed."""
MOST_EACH: Final = 15
"""Reservations of one person, who may not ask much oftener than that in ten seconds."""
LATEST: Final = 60.0


@asynccontextmanager
async def crowd(stall: Stall, people: int, name: str) -> AsyncIterator[list[Caller]]:
    """Have so many visitors connect, each to one of the gateways in turn."""
    urls, slots = stall.servers.urls, asyncio.Semaphore(AT_ONCE)

    async def come_in(number: int) -> Caller:
        url = urls[number % len(urls)]
        async with slots:
            caller = Caller(url, await api.visitor_token(https[url], f"{name} {number}"))
            await caller.client.open()
        return caller

    https = {url: api.client(url) for url in urls}
    callers = await asyncio.gather(*(come_in(number) for number in range(people)))
    try:
        yield callers
    finally:
        await asyncio.gather(*(caller.client.close() for caller in callers))
        for http in https.values():
            await http.aclose()


@dataclass(slots=True)
class Answers:
    """What was answered, and how fast."""

    expected: int
    words: Counter[str] = field(default_factory=Counter)
    """`held`, or the words of refusals."""
    latencies: Latencies = field(default_factory=Latencies)
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    _all: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, sent: Sent, reply: Mapping[str, Any]) -> None:
        """Count an answer."""
        now = time.monotonic()
        self.latencies.add(0, now - sent.at)
        self.words["held" if "ok" in reply else reply["error"]["code"]] += 1
        if self.words.total() >= self.expected:
            self.seconds = now - self.began
            self._all.set()

    async def wait(self) -> None:
        """Wait for all of them, or until it is too late."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LATEST):
                await self._all.wait()

    def shares(self) -> dict[str, float]:
        """Give the latencies in ms."""
        total = self.latencies.total()
        return {name: round(at_share(total, share) * 1e3, 1) for name, share in SHARES.items()}

    def problems(self, held: int) -> list[str]:
        """Tell what is missing, and when not as many were held as had to be."""
        found = []
        if missing := self.expected - self.words.total():
            found.append(f"{missing} reservations were not answered")
        if self.words["held"] != held:
            found.append(f"{self.words['held']} were held where {held} had to be")
        return found


async def rush(stall: Stall, callers: Sequence[Caller]) -> Answers:
    """Let everybody reserve one at once."""
    answers = Answers(len(callers))
    for caller in callers:
        caller.give(answers.take)
    for caller in callers:
        caller.send("product.reserve", stall.wish("rush"))
    await answers.wait()
    return answers


async def full_speed(stall: Stall, callers: Sequence[Caller], reservations: int) -> Answers:
    """Reserve as fast as it goes, everybody in turn: each has a limit of their own."""
    answers = Answers(reservations)
    numbers = iter(range(reservations))

    def take(sent: Sent, reply: Mapping[str, Any]) -> None:
        answers.take(sent, reply)
        more()

    def more() -> None:
        number = next(numbers, None)
        if number is not None:
            caller = callers[number % len(callers)]
            caller.send("product.reserve", stall.wish(f"n{number}"))

    for caller in callers:
        caller.give(take)
    for _ in range(UNDER_WAY):
        more()
    await answers.wait()
    return answers
