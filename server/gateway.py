"""One gateway: who may connect, what all its connections share, and what is told to them all."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Final

from server import gateway_metrics, loop_lag, writing
from server.admission import Admission
from server.connection import CONNECT_SECONDS, Connection
from server.context import Context
from server.deadlines import Deadlines
from server.errors import HirobaError
from server.garbage import Garbage
from server.handshake import Refusal, Upgrade
from server.hub import Hub
from server.identity import Keyring
from server.log import Log
from server.looks import next_look
from server.opening import GRACE_SECONDS, SESSION_MS
from server.parts import Ready
from server.pings import Pings
from server.presence import Presence
from server.product import Grant, Product
from server.protocol import CloseCode
from server.relief import Relief
from server.roster import Descriptors, PlainDescriptors
from server.sessions import Sessions
from server.shedding import Shedding
from server.told import Told
from server.websocket import WebSocketProtocol

__all__ = ["Gateway", "Grant", "Product"]

TICK_SECONDS: Final = 1.0
DRAIN_STEP: Final = 0.05
KEYS_SECONDS: Final = 30.0
MAX_CHORES: Final = 10_000
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
        descriptors: Callable[[], Descriptors] = PlainDescriptors,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Listen to the broker; `start` begins what goes on by itself."""
        self.ctx = ctx
        settings = ctx.settings
        self.limits = Ready(
            {
                "frame": settings.max_frame,
                "channels": settings.max_channels,
                "text": settings.max_text,
            }
        )
        """As clients are told them."""
        self.product = product
        self.keyring = keyring
        self.sessions = Sessions(ctx.broker)
        self.hub: Hub = Hub(ctx.broker, descriptors=descriptors, now=now)
        self.pings: Pings = Pings(self.hub.fan_out)
        self.connections: set[Connection] = set()
        self.newcomers = Deadlines(CONNECT_SECONDS, Connection.miss_connect)
        """Those who have to connect yet."""
        self.expiring = Deadlines(SESSION_MS / 1000 + GRACE_SECONDS, Connection.expire)
        """Those whose session has to be refreshed in time."""
        self.draining: bool = False
        self.closed: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        """Of commands: `ok`, or the word they were refused with."""
        self._numbers = itertools.count(1)
        self._admission = Admission(ctx, keyring, now)
        self._chores: deque[Callable[[], Awaitable[None]]] = deque(maxlen=MAX_CHORES)
        self._leaving: deque[tuple[str, str, str]] = deque(maxlen=10 * MAX_CHORES)
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self.garbage = Garbage(now)
        self.told = Told(self)
        self.shedding: Shedding = ctx.of(Shedding)
        self.relief = Relief(self, now)
        ctx.broker.on_control = self.told.on_control

    @classmethod
    async def open(cls, ctx: Context, product: Product) -> Gateway:
        """Give a gateway that runs; the broker has to be open."""
        keyring = await Keyring.load(ctx.db, ctx.clock)
        gateway = cls(ctx, product, keyring, descriptors=writing.choose(ctx.settings.fan_out))
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
            self._every(KEYS_SECONDS, self.reload_keys),
            loop_lag.watch(self.relief.note_lag),
            self._work(),
            counting,
        ):
            self._tasks.append(loop.create_task(work))
        if self.ctx.settings.hold_every:
            watching = loop_lag.watch_holds(
                lambda: self.hub.stats.fan_out_cpu, self.ctx.settings.hold_every / 1000
            )
            self._tasks.append(loop.create_task(watching))

    async def close(self) -> None:
        """Stop what goes on by itself; the connections end with their sockets."""
        gateway_metrics.forget(self)
        self.newcomers.close()
        self.expiring.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ctx.of(Presence).withdraw()
        await self.hub.close()

    # For the protocol class.

    @property
    def max_frame(self) -> int:
        """The most bytes that a message of a client may have."""
        return self.ctx.settings.max_frame

    def admit(self, request: Upgrade) -> Refusal | None:
        """Judge a handshake, without I/O."""
        full = len(self.connections) >= self.ctx.settings.max_connections
        refusal = self._admission.judge(request, full=full, leaving=self.draining)
        if refusal is not None:
            self.refused[str(refusal.status)] += 1
        return refusal

    def accept(self, socket: WebSocketProtocol, request: Upgrade) -> Connection:
        """Make the session of a connection whose handshake was just answered."""
        address, bearer = self._admission.visitor(request)
        connection = Connection(self, socket, next(self._numbers), address, bearer)
        self.connections.add(connection)
        self.pings.add(connection)
        self.garbage.opened()
        return connection

    # For connections.

    def pause(self, connection: Connection) -> None:
        """Write nothing past a transport that is not empty."""
        self.hub.pause(connection)
        self.pings.remove(connection)

    def resume(self, connection: Connection) -> None:
        """Write what a connection missed and let it follow the others again."""
        self.pings.add(connection)
        self.hub.resume(connection)

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

    # What goes on by itself.

    async def _tick(self) -> None:
        self.hub.tick()
        self.relief.tick()
        self.pings.tick()
        self.garbage.tick(len(self.connections))

    async def reload_keys(self) -> None:
        """Read the secrets again that sign tokens."""
        await self.keyring.reload(self.ctx.db)

    def do(self, chore: Callable[[], Awaitable[None]]) -> None:
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
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            await asyncio.sleep(next_look(now, seconds) - now)
            await self._carefully(work)

    async def _carefully(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something whose failure must not end what goes on."""
        try:
            await work()
        except HirobaError as error:
            log.warning("gateway.hindered", problem=str(error))
        except Exception as error:
            log.error("gateway.failed", error=error)
