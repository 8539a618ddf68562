"""The listening half of the Redis link: says plainly when something may have been missed."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from server.errors import Refused
from server.redis_link import TIMEOUT, Link
from server.redis_wire import Address, LostInFlight, ReplyError, Wire, not_answering

log = logging.getLogger(__name__)

PROBE_EVERY = 0.5
"""Seconds between two probes through the subscribed connection."""
_BATCH = 500
"""Channels in one SUBSCRIBE after the link was lost."""


class SubscriberLink(Link):
    """Subscriptions of one process: reads and hands on, nothing else.

    A gap (the link was lost, a probe did not come back in 2 s, a confirmation came that nobody
    waited for) is told by `on_gap` once the subscription stands again: whoever reads the window
    then misses nothing. `on_gap(None)` means every channel.
    """

    def __init__(
        self,
        address: Address,
        on_payload: Callable[[str, bytes], None],
        on_gap: Callable[[str | None], None],
        *,
        name: str = "subscriber",
    ) -> None:
        super().__init__(address, name)
        self._on_payload = on_payload
        self._on_gap = on_gap
        self._wanted: dict[bytes, str] = {}
        self._waiting: dict[bytes, deque[asyncio.Future[None]]] = {}
        self._probes: deque[float] = deque()
        self._probed = 0.0
        self._was_lost = False
        self._suspect = False

    @classmethod
    async def open(
        cls,
        address: Address,
        on_payload: Callable[[str, bytes], None],
        on_gap: Callable[[str | None], None],
        *,
        name: str = "subscriber",
        timeout: float = 5.0,
    ) -> SubscriberLink:
        """Connect; raises as `RedisLink.open`."""
        link = cls(address, on_payload, on_gap, name=name)
        await link._start(timeout)
        return link

    async def subscribe(self, channel: str) -> None:
        """Subscribe, and come back when Redis confirmed it; Refused("unavailable") otherwise."""
        if not self.ready or self._wire is None:
            raise not_answering()
        key = self._key(channel)
        self._wanted[key] = channel
        try:
            await self._confirmed(self._wire, b"SUBSCRIBE", key)
        except BaseException:
            self._wanted.pop(key, None)
            self._send(self._wire, b"UNSUBSCRIBE", key)
            raise

    async def unsubscribe(self, channel: str) -> None:
        """Unsubscribe; a lost link has done so already."""
        key = self._key(channel)
        if self._wanted.pop(key, None) is None or not self.ready or self._wire is None:
            return
        try:
            await self._confirmed(self._wire, b"UNSUBSCRIBE", key)
        except Refused:
            log.debug("the link was lost while unsubscribing %s", channel)

    def suspect(self) -> None:
        """Connect again: something that was published did not arrive."""
        self._suspect = True

    async def _confirmed(self, wire: Wire, verb: bytes, key: bytes) -> None:
        future = self._wait(verb, key)
        self._send(wire, verb, key)
        try:
            async with asyncio.timeout(TIMEOUT):
                await future
        except TimeoutError:
            self.suspect()
            raise not_answering() from None

    async def _on_connected(self, wire: Wire) -> None:
        self._probes.clear()
        self._suspect = False
        await self._restore(wire, list(self._wanted))
        if self._was_lost:
            self._opened.set()
            self._gap(None)
        self._was_lost = True

    async def _restore(self, wire: Wire, wanted: Sequence[bytes]) -> None:
        """Subscribe again to all there was before the link was lost."""
        futures = []
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            futures += [self._wait(b"SUBSCRIBE", key) for key in batch]
            wire.send(b"SUBSCRIBE", *batch)
        await asyncio.gather(*futures)

    def _key(self, channel: str) -> bytes:
        """Give the name of a channel in Redis."""
        return channel.encode()

    def _send(self, wire: Wire, verb: bytes, key: bytes) -> None:
        wire.send(verb, key)

    def _wait(self, verb: bytes, key: bytes) -> asyncio.Future[None]:
        """Give what is done when the next such confirmation comes."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(verb.lower() + b" " + key, deque()).append(future)
        return future

    def _on_disconnected(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(LostInFlight("unavailable", "The link was lost."))

    def _probe(self, wire: Wire) -> bool:
        now = asyncio.get_running_loop().time()
        if self._suspect or (self._probes and now - self._probes[0] > TIMEOUT):
            return False
        if now - self._probed >= PROBE_EVERY:
            self._probed = now
            self._probes.append(now)
            wire.send(b"PING", b"probe")
        return True

    def _on_push(self, reply: Any) -> bool:
        # Without any subscription Redis answers a probe with the bare text.
        kind = reply[0] if type(reply) is list and reply else b"pong" if reply == b"probe" else None
        if kind == b"message" or kind == b"smessage":
            channel = self._wanted.get(reply[1])
            if channel is not None:
                self._deliver(channel, reply[2])
        elif kind == b"pong":
            if self._probes:
                self._probes.popleft()
        elif kind in (b"subscribe", b"unsubscribe"):
            self._on_confirmation(kind + b" " + reply[1])
        else:
            return False
        return True

    def _deliver(self, channel: str, payload: bytes) -> None:
        try:
            self._on_payload(channel, payload)
        except Exception:
            # What one listener could not take is a hole for it, never the end of the link.
            log.exception("a payload of %s could not be taken", channel)
            self._gap(channel)

    def _on_confirmation(self, name: bytes) -> None:
        if not self._answer(name) and name.startswith(b"subscribe "):
            channel = self._wanted.get(name.removeprefix(b"subscribe "))
            if channel is not None:
                self._gap(channel)

    def _answer(self, name: bytes, error: ReplyError | None = None) -> bool:
        """End the oldest wait for an answer; False when nobody waits for it."""
        futures = self._waiting.get(name)
        if not futures:
            return False
        future = futures.popleft()
        if not futures:
            del self._waiting[name]
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        return True

    def _gap(self, channel: str | None) -> None:
        try:
            self._on_gap(channel)
        except Exception:
            log.exception("a gap could not be told")
