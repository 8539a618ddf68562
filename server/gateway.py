"""One gateway: who may connect, what all its connections share, and what is told to them all."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from server import gateway_metrics
from server.admission import Admission
from server.connection import Connection
from server.context import Context, Viewer
from server.errors import HirobaError, Refused
from server.handshake import Refusal, Upgrade
from server.hot_list import Writer
from server.hub import Hub
from server.identity import Keyring
from server.log import Log
from server.pings import Pings
from server.presence import Presence
from server.product import Grant, Product
from server.protocol import CloseCode
from server.sessions import Sessions
from server.websocket import WebSocketProtocol

__all__ = ["Gateway", "Grant", "Product"]

TICK_SECONDS: Final = 1.0
DRAIN_STEP: Final = 0.05
KEYS_SECONDS: Final = 30.0
LAG_SECONDS: Final = 0.25
MAX_REMEMBERED: Final = 10_000
"""Revocations, denials and control bodies that are kept in memory."""
LEAVING_AT_ONCE: Final = 100

log = Log(__name__)


class Gateway:
    """What `app_state["gateway"]` is: opened by the lifespan, drained and closed at the end."""

    path = "/v1/live"

    def __init__(
        self,
        ctx: Context,
        product: Product,
        keyring: Keyring,
        *,
        write: Writer = os.write,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Listen to the broker; `start` begins what goes on by itself."""
        self.ctx = ctx
        self.product = product
        self.keyring = keyring
        self.sessions = Sessions(ctx.broker)
        self.hub: Hub = Hub(ctx.broker, write=write, now=now)
        self.pings: Pings = Pings(write)
        self.connections: set[Connection] = set()
        self.draining = False
        self.closed: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._admission = Admission(ctx, keyring, now)
        self._revoked: OrderedDict[str, int] = OrderedDict()
        self._denied: OrderedDict[str, int] = OrderedDict()
        self._chores: deque[Callable[[], Awaitable[None]]] = deque(maxlen=MAX_REMEMBERED)
        self._leaving: deque[tuple[str, str, str]] = deque(maxlen=10 * MAX_REMEMBERED)
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        ctx.broker.on_control = self.on_control

    @classmethod
    async def open(cls, ctx: Context, product: Product) -> Gateway:
        """Give a gateway that runs; the broker has to be open."""
        gateway = cls(ctx, product, await Keyring.load(ctx.db, ctx.clock))
        gateway.start()
        gateway_metrics.watch(gateway)
        return gateway

    def start(self) -> None:
        """Begin what goes on by itself."""
        loop = asyncio.get_running_loop()
        presence = self.ctx.of(Presence)
        counting = presence.run(
            self.viewers, self.hub.pass_on, self.product.tallied, self.product.counted
        )
        for work in (
            self._every(TICK_SECONDS, self._tick),
            self._every(KEYS_SECONDS, self._reload_keys),
            self._watch_lag(),
            self._work(),
            counting,
        ):
            self._tasks.append(loop.create_task(work))

    async def close(self) -> None:
        """Stop what goes on by itself; the connections end with their sockets."""
        gateway_metrics.forget(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hub.close()

    # For the protocol class.

    @property
    def max_frame(self) -> int:
        """The most bytes that a message of a client may have."""
        return self.ctx.settings.max_frame

    def admit(self, request: Upgrade) -> Refusal | None:
        """Judge a handshake, without I/O."""
        full = self.draining or len(self.connections) >= self.ctx.settings.max_connections
        refusal = self._admission.judge(request, full=full)
        if refusal is not None:
            self.refused[str(refusal.status)] += 1
        return refusal

    def accept(self, socket: WebSocketProtocol, request: Upgrade) -> Connection:
        """Make the session of a connection whose handshake was just answered."""
        address, bearer = self._admission.address(request), self._admission.bearer(request)
        connection = Connection(self, socket, next(self._numbers), address, bearer)
        self.connections.add(connection)
        self.pings.add(connection)
        return connection

    # For connections.

    def name(self, connection: Connection, publisher: str) -> None:
        """Know a connection by its publisher."""
        if connection.publisher not in (None, publisher):
            self.count_down(connection, connection.publisher)
        self.hub.name(connection, publisher)

    def forget(self, connection: Connection, code: int) -> None:
        """Let a connection go that is about to close."""
        self.closed[code] += 1
        self.count_down(connection, connection.publisher)
        self.hub.remove(connection)
        self.pings.remove(connection)
        self.connections.discard(connection)

    def count_down(self, connection: Connection, publisher: str | None) -> None:
        """Let a publisher have one session fewer in Redis, soon."""
        if publisher is not None:
            self._leaving.append((publisher, connection.session, self.holder(connection)))
            self._wake.set()

    def holder(self, connection: Connection) -> str:
        """Name a connection among those of all gateways."""
        return f"{self.ctx.broker.id}:{connection.number}"

    def alive(self) -> list[str]:
        """Give the gateways that are alive; none while that is not known yet."""
        return self.ctx.broker.alive()

    def check(self, viewer: Viewer) -> CloseCode | None:
        """Tell why a viewer may not stay, from what was told lately."""
        publisher = viewer.id or ""
        if viewer.version < self._revoked.get(publisher, 0):
            return CloseCode.SESSION_REVOKED
        if self._denied.get(publisher, 0) > self.ctx.clock():
            return CloseCode.DENIED
        return None

    # For pages and the supervisor.

    def problems(self) -> dict[str, str]:
        """Tell why this gateway should get no new visitors; empty when it is ready."""
        found = {}
        if not self.ctx.broker.ready:
            found["live"] = "cut off from the other gateways"
        if self.draining:
            found["draining"] = "stopping"
        return found

    def viewers(self) -> dict[str, int]:
        """Count the viewers of every channel of two segments."""
        channels = self.hub.channels.by_name.values()
        return {c.name: c.viewers() for c in channels if c.readers and c.name.count(":") == 1}

    async def drain(self, seconds: float) -> None:
        """Send everybody elsewhere, spread over some seconds."""
        self.draining = True
        waiting = deque(self.connections)
        steps = max(1, int(seconds / DRAIN_STEP))
        share = -(-len(waiting) // steps)
        while waiting:
            for _ in range(min(share, len(waiting))):
                waiting.popleft().end(CloseCode.DRAINING, "draining")
            if waiting:
                await asyncio.sleep(DRAIN_STEP)

    # What is told to all.

    def on_control(self, body: dict[str, Any]) -> None:
        """Take what another process tells all; the product learns it too."""
        # First, so that what is asked again below is not answered from before.
        self._do(lambda: self.product.on_control(self.ctx, body))
        kind, publisher = body.get("type"), body.get("publisher")
        if kind == "revoke" and isinstance(publisher, str):
            self._revoke(publisher, int(body.get("version", 0)))
        elif kind == "deny" and isinstance(publisher, str):
            self._deny(publisher, int(body.get("until", 0)))
        elif kind == "recheck":
            self._do(lambda: self._recheck(str(body.get("channel"))))
        elif kind == "secrets":
            self._do(self._reload_keys)

    def _revoke(self, publisher: str, version: int) -> None:
        if version > 0:
            known = max(version, self._revoked.get(publisher, 0))
            _remember(self._revoked, publisher, known)
            self._do(lambda: self.sessions.revoke(publisher, version))
        for connection in self._of_publisher(publisher):
            viewer = connection.viewer
            if viewer is not None and (version == 0 or viewer.version < version):
                connection.end(CloseCode.SESSION_REVOKED, "signed out")

    def _deny(self, publisher: str, until: int) -> None:
        _remember(self._denied, publisher, until)
        self._do(lambda: self.sessions.deny(publisher, until))
        if until > self.ctx.clock():
            for connection in self._of_publisher(publisher):
                connection.end(CloseCode.DENIED, "not admitted")

    async def _recheck(self, channel: str) -> None:
        for reader in self.hub.audience(channel):
            if isinstance(reader, Connection) and reader.viewer is not None:
                try:
                    await self.product.open_channel(self.ctx, reader.viewer, channel)
                except Refused as refused:
                    if refused.code in ("not_found", "forbidden"):
                        # Whoever reads other channels comes back, and is refused this one only.
                        alone = len(reader.seats) == 1
                        code = CloseCode.FORBIDDEN if alone else CloseCode.POSITION_LOST
                        reader.end(code, channel)

    def _of_publisher(self, publisher: str) -> list[Connection]:
        readers = self.hub.of_publisher(publisher)
        return [reader for reader in readers if isinstance(reader, Connection)]

    # What goes on by itself.

    async def _tick(self) -> None:
        self.hub.tick()
        self.pings.tick()

    async def _reload_keys(self) -> None:
        await self.keyring.reload(self.ctx.db)

    def _do(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Have something done in its turn, apart from what it was told by."""
        self._chores.append(chore)
        self._wake.set()

    async def _work(self) -> None:
        """Do chores one after another, and count down whoever left, many at a time."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._chores:
                await self._carefully(self._chores.popleft())
            while self._leaving:
                count = min(len(self._leaving), LEAVING_AT_ONCE)
                left = [self._leaving.popleft() for _ in range(count)]
                calls = (self.sessions.close(*one) for one in left)
                await asyncio.gather(*calls, return_exceptions=True)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._carefully(work)

    async def _carefully(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something whose failure must not end what goes on."""
        try:
            await work()
        except HirobaError as error:
            log.warning("gateway.hindered", problem=str(error))
        except Exception as error:
            log.error("gateway.failed", error=error)

    async def _watch_lag(self) -> None:
        """Measure how late the loop is: whatever holds it delays everybody."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            gateway_metrics.LAG.observe(max(0.0, loop.time() - due))


def _remember(known: OrderedDict[str, int], name: str, value: int) -> None:
    known[name] = value
    known.move_to_end(name)
    if len(known) > MAX_REMEMBERED:
        known.popitem(last=False)
