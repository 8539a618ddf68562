"""The connections of this process by channel, and the way of a publication to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from server import batching
from server.channel import Channel
from server.channels import Channels, Source
from server.fan_out import FanOut
from server.hot_list import Reader
from server.protocol import CloseCode, passing
from server.publication import Publication, decode
from server.roster import Descriptors, PlainDescriptors
from server.sampling import QUOTA
from server.stats import Stats
from server.websocket_frames import frame

NOTICE: Final = ":notice"
SLOW_SECONDS: Final = 5.0
"""How long a viewer may be off its lists without reading all that waits for it."""

LATE_SECONDS: Final = 2.0
"""Between two ticks, which come every second."""


class Hub:
    """Routes what the broker hears to the channels, and viewers on and off their lists."""

    def __init__(
        self,
        source: Source,
        *,
        descriptors: Callable[[], Descriptors] = PlainDescriptors,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over the broker's callbacks."""
        self.stats = Stats()
        self.fan_out = FanOut(self.stats, descriptors, now)
        self.channels = Channels(source, self._make, self._schedule, now)
        self.off: dict[Reader, float] = {}
        """Readers off their lists, and since when they have not read all that waited."""
        self._readers: dict[str, set[Reader]] = {}
        self._now = now
        self._busy = 0
        """Viewers of the channels that were written within the last second."""
        self._patience = 1.0
        self._quota = QUOTA
        self._ticked = now()
        source.on_payload = self.deliver
        source.on_gap = self.gap

    # Readers.

    def name(self, reader: Reader, publisher: str | None) -> None:
        """Know a connection by its publisher; None forgets it."""
        if reader.publisher is not None:
            known = self._readers.get(reader.publisher, set())
            known.discard(reader)
            if not known:
                self._readers.pop(reader.publisher, None)
        reader.publisher = publisher
        if publisher is not None:
            self._readers.setdefault(publisher, set()).add(reader)

    def remove(self, reader: Reader) -> None:
        """Take a connection off every list, while its descriptor is still its own."""
        for name in list(reader.seats):
            self.leave(reader, name)
        self.off.pop(reader, None)
        self.name(reader, None)

    def of_publisher(self, publisher: str) -> list[Reader]:
        """Give the connections of a publisher in this process."""
        return list(self._readers.get(publisher, ()))

    def leave(self, reader: Reader, name: str) -> None:
        """Take a connection off one channel."""
        self.channels.by_name[name].unseat(reader)

    def pause(self, reader: Reader) -> None:
        """Take a connection off the lists, because its transport is not empty."""
        for seat in reader.seats.values():
            seat.leave(reader)
        self.off.setdefault(reader, self._now())

    def resume(self, reader: Reader) -> None:
        """Write what a connection missed and put it back; close it when that is forgotten."""
        for name, seat in list(reader.seats.items()):
            while not seat.is_hot(reader):
                missed = seat.list.missed(seat.serial)
                if missed is None:
                    self.stats.lost += 1
                    reader.end(CloseCode.POSITION_LOST, f"too far behind on {name}")
                    return
                frames, seat.serial = missed
                if not frames:
                    seat.enter(reader)
                    break
                reader.socket.send(frames)
                if reader.socket.paused or reader.seats.get(name) is not seat:
                    # It has read all that waited before, so its time begins anew.
                    if reader in self.off:
                        self.off[reader] = self._now()
                    return
        since = self.off.pop(reader, None)
        if since is not None:
            self.stats.off_seconds.observe(self._now() - since)

    # From Redis.

    def deliver(self, name: str, payload: bytes) -> None:
        """Take one payload of a subscribed channel."""
        publication = decode(payload)
        if name.endswith(NOTICE):
            self._notify(name.removesuffix(NOTICE), publication)
            return
        channel = self.channels.by_name.get(name)
        if channel is None or not (channel.joined or channel.held is not None):
            return
        if publication.epoch == 0:
            channel.pass_on(publication.body)
        elif not channel.take(publication):
            self.channels.repair(channel, publication)
        self._schedule(channel)

    def gap(self, name: str | None) -> None:
        """Learn that something of a channel (None: of any) may not have arrived."""
        for channel in list(self.channels.by_name.values()):
            if name is None or name in (channel.name, channel.name + NOTICE):
                self.channels.repair(channel)

    def pass_on(self, name: str, body: bytes) -> None:
        """Tell the viewers of a channel in this process something that has no place."""
        channel = self.channels.by_name.get(name)
        if channel is not None:
            channel.pass_on(body)
            self._schedule(channel)

    def find(self, name: str, key: str) -> list[Publication]:
        """Give the publications with a key that are still in memory, oldest first."""
        channel = self.channels.by_name.get(name)
        return [item.publication for item in channel.tail.find(key)] if channel else []

    def spare(self, patience: float, quota: int) -> None:
        """Let batches wait `patience` times as long, and sampled feeds show `quota` in a slot."""
        self._patience, self._quota = patience, quota
        for channel in self.channels.by_name.values():
            channel.sampler.quota = quota

    def audience(self, name: str) -> list[Reader]:
        """Give the connections that read a channel in this process."""
        channel = self.channels.by_name.get(name)
        return list(channel.readers) if channel else []

    # Once a second.

    def tick(self) -> None:
        """Beat, let go of those who stopped reading, leave channels that nobody reads."""
        now = self._now()
        if now - self._ticked > LATE_SECONDS:
            # We were held up: that is not how long they did not read.
            self.off = dict.fromkeys(self.off, now)
        self._ticked = now
        channels = list(self.channels.by_name.values())
        self._busy = sum(c.audience for c in channels if now - c.flushed_at < 1.0)
        for channel in channels:
            channel.beat()
        self.channels.leave_idle()
        for reader, since in list(self.off.items()):
            if now - since >= SLOW_SECONDS:
                self.stats.slow += 1
                reader.end(CloseCode.SLOW, "reading too slowly")

    async def close(self) -> None:
        """Stop what is under way."""
        for channel in self.channels.by_name.values():
            if channel.timer is not None:
                channel.timer.cancel()
        self.fan_out.close()
        await self.channels.close()

    def _make(self, name: str) -> Channel:
        channel = Channel(name, self.stats, self.fan_out, self._schedule, now=self._now)
        channel.sampler.quota = self._quota
        return channel

    def _notify(self, name: str, publication: Publication) -> None:
        for reader in self.of_publisher(publication.key):
            if name in reader.seats:
                payload = passing(reader.encoding, name, [publication.body])
                reader.socket.send(frame(reader.encoding.opcode, payload))

    def _schedule(self, channel: Channel) -> None:
        if channel.timer is not None or channel.busy or not channel.waiting:
            return
        loop = asyncio.get_running_loop()
        since = self._now() - channel.flushed_at
        delay = 0.0
        if not channel.cut:
            delay = batching.delay(channel.audience, self._busy, since, self._patience)
        if delay:
            channel.timer = loop.call_later(delay, self._flush, channel)
        else:
            # Not at once: what else came with the same read from Redis joins this push.
            channel.timer = loop.call_soon(self._flush, channel)

    def _flush(self, channel: Channel) -> None:
        channel.timer = None
        if channel.busy:
            # A heartbeat is under way; what waits follows it.
            return
        began = time.perf_counter()
        channel.flush()
        self.stats.fan_out_seconds += time.perf_counter() - began
        self._schedule(channel)
