"""The control channel as one process hears it: a beat every second, and what others tell."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgpack

from server.errors import Refused
from server.keys import CONTROL
from server.looks import next_look
from server.redis_wire import ReplyError
from server.route import Route
from server.shard_subscriber import ShardSubscriber
from server.subscriber import SubscriberLink

log = logging.getLogger(__name__)

BEAT_EVERY = 1.0
BEAT_BACK = 2.0
"""Seconds in which our own beat has to come back through the subscription."""
LISTEN_FIRST = 3.0
"""Seconds of listening without a pause before anybody is taken for gone."""
MOST_PEERS = 1000
"""Names kept; the oldest go first."""
ONCE = "once"
MOST_SIGNS = 1000
"""Signs remembered; the copies of one message come within moments."""
SILENCE = 5.0
"""Seconds without control after which this process may no longer let anybody publish."""


class Control:
    """Beats, listens for its own beat, and notices when Redis delivers nothing any more."""

    def __init__(self, route: Route, subscriber: SubscriberLink | ShardSubscriber) -> None:
        self.id = secrets.token_hex(8)
        self.heard = 0.0
        """Loop time of the last thing heard."""
        self.on_control: Callable[[dict[str, Any]], None] = _nobody_listens
        self._peers: dict[str, float] = {}
        self._since = 0.0
        self._route = route
        self._subscriber = subscriber
        self._first = asyncio.Event()
        self._sent: dict[int, float] = {}
        self._signs: dict[bytes, None] = {}
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe and wait for the first beat; Refused("unavailable") when none comes."""
        await self._subscriber.subscribe(CONTROL)
        self._task = asyncio.create_task(self._keep_beating(), name="control beat")
        try:
            async with asyncio.timeout(SILENCE):
                await self._first.wait()
        except TimeoutError as error:
            raise Refused("unavailable", "Redis delivers nothing.") from error

    async def close(self) -> None:
        """Stop beating."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def silent(self) -> bool:
        """Tell whether control was not heard for so long that nothing may be published here."""
        return time.monotonic() - self.heard > SILENCE

    def alive(self) -> list[str]:
        """Give the processes heard within the last 5 s; none before everybody had time to beat."""
        now = asyncio.get_running_loop().time()
        if now - self._since < LISTEN_FIRST or now - self.heard > BEAT_BACK:
            return []
        return [peer for peer, heard in self._peers.items() if now - heard <= SILENCE]

    async def send(self, body: dict[str, Any]) -> None:
        """Tell every process."""
        await self._route.call("PUBLISH", CONTROL, packed(body))

    def receive(self, payload: bytes) -> None:
        """Take what came on the control channel."""
        now = asyncio.get_running_loop().time()
        if now - self.heard > BEAT_BACK:
            # After a silence everybody seems dead until they had time to beat again.
            self._since = now
        self.heard = now
        body = msgpack.unpackb(payload)
        if self._is_repeated(body.pop(ONCE, None)):
            return
        if body.get("type") == "beat":
            self._peers.pop(body["from"], None)
            self._peers[body["from"]] = self.heard
            while len(self._peers) > MOST_PEERS:
                del self._peers[next(iter(self._peers))]
            if body.get("from") == self.id:
                self._sent.pop(body["number"], None)
                self._first.set()
            return
        self.on_control(body)

    def _is_repeated(self, sign: bytes | None) -> bool:
        """Tell whether another node of a Cluster has delivered the same before."""
        if sign is None:
            return False
        if sign in self._signs:
            return True
        self._signs[sign] = None
        while len(self._signs) > MOST_SIGNS:
            del self._signs[next(iter(self._signs))]
        return False

    async def _keep_beating(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            late = [sent for sent in self._sent.values() if loop.time() - sent > BEAT_BACK]
            if late and self._subscriber.ready:
                log.warning("control: our own beat did not come back, subscribing again")
                self._sent.clear()
                self._subscriber.suspect()
            self._number += 1
            number = self._number
            self._sent[number] = loop.time()
            try:
                await self.send({"type": "beat", "from": self.id, "number": number})
            except (Refused, ReplyError) as error:
                # Only a beat that Redis took can be missed.
                self._sent.pop(number, None)
                log.debug("control beat: %s", error)
            now = loop.time()
            await asyncio.sleep(next_look(now, BEAT_EVERY) - now)


def packed(body: dict[str, Any]) -> bytes:
    """Encode what all processes are told, with a sign by which they know a second copy."""
    payload: bytes = msgpack.packb({**body, ONCE: secrets.token_bytes(8)})
    return payload


def _nobody_listens(body: dict[str, Any]) -> None:
    log.debug("control without a listener: %s", body)
