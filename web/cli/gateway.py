"""One gateway process: pages, API and live sockets on one listening socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
import uvloop

from server import log as logs
from server.control_pipe import ControlPipe
from server.entrance import Doorway
from server.files_limit import raise_files_limit
from server.gateway import Gateway
from server.settings import Settings
from server.websocket import WebSocketProtocol
from web.app import create_app
from web.cli import listeners
from web.cli.process import DRAINING, RELIEVED, STOPPING, serves, stopping
from web.cli.servers import reachable

GRACE = 5
"""Seconds that open requests get after the drain."""
DATE_EVERY = 1.0
"""Seconds between two looks at the clock for the answers' date."""
SUCCESSOR = 10.0
"""Seconds that another process has to serve in our place before everybody is sent away."""

log = logs.Log(__name__)


class _Server(uvicorn.Server):
    """uvicorn, with signals left to us: our drain comes before its shutdown."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = asyncio.Event()
        self.status = 0
        self._leaves = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
            self.serves.set()
        except SystemExit as failed:
            # Why was told by the application; raised in a task, this would look like a mistake.
            self.status, self.should_exit = int(failed.code or 1), True

    @property
    def gateway(self) -> Gateway | None:
        """What the lifespan opened; None where it could not."""
        opened: Gateway | None = self.lifespan.state.get("gateway")
        return opened

    async def main_loop(self) -> None:
        """Keep the date of the answers until `leave`; uvicorn would wake ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_EVERY):
                    await self._leaves.wait()

    def leave(self) -> None:
        """End, with those who are connected."""
        self.should_exit = True
        self._leaves.set()

    def stop_accepting(self) -> None:
        """Close our end of the listening socket; who is connected stays."""
        for server in self.servers:
            server.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT or the end of the supervisor; gives the exit status."""
    raise_files_limit()
    descriptor = os.environ.get(listeners.VARIABLE)
    listener = listeners.inherited(descriptor) if descriptor else listeners.bind(settings)[0]
    with (
        reachable(settings, start=False) as settings,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> int:
    server = _Server(
        uvicorn.Config(
            create_app(settings),
            http=cast(Any, Doorway()),
            ws=WebSocketProtocol,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            # The client's address comes from server.addresses alone.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            backlog=listeners.BACKLOG,
        )
    )
    async with stopping() as (stop, pipe):
        serving = asyncio.create_task(server.serve([listener]))
        if await _first(serving, server.serves.wait()):
            gateway = server.gateway
            if gateway is not None:
                gateway.garbage.begin()
            log.info("gateway.started")
            await serves(settings, pipe)
            if await _first(serving, stop.wait()):
                await _drain(server, settings.drain_seconds, pipe)
                server.leave()
        await serving
    return server.status


async def _first(serving: asyncio.Task[None], event: Coroutine[Any, Any, Any]) -> bool:
    """Wait for an event; False when uvicorn ended before."""
    waiting = asyncio.create_task(event)
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return not serving.done()


async def _drain(server: _Server, seconds: int, pipe: ControlPipe | None) -> None:
    """Ask every live socket to come back elsewhere; a second signal cuts it short."""
    gateway = server.gateway
    if gateway is None:
        return
    again = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, again.set)
    draining = asyncio.create_task(_hand_over(gateway, seconds, pipe))
    tasks = [draining, asyncio.create_task(again.wait())]
    if pipe is not None:
        tasks.append(asyncio.create_task(_give_way(server, pipe)))
    await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _hand_over(gateway: Gateway, seconds: int, pipe: ControlPipe | None) -> None:
    """Send everybody away, once there is a process for them to come to.

    Where none comes in time they are sent to the other gateways, and whoever comes here is
    refused in whole sentences.
    """
    if pipe is not None:
        pipe.say(DRAINING)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(SUCCESSOR):
                await pipe.heard(RELIEVED, STOPPING)
    log.info("gateway.draining", seconds=seconds)
    await gateway.drain(seconds)


async def _give_way(server: _Server, pipe: ControlPipe) -> None:
    """Take no new connections once another process does: what waits in the queue is its own."""
    with contextlib.suppress(ConnectionError):
        await pipe.heard(RELIEVED)
        server.stop_accepting()
