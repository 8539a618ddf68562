"""What every process of ours does alike: logs, signals, the pipe to the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from server import metrics
from server.control_pipe import ControlPipe
from server.settings import Settings

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RELIEVED = "relieved"
"""What the supervisor says to a process once another one serves in its place."""
STOPPING = "stopping"
"""What the supervisor says to a process in whose place nobody will serve."""
DRAINING = "draining"
"""What a process says that sends everybody elsewhere: it needs a successor."""


@asynccontextmanager
async def stopping() -> AsyncIterator[tuple[asyncio.Event, ControlPipe | None]]:
    """Give an event that is set when this process has to end, and the pipe to the supervisor.

    Reasons are SIGTERM, SIGINT, another process that serves in its place, and the end of the
    supervisor.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    pipe = await ControlPipe.of_child(os.environ)
    watching = asyncio.create_task(_watch(pipe, stop)) if pipe is not None else None
    relief = asyncio.create_task(_wait_for_relief(pipe, stop)) if pipe is not None else None
    try:
        yield stop, pipe
    finally:
        if watching is not None and pipe is not None:
            tasks = [task for task in (watching, relief) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            pipe.close()
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def serves(settings: Settings, pipe: ControlPipe | None) -> None:
    """Tell the supervisor that we serve; without one serve our metrics where it is wished."""
    if pipe is not None:
        pipe.answer("metrics", metrics.rendered)
        pipe.say("ready")
    elif settings.metrics_port:
        await metrics.serve(metrics.rendered, settings.metrics_port)


async def _watch(pipe: ControlPipe, stop: asyncio.Event) -> None:
    await pipe.run()
    stop.set()


async def _wait_for_relief(pipe: ControlPipe, stop: asyncio.Event) -> None:
    with suppress(ConnectionError):
        await pipe.heard(RELIEVED)
    stop.set()
