"""A reader of one channel, and attempts to publish there, while Redis fails."""

from __future__ import annotations

import asyncio
from typing import Any

from server.broker import Broker
from server.errors import Refused
from server.publication import Publication, Published
from server.recovery import covered
from tests.integration.channels import Listener, line

FOREVER = 253402300799000


class Reader(Listener):
    """Follows one channel as a hub does: after a gap it reads the window since its offset."""

    def __init__(self, broker: Broker, channel: str) -> None:
        super().__init__(broker)
        self.channel = channel
        self.position = 0
        self.taken: list[Publication] = []
        self.healing: set[asyncio.Task[None]] = set()
        broker.on_gap = self._heal

    def _payload(self, channel: str, payload: bytes) -> None:
        super()._payload(channel, payload)
        self.take([self.seen[-1]])

    def take(self, publications: list[Publication]) -> None:
        for publication in publications:
            first, last = covered(publication)
            if first <= self.position + 1 <= last:
                self.taken.append(publication)
                self.position = last
            elif first > self.position + 1:
                self._heal(self.channel)

    def _heal(self, channel: str | None) -> None:
        self.gaps.append(channel)
        task = asyncio.create_task(self._read())
        self.healing.add(task)
        task.add_done_callback(self.healing.discard)

    async def _read(self) -> None:
        window = await self.broker.window(self.channel, self.position)
        self.take(window.entries)


async def attempt(broker: Broker, *args: Any, **more: Any) -> Published | Refused:
    try:
        return await broker.publish(line(*args, **more))
    except Refused as refused:
        return refused
