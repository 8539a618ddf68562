"""Keeps gateways, worker and private servers running until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from server import metrics
from server.child import Child
from server.embedded import Embedded
from server.embedded_servers import PrivateServer
from server.errors import SettingsError
from server.log import Log
from server.settings import Settings
from web.cli import listeners
from web.cli.children import READY, Backoff, ManagedChild, environment
from web.cli.rolling import Rolling, has_terminal

GRACE = 10.0
"""Seconds beyond the drain in which a process has to end."""
ROUND = 0.25
"""Seconds between two looks at the children; the end of one wakes us at once."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Its own registry: what the modules of other processes count says nothing about this one.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
UP = Gauge("hiroba_up", "Whether a process runs.", ["name"], registry=REGISTRY)
RESTARTS = Counter(
    "hiroba_restarts", "Restarts of a process that had died.", ["name"], registry=REGISTRY
)

log = Log(__name__)


class Supervisor:
    """The parent of all processes; the listening sockets stay open here."""

    def __init__(
        self,
        settings: Settings,
        sockets: Sequence[socket.socket],
        embedded: Embedded | None,
        *,
        finishing: Child | None = None,
    ) -> None:
        """Take what runs already; `finishing` has to end before we announce ourselves."""
        self.settings = settings
        self.metrics_url = ""
        self._finishing = finishing
        self._embedded = embedded
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._wake = asyncio.Event()
        self._terminal = has_terminal()
        self._backoffs = {server.name: Backoff() for server in self._servers()}
        shared = environment(
            {
                "DATABASE_URL": settings.database_url,
                "REDIS_URL": settings.redis_url,
                "HIROBA_PORT": str(settings.port),
                "HIROBA_DATA_DIR": str(settings.data_dir),
                "HIROBA_LOG_LEVEL": settings.log_level,
                "HIROBA_DEMO": str(settings.demo),
            }
        )
        self.children = [
            ManagedChild("gateway", f"gateway-{number}", shared, listener=listener)
            for number, listener in enumerate(sockets, 1)
        ]
        self.children.append(ManagedChild("worker", "worker", shared))
        if settings.demo:
            people = ("web.demo", "--url", settings.public_url)
            self.children.append(ManagedChild("demo", "demo", shared, module=people))
        self._grace = settings.drain_seconds + GRACE
        self._rolling = Rolling(self.children, sockets, self._grace)
        self._sockets = sockets
        self._steered = tuple(range(len(sockets)))
        """Which gateways new connections are sent to."""

    def pids(self) -> dict[str, list[int]]:
        """Give the processes by role, the supervisor left out."""
        pids: dict[str, list[int]] = {}
        for child in self.children:
            pids.setdefault(child.role, []).extend([child.pid] if child.pid else [])
        for server in self._servers():
            pids[server.name] = [server.pid] if server.pid else []
        return pids

    async def run(self, announce: Callable[[Supervisor], None]) -> int:
        """Start everything, announce it, look after it, and stop everything; the exit status."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        loop.add_signal_handler(signal.SIGCHLD, self._wake.set)
        server = await self._serve_metrics()
        try:
            if not await self._start_all():
                return 0 if self._stop.is_set() else 1
            await self._finish()
            announce(self)
            await self._look_after_all()
            return 0
        finally:
            await self._rolling.stop()
            await self._stop_all()
            server.close()

    async def _serve_metrics(self) -> asyncio.Server:
        port = self.settings.metrics_port
        try:
            server = await metrics.serve(self._collect, port)
        except OSError as error:
            raise SettingsError("HIROBA_METRICS_PORT", f"{port}: {error.strerror}") from None
        self.metrics_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
        return server

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _hung_up(self) -> None:
        """Begin a rolling restart, unless it is the terminal that is gone."""
        if self._terminal and not has_terminal():
            self._told_to_stop()
        else:
            self._rolling.begin()

    async def _start_all(self) -> bool:
        for child in self.children:
            await child.start()
        ready = asyncio.gather(*(self._ready(child) for child in self.children))
        stopped = asyncio.create_task(self._stop.wait())
        either: set[asyncio.Future[Any]] = {ready, stopped}
        await asyncio.wait(either, timeout=READY, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if ready.done():
            return all(ready.result())
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        if not self._stop.is_set():
            log.error("start.failed", reason=f"not ready within {READY:.0f} s")
        return False

    async def _finish(self) -> None:
        deadline = time.monotonic() + READY
        child = self._finishing
        while child and child.returncode is None and time.monotonic() < deadline:
            if self._stop.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.1)
        if child and child.returncode != 0:
            log.warning("demo.without_clip", status=child.returncode)

    async def _ready(self, child: ManagedChild) -> bool:
        if await child.ready():
            return True
        log.error("start.failed", name=child.name, reason="see its log above")
        return False

    async def _look_after_all(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            for child in self.children:
                before = child.restarts
                await child.look_after(self._grace)
                RESTARTS.labels(child.name).inc(child.restarts - before)
            for server in self._servers():
                self._look_after_server(server)
            self.steer()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._any(self._wake, self._stop), ROUND)

    def steer(self) -> None:
        """Send new connections to gateways that serve, not into the queue of one that died."""
        if self._rolling.goes_on:
            self._steered = ()
            return
        gateways = [child for child in self.children if child.role == "gateway"]
        serving = tuple(number for number, child in enumerate(gateways) if child.serves)
        if serving != self._steered:
            self._steered = serving
            listeners.steer(self._sockets, serving)

    @staticmethod
    async def _any(*events: asyncio.Event) -> None:
        tasks = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _look_after_server(self, server: PrivateServer) -> None:
        """Launch a private server that died; the gateways find it again by themselves."""
        if server.pid is not None:
            return
        backoff = self._backoffs[server.name]
        if (delay := backoff.died()) is not None:
            log.error("server.died", name=server.name, log=server.log, again_in=delay)
        elif backoff.is_due():
            backoff.begin()
            RESTARTS.labels(server.name).inc()
            try:
                server.launch()
                log.info("server.restarted", name=server.name, pid=server.pid)
            except OSError as error:
                log.error("server.not_started", name=server.name, error=error)

    def _servers(self) -> Sequence[PrivateServer]:
        return self._embedded.servers if self._embedded is not None else ()

    async def _collect(self) -> str:
        for name, pid in self._alive().items():
            UP.labels(name).set(pid is not None)
        answers = await asyncio.gather(*(child.ask("metrics") for child in self.children))
        named = {name: str(page) for pages in answers for name, page in pages.items()}
        return await asyncio.to_thread(
            metrics.merge, {"supervisor": metrics.render(REGISTRY), **named}
        )

    def _alive(self) -> Mapping[str, Any]:
        return {
            **{child.name: child.pid for child in self.children},
            **{server.name: server.pid for server in self._servers()},
        }

    async def _stop_all(self) -> None:
        """Gateways first, so that what they accepted still reaches the worker."""
        log.info("stopping")
        for roles in (("gateway",), ("worker", "demo")):
            chosen = [child for child in self.children if child.role in roles]
            await asyncio.gather(*(child.stop(self._grace, self._hurry) for child in chosen))
