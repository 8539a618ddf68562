"""The channels of this process, each kept in step with Redis: joined, mended, read, left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

from server.channel import Channel
from server.errors import HirobaError, Refused
from server.keys import notice_channel
from server.log import Log
from server.measure import Measure
from server.publication import Publication
from server.recovery import Window

log = Log(__name__)

LINGER_SECONDS: Final = 5.0
"""How long a channel that nobody reads is kept, for those who reload a page."""
FIRST_WINDOW: Final = 300
READS_AT_ONCE: Final = 32
REPAIR_SECONDS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


class Source(Protocol):
    """What is needed of the broker."""

    on_payload: Callable[[str, bytes], None]
    on_gap: Callable[[str | None], None]

    async def subscribe(self, channel: str) -> None:
        """Listen; comes back when it is confirmed."""

    async def unsubscribe(self, channel: str) -> None:
        """Listen no longer."""

    async def window(self, channel: str, after: int) -> Window:
        """Read what came after an offset."""

    async def newest(self, channel: str, count: int) -> Window:
        """Read the newest."""


class Channels:
    """The subscriptions of this process. Their first and last users pass one at a time."""

    def __init__(
        self,
        source: Source,
        make: Callable[[str], Channel],
        on_mended: Callable[[Channel], None],
        now: Callable[[], float],
    ) -> None:
        """Make channels with `make`; `on_mended` is told when one may have something to write."""
        self.source = source
        self.by_name: dict[str, Channel] = {}
        self.repairs = 0
        """Holes that were found."""
        self.repaired = Measure(*REPAIR_SECONDS)
        """Seconds until such a hole was filled, or could be told to be there for good."""
        self.recoveries: Counter[str] = Counter()
        """What came of joining a channel, by outcome."""
        self._make = make
        self._on_mended = on_mended
        self._now = now
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, name: str) -> Channel:
        """Give a channel that stands in step with Redis, and stays until `release`."""
        channel = self.by_name.get(name)
        if channel is None:
            channel = self.by_name[name] = self._make(name)
        channel.joining += 1
        # Whoever would leave it looks, under the lock, whether somebody is on the way in.
        if not channel.joined:
            try:
                async with channel.lock:
                    if not channel.joined:
                        await self._subscribe(channel)
            except BaseException:
                self.release(channel)
                raise
        return channel

    def release(self, channel: Channel) -> None:
        """Let a channel be left again, once nobody reads it."""
        channel.joining -= 1
        channel.touched_at = self._now()

    def leave_idle(self) -> None:
        """Leave the channels that nobody has read for a while."""
        now = self._now()
        for channel in list(self.by_name.values()):
            if channel.is_idle and now - channel.touched_at >= LINGER_SECONDS:
                channel.touched_at = now
                self._spawn(self._leave(channel))

    def repair(self, channel: Channel, *arrived: Publication) -> None:
        """Read what is missing; until then what arrives waits."""
        if channel.held is not None:
            channel.read_again = True
        elif channel.joined:
            self.repairs += 1
            channel.hold(arrived)
            self._spawn(self._mend(channel))

    async def read_window(self, channel: Channel) -> Window:
        """Give the whole window: read once for all who come at about the same time."""
        known = channel.window
        if (
            known is not None
            and known.epoch == channel.epoch
            # What came after it is still in memory.
            and known.top >= channel.tail.floor
        ):
            return known
        if channel.reading is None:
            channel.reading = asyncio.get_running_loop().create_task(self._read_window(channel))
        return await asyncio.shield(channel.reading)

    async def close(self) -> None:
        """Stop what is under way."""
        for channel in self.by_name.values():
            channel.joined = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _subscribe(self, channel: Channel) -> None:
        channel.hold()
        try:
            for name in _addresses(channel.name):
                await self.source.subscribe(name)
            channel.begin(await self.source.newest(channel.name, FIRST_WINDOW))
        except BaseException:
            channel.held = None
            with suppress(HirobaError):
                await self._unsubscribe(channel)
            raise
        if channel.read_again:
            self.repair(channel)

    async def _unsubscribe(self, channel: Channel) -> None:
        channel.joined = False
        for name in _addresses(channel.name):
            await self.source.unsubscribe(name)

    async def _leave(self, channel: Channel) -> None:
        async with channel.lock:
            if not channel.is_idle:
                return
            await self._unsubscribe(channel)
            # Somebody may have come meanwhile, and waits for the lock with this channel in hand.
            if not channel.joining:
                self.by_name.pop(channel.name, None)

    async def _read_window(self, channel: Channel) -> Window:
        try:
            async with self._reads:
                window = await self.source.window(channel.name, 0)
        finally:
            channel.reading = None
        channel.window = window
        channel.window_read_at = self._now()
        return window

    async def _mend(self, channel: Channel) -> None:
        mine, began = channel.held, self._now()
        wait = 0.05
        # Whoever left the channel and joined it anew meanwhile holds for itself.
        while channel.joined and channel.held is mine:
            channel.read_again = False
            window = await self._try_missing(channel)
            if channel.held is not mine:
                return
            if window is not None and channel.continues(window) and not channel.read_again:
                channel.merge(window)
                self.repaired.observe(self._now() - began)
                self._on_mended(channel)
                return
            await asyncio.sleep(wait)
            wait = min(1.0, wait * 2)
        if channel.held is mine:
            channel.held = None

    async def _try_missing(self, channel: Channel) -> Window | None:
        """Give what the window holds of what is missing; None when it cannot be asked now."""
        try:
            async with self._reads:
                return await self._missing(channel)
        except Refused as refused:
            log.warning("channel.unread", channel=channel.name, problem=str(refused))
            return None
        except Exception as error:
            # Better a hole that is told than a channel that stands still.
            log.error("channel.unreadable", channel=channel.name, error=error)
            top = max(((p.epoch, p.offset) for p in channel.held or ()), default=(0, 0))
            return Window(*max(top, (channel.epoch, channel.seen)))

    async def _missing(self, channel: Channel) -> Window:
        window = await self.source.window(channel.name, channel.seen)
        if window.epoch != channel.epoch:
            window = await self.source.window(channel.name, 0)
        return window

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("channel.out_of_step", error=task.exception())


def _addresses(name: str) -> list[str]:
    """Give what to subscribe in Redis: a channel of two segments has notices beside it."""
    return [name, notice_channel(name)] if name.count(":") == 1 else [name]
