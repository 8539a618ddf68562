"""A broker in memory: one order for each channel, a bounded window, and losses on demand."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgpack

from server.errors import Refused
from server.keys import notice_channel
from server.publication import Flag, Publication, Published, encode
from server.recovery import Window

WINDOW = 1000


class FakeRedis:
    """What the brokers of several gateways share."""

    def __init__(self) -> None:
        self.epoch = 1_763_750_000_000
        self.time = 1_763_750_000_000
        self.tops: dict[str, tuple[int, int]] = {}
        self.windows: dict[str, list[Publication]] = defaultdict(list)
        self.brokers: list[FakeBroker] = []
        self.away = False

    def broker(self) -> FakeBroker:
        """Give one more gateway's connection."""
        made = FakeBroker(self)
        self.brokers.append(made)
        return made

    def publish(
        self,
        channel: str,
        text: str = "hello",
        *,
        flags: Flag = Flag.NONE,
        publisher: str = "m1",
        key: str = "",
        lost: bool = False,
    ) -> Published:
        """Give a publication its place, and send it unless it is `lost` on the way."""
        epoch, top = self.tops.get(channel, (self.epoch, 0))
        body = msgpack.packb({"event": "line.said", "text": text})
        return self.place(
            channel, Publication(epoch, top + 1, self.time, flags, publisher, key, body), lost=lost
        )

    def lose_offsets(self, channel: str, count: int) -> None:
        """Jump as a restart of Redis does, and publish the gap."""
        epoch, top = self.tops[channel]
        gap = Publication(epoch, top + count, self.time, Flag.GAP, "", str(top + 1), b"")
        self.place(channel, gap)

    def begin_anew(self, channel: str) -> None:
        """Forget a channel: what comes next begins another epoch."""
        self.tops.pop(channel, None)
        self.windows.pop(channel, None)
        self.epoch += 1000

    def place(self, channel: str, p: Publication, *, lost: bool = False) -> Published:
        """Store a publication and send it."""
        self.tops[channel] = (p.epoch, p.offset)
        self.windows[channel] = [*self.windows[channel], p][-WINDOW:]
        if not lost:
            self.send(channel, p)
        return Published(p.epoch, p.offset, p.at, p.key)

    def send(self, channel: str, p: Publication) -> None:
        """Hand a payload to every gateway that listens."""
        for broker in self.brokers:
            if channel in broker.subscribed:
                broker.on_payload(channel, encode(p))


class FakeBroker:
    """One gateway's connection to `FakeRedis`."""

    def __init__(self, redis: FakeRedis) -> None:
        self.redis = redis
        self.subscribed: set[str] = set()
        self.on_payload: Callable[[str, bytes], None] = lambda channel, payload: None
        self.on_gap: Callable[[str | None], None] = lambda channel: None
        self.on_control: Callable[[dict[str, Any]], None] = lambda body: None
        self.reads = 0
        self.calls: list[str] = []
        self.open_reads = asyncio.Event()
        self.open_reads.set()
        self.open_subscribes = asyncio.Event()
        self.open_subscribes.set()
        self.ready = True
        self.id = f"gateway-{len(redis.brokers) + 1}"

    async def subscribe(self, channel: str) -> None:
        self._reach()
        await self.open_subscribes.wait()
        self.calls.append(f"+{channel}")
        self.subscribed.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self.calls.append(f"-{channel}")
        self.subscribed.discard(channel)
        await asyncio.sleep(0)

    async def window(self, channel: str, after: int) -> Window:
        entries, window = await self._read(channel)
        kept = [entry for entry in entries if entry.offset > after]
        return Window(window.epoch, window.top, kept)

    async def newest(self, channel: str, count: int) -> Window:
        entries, window = await self._read(channel)
        return Window(window.epoch, window.top, entries[-count:])

    async def pass_on(self, channel: str, body: bytes) -> None:
        self.redis.send(channel, Publication(0, 0, 0, Flag.NONE, "", "", body))

    async def notice(self, channel: str, to: str, body: bytes) -> None:
        self.redis.send(notice_channel(channel), Publication(0, 0, 0, Flag.NONE, "", to, body))

    async def control(self, body: dict[str, Any]) -> None:
        for broker in self.redis.brokers:
            broker.on_control(body)

    def alive(self) -> list[str]:
        return [broker.id for broker in self.redis.brokers]

    async def call(self, *args: Any) -> Any:
        raise Refused("unavailable", "There is no Redis behind this.")

    async def run(self, source: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        raise Refused("unavailable", "There is no Redis behind this.")

    async def _read(self, channel: str) -> tuple[list[Publication], Window]:
        self._reach()
        self.reads += 1
        epoch, top = self.redis.tops.get(channel, (0, 0))
        entries = list(self.redis.windows.get(channel, ()))
        # What is published while the answer travels is not in it.
        await self.open_reads.wait()
        return entries, Window(epoch, top)

    def _reach(self) -> None:
        if self.redis.away:
            raise Refused("unavailable", "Redis does not answer.")
