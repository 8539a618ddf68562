"""Runs an application with uvicorn inside a test's own loop, on a free port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette


@asynccontextmanager
async def serving(app: Starlette, **config: Any) -> AsyncIterator[str]:
    """Serve until the end of the block; gives `http://127.0.0.1:PORT`."""
    options = {"log_config": None, "timeout_graceful_shutdown": 1, "lifespan": "on", **config}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # `_serve` leaves the signals of the test run alone.
    task = asyncio.create_task(server._serve([listener]))
    async with asyncio.timeout(10):
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task
