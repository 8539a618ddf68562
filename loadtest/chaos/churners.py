"""The process of those who come and go: each stays a while, leaves one way or another, returns."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.light import LightLink, open_light
from loadtest.swarm import Side
from server.client import Client, Closed

OPEN_AT_ONCE: Final = 32
OPEN_SECONDS: Final = 30.0
DOORSTEP: Final = 0.1
"""How many only knock: they leave before they have said who they are."""


@dataclass(frozen=True, slots=True)
class Churning:
    """What the process has to do."""

    url: str
    room: str
    people: int
    seconds: float
    stay: float
    """Seconds that somebody stays on average."""
    tokens: tuple[str, ...] = ()
    """Handed round to every other one; the rest have no name."""


@dataclass(slots=True)
class Came:
    """What came of it."""

    visits: int = 0
    knocks: int = 0
    failures: list[str] = field(default_factory=list)


class Visitor:
    """One of them, and its present connection."""

    def __init__(self, churning: Churning, number: int) -> None:
        """Have a name when the number is even and there are tokens."""
        self._churning = churning
        tokens = churning.tokens
        self._token = tokens[number // 2 % len(tokens)] if tokens and number % 2 == 0 else ""
        self._link: LightLink | None = None

    async def visit(self, stay: float) -> None:
        """Come in, stay, and leave politely or not; raises Closed or TimeoutError."""
        client = Client(self._churning.url, token=self._token, open_link=self._open)
        channel = client.channel(f"room:{self._churning.room}", feed="full")
        try:
            await client.open(seconds=OPEN_SECONDS)
            await channel.subscribed()
            await asyncio.sleep(stay)
            if random.random() < 0.5 and self._link is not None:
                self._link.wire.abort()
        finally:
            await client.close()

    async def _open(self, url: str, **more: Any) -> LightLink:
        self._link = await open_light(url, **more)
        return self._link


async def _knock(url: str) -> None:
    host, port = url.rpartition("/")[2].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/live HTTP/1.1\r\n")
    writer.transport.abort()


async def churn(side: Side, churning: Churning) -> None:
    """Come and go until the time is over, then say what came of it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    came = Came()
    end = time.monotonic() + churning.seconds
    doors = asyncio.Semaphore(OPEN_AT_ONCE)

    async def live(number: int) -> None:
        visitor = Visitor(churning, number)
        await asyncio.sleep(random.uniform(0, churning.stay))
        while time.monotonic() < end:
            async with doors:
                if random.random() < DOORSTEP:
                    came.knocks += 1
                    await _knock(churning.url)
            stay = min(random.expovariate(1 / churning.stay), max(0.0, end - time.monotonic()))
            try:
                await visitor.visit(stay)
                came.visits += 1
            except (Closed, TimeoutError, OSError) as error:
                came.failures.append(repr(error))
                await asyncio.sleep(random.random())

    side.send(None)
    await asyncio.gather(*(live(number) for number in range(churning.people)))
    side.send(came)
    await side.receive()
