"""The smallest product there is, for tests of the engine: channels with gates and denials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest

from server.adoption import Gates
from server.answers import Answer
from server.broker import Broker
from server.context import system_clock
from server.errors import Refused
from server.publication import Publication, Publish, decode
from server.settings import Settings

ROOM = "room:42"


class Known:
    """What Postgres would know: an `Adoption` whose answers a test sets, and may take away."""

    def __init__(self) -> None:
        self.gates_of: dict[str, Gates] = {}
        self.denied: dict[str, dict[str, int]] = {}
        self.everywhere: dict[str, int] = {}
        self.answered: list[Answer] = []
        self.away = False
        self.asked = 0

    async def gates(self, channel: str) -> Gates:
        self.asked += 1
        self._check()
        if channel.startswith("nowhere:"):
            raise Refused("not_found")
        return self.gates_of.get(channel, Gates())

    async def denials(self, channel: str) -> dict[str, int]:
        self._check()
        return dict(self.denied.get(channel, {}))

    async def denials_everywhere(self, partition: int) -> dict[str, int]:
        self._check()
        return dict(self.everywhere)

    async def answers(self, channel: str, epoch: int, offset: int) -> list[Answer]:
        self._check()
        return [each for each in self.answered if (each.epoch, each.offset) > (epoch, offset)]

    def _check(self) -> None:
        if self.away:
            raise Refused("unavailable", "Postgres is away.")


class Listener:
    """Everything that one broker handed on, in order."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.seen: list[Publication] = []
        self.channels: list[str] = []
        self.gaps: list[str | None] = []
        self.told: list[dict[str, Any]] = []
        broker.on_payload = self._payload
        broker.on_gap = self.gaps.append
        broker.on_control = self.told.append

    def _payload(self, channel: str, payload: bytes) -> None:
        self.channels.append(channel)
        self.seen.append(decode(payload))

    @property
    def offsets(self) -> list[int]:
        return [publication.offset for publication in self.seen]


@asynccontextmanager
async def brokers(url: str, known: Known, count: int = 1, **limits: Any) -> AsyncIterator[Any]:
    """Open brokers on one Redis; a single one comes bare."""
    settings = Settings.for_tests(redis_url=url, **limits)
    opened = [await Broker.open(settings, clock=system_clock, adoption=known) for _ in range(count)]
    try:
        yield opened[0] if count == 1 else opened
    finally:
        for broker in opened:
            await broker.close()


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until a condition holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def line(text: str = "hello", publisher: str = "m1", **more: Any) -> Publish:
    """Make a gated publication with a text."""
    more.setdefault("gated", True)
    more.setdefault("channel", ROOM)
    body = msgpack.packb({"event": "line.said", "text": text})
    return Publish(body=body, publisher=publisher, **more)


async def refusal(waiting: Awaitable[object]) -> Refused:
    """Give the refusal that something ends with; fails when it does not."""
    with pytest.raises(Refused) as caught:
        await waiting
    return caught.value
