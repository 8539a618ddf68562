"""A reader of channels for tests: in order, without holes, whatever happens to Redis."""

from __future__ import annotations

import asyncio

import msgpack

from server.broker import Broker
from server.errors import Refused
from server.publication import Publication, decode
from server.recovery import covered


class Reader:
    """What the hub does with a channel: takes what comes in order, reads the window where not."""

    def __init__(self, broker: Broker, *channels: str) -> None:
        self.broker = broker
        self.channels = channels
        self.taken: dict[str, list[Publication]] = {channel: [] for channel in channels}
        self.repairs = 0
        self._wanted: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        broker.on_payload = self._payload
        broker.on_gap = self._gap

    async def listen(self) -> Reader:
        for channel in self.channels:
            await self.broker.subscribe(channel)
        return self

    def texts(self, channel: str) -> list[str]:
        return [msgpack.unpackb(p.body)["text"] for p in self.taken[channel] if p.body]

    def _payload(self, channel: str, payload: bytes) -> None:
        self._take(channel, decode(payload))

    def _take(self, channel: str, publication: Publication) -> None:
        taken = self.taken[channel]
        top = taken[-1].offset if taken and taken[-1].epoch == publication.epoch else 0
        first, last = covered(publication)
        if last <= top:
            return
        if first > top + 1:
            self._gap(channel)
        else:
            taken.append(publication)

    def _gap(self, channel: str | None) -> None:
        self._wanted.update(self.channels if channel is None else [channel])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._repair())

    async def _repair(self) -> None:
        while self._wanted:
            channel = self._wanted.pop()
            taken = self.taken[channel]
            try:
                window = await self.broker.window(channel, taken[-1].offset if taken else 0)
            except Refused:
                self._wanted.add(channel)
                await asyncio.sleep(0.02)
                continue
            self.repairs += 1
            for entry in window.entries:
                self._take(channel, entry)
