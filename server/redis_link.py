"""The hot path to Redis: one auto-pipelined connection that mends itself, without redis-py.

Both links speak `unix://PATH[?db=N]`, `redis://[user:password@]host[:port][/db]` and, with TLS,
`rediss://…[?ssl_ca_certs=FILE][&ssl_cert_reqs=none]`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections import deque
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import hiredis

from server.broker_metrics import REDIS_SECONDS
from server.errors import HirobaError, Refused
from server.keys import PARTITIONS
from server.looks import next_look
from server.redis_wire import (
    Address,
    Argument,
    LostInFlight,
    ReplyError,
    Wire,
    not_answering,
    parse_url,
)
from server.reigns import Kin

log = logging.getLogger(__name__)

CLOCK_EVERY = 1.0
"""Seconds between two looks at the clock of the server."""
TIMEOUT = 2.0
"""Seconds in which a reply has to come; after that the connection counts as dead."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and its name in the server's cache."""

    text: str
    sha: str


@lru_cache(maxsize=256)
def script_of(text: str) -> Script:
    """Give the script with this text."""
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Link:
    """Keeps one connection open, for as long as it is not closed: the base of both links."""

    def __init__(self, address: Address, name: str) -> None:
        self.where = address
        self._name = name
        self._wire: Wire | None = None
        self._opened = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._problem = "Redis does not answer."
        self.run_id = ""
        """Names the running server; another one after every restart."""
        self.clustered = False
        """Whether the server is one of a Redis Cluster."""
        self.connections = 0
        """How many times a connection was made; another number means that replies were lost."""

    @property
    def ready(self) -> bool:
        """Whether commands can be sent now."""
        return self._opened.is_set()

    async def wait_ready(self, timeout: float) -> bool:
        """Wait until the link is ready, at most `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._opened.wait()
        return self.ready

    async def close(self) -> None:
        """End the connection and stop mending it."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        self._opened.clear()
        if self._wire is not None:
            self._wire.abort()

    def begin(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._supervisor = asyncio.create_task(self._supervise(), name=f"redis {self._name}")

    async def _start(self, timeout: float) -> None:
        self.begin()
        if not await self.wait_ready(timeout):
            await self.close()
            raise Refused("unavailable", self._problem)

    async def _supervise(self) -> None:
        """Connect, watch, and connect again, with pauses that grow to a second."""
        failures = 0
        while True:
            woken = asyncio.Event()
            try:
                await self._connect(woken)
                failures = 0
                await self._watch(woken)
            except (OSError, TimeoutError, HirobaError, hiredis.HiredisError) as error:
                failures += 1
                self._problem = f"Redis does not answer: {str(error) or type(error).__name__}"
                if failures in (1, 10) or failures % 60 == 0:
                    log.warning("redis link %s: %s", self._name, error)
            except Exception:
                # A defect in a callback must not leave the process deaf for ever.
                failures += 1
                log.exception("redis link %s failed", self._name)
            finally:
                self._opened.clear()
                if self._wire is not None:
                    self._wire.abort()
                self._on_disconnected()
            await asyncio.sleep(random.uniform(0, min(1.0, 0.02 * 2 ** min(failures, 6))))

    async def _connect(self, woken: asyncio.Event) -> None:
        loop, address = asyncio.get_running_loop(), self.where

        def make() -> Wire:
            return Wire(self._on_push, woken.set)

        async with asyncio.timeout(TIMEOUT):
            if address.path:
                _, wire = await loop.create_unix_connection(make, address.path)
            else:
                where = (address.host, address.port)
                _, wire = await loop.create_connection(make, *where, ssl=address.tls())
            self._wire = wire
            await self._handshake(wire)
            await self._on_connected(wire)
        self.connections += 1
        self._opened.set()

    async def _handshake(self, wire: Wire) -> None:
        """Sign in, choose the database, learn who answers."""
        address = self.where
        if address.password:
            who = (address.username,) if address.username else ()
            await wire.call(("AUTH", *who, address.password), TIMEOUT)
        if address.db:
            await wire.call(("SELECT", address.db), TIMEOUT)
        await wire.call(("CLIENT", "SETNAME", f"hiroba-{self._name}"), TIMEOUT)
        info = await wire.call(("INFO", "server"), TIMEOUT)
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        self.run_id = facts["run_id"]
        self.clustered = "cluster" in (facts.get("redis_mode"), facts.get("server_mode"))

    async def _watch(self, woken: asyncio.Event) -> None:
        """Give when the connection is lost, which wakes us, or no longer answers."""
        wire, loop = self._wire, asyncio.get_running_loop()
        assert wire is not None
        while not wire.lost:
            timer = loop.call_at(next_look(loop.time()), woken.set)
            try:
                await woken.wait()
            finally:
                timer.cancel()
            woken.clear()
            if not wire.lost and (wire.overdue() or not self._probe(wire)):
                log.warning("redis link %s: no answer in time, connecting again", self._name)
                return

    def _probe(self, wire: Wire) -> bool:
        """Look after the connection, about four times a second; False gives it up."""
        return True

    async def _on_connected(self, wire: Wire) -> None:
        """Prepare a fresh connection before it counts as ready."""

    def _on_disconnected(self) -> None:
        """Let go of what waited for the connection that ended."""

    def _on_push(self, reply: Any) -> bool:
        """Take a reply that answers no call; False when it is an ordinary one."""
        return False


class RedisLink(Link):
    """Commands and scripts, all of the same loop turn in one write; the `Route` to one server."""

    verb = "PUBLISH"

    def __init__(self, address: Address, name: str) -> None:
        super().__init__(address, name)
        self.links: Sequence[RedisLink] = (self,) * PARTITIONS
        self._clock_gaps: deque[float] = deque(maxlen=5)
        """Redis time minus monotonic time in ms as seen lately, never more than it really was."""
        self._clock_gap = 0.0
        """The largest of them."""
        self._asked = 0.0

    @classmethod
    async def open(cls, url: str, *, name: str = "link", timeout: float = 5.0) -> RedisLink:
        """Connect; SettingsError for a bad address, Refused("unavailable") without a server."""
        return await cls.open_at(parse_url(url), name=name, timeout=timeout)

    @classmethod
    async def open_at(cls, address: Address, *, name: str, timeout: float) -> RedisLink:
        """Connect to an address that was read already, raising as `open`."""
        link = cls(address, name)
        await link._start(timeout)
        return link

    async def call(self, *args: Argument, timeout: float = TIMEOUT) -> Any:
        """Send a command and give its reply, bytes for strings.

        Raises ReplyError for an error of Redis, LostInFlight when it may have been carried out,
        another Refused("unavailable") when it was not sent.
        """
        if self._wire is None or not self._opened.is_set():
            raise not_answering()
        return await self._wire.call(args, timeout)

    async def script(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Argument],
        timeout: float = TIMEOUT,
    ) -> Any:
        """Run a script by its name, with its text when the server does not know it."""
        wire = self._wire
        if wire is None or not self._opened.is_set():
            raise not_answering()
        try:
            return await wire.call(("EVALSHA", script.sha, len(keys), *keys, *args), timeout)
        except ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        if self._wire is not wire:
            # The arguments may name the server that was there before (see `run_id`).
            raise LostInFlight("unavailable", "The link to Redis was lost.")
        return await self.call("EVAL", script.text, len(keys), *keys, *args, timeout=timeout)

    async def ask(self, *args: Argument, timeout: float = TIMEOUT) -> Any:
        """Send a command for a slot that is on its way to this node, raising as `call`."""
        if self._wire is None or not self._opened.is_set():
            raise not_answering()
        asking = self._wire.call(("ASKING",), timeout)
        answer = self._wire.call(args, timeout)
        await asyncio.gather(asking, answer, return_exceptions=True)
        return answer.result()

    def servers(self) -> Set[RedisLink]:
        """Give this link."""
        return {self}

    def address(self, channel: str) -> str:
        """Give the name under which a channel is published."""
        return channel

    async def kin(self, link: RedisLink) -> Kin:
        """Give the other servers whose channels may have come to this one whole: none."""
        return Kin()

    async def redirected(self, error: ReplyError) -> bool:
        """Tell that no server but this one can be asked."""
        return False

    def server_time(self) -> int:
        """Give a time in ms that Redis has certainly reached."""
        return int(self._clock_gap + time.monotonic() * 1000)

    async def _on_connected(self, wire: Wire) -> None:
        # Until the new server has told its time, that of the one before goes on.
        answer = await wire.call(("TIME",), TIMEOUT)
        self._clock_gaps.clear()
        self._note_time(answer)

    def _probe(self, wire: Wire) -> bool:
        """Ask for the time: clocks drift, and a link that nobody uses may have died."""
        now = time.monotonic()
        if now - self._asked >= CLOCK_EVERY:
            self._asked = now
            wire.call(("TIME",), TIMEOUT).add_done_callback(self._on_time)
        return True

    def _on_time(self, answer: asyncio.Future[Any]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            REDIS_SECONDS.observe(time.monotonic() - self._asked)
            self._note_time(answer.result())

    def _note_time(self, answer: tuple[bytes, bytes]) -> None:
        # The server read its clock before now, so each gap errs on the safe side.
        seconds, micros = answer
        gap = int(seconds) * 1000 + int(micros) / 1000 - time.monotonic() * 1000
        self._clock_gaps.append(gap)
        self._clock_gap = max(self._clock_gaps)
