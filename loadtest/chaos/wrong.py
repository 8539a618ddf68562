"""Gateways of their own whose clocks are wrong, on the servers of a stage."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx

from loadtest import api
from loadtest.servers import ROOT, NotStarted, Servers

FOLDER: Final = Path(__file__).parent / "wrong_clock"
START_SECONDS: Final = 60.0
NEAR_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Where one gateway is reached, and by how many seconds its clock is wrong."""

    url: str
    shift: int = 0

    def __str__(self) -> str:
        """Name it in a report."""
        return f"a gateway {self.shift:+d} s" if self.shift else "a right gateway"


@asynccontextmanager
async def wrong_gateway(servers: Servers, shift: int) -> AsyncIterator[Gate]:
    """Start a gateway whose clock is wrong from its first line of code on."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "web.cli", "gateway"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(listener.fileno(),),
        cwd=ROOT,
        env={
            **servers.environment,
            "HIROBA_PORT": str(port),
            "HIROBA_LISTENER": str(listener.fileno()),
            "HIROBA_DRAIN_SECONDS": "0",
            "PYTHONPATH": f"{FOLDER}{os.pathsep}{ROOT}",
            "WRONG_CLOCK": str(shift),
        },
    )
    listener.close()
    gate = Gate(f"http://127.0.0.1:{port}", shift)
    try:
        await _serves(gate)
        yield gate
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _serves(gate: Gate) -> None:
    """Wait until it is ready, and see at the Date of its answer that its clock is wrong."""
    deadline = time.monotonic() + START_SECONDS
    async with api.client(gate.url) as http:
        while True:
            try:
                answer = await http.get("/readyz", timeout=5)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                break
            if time.monotonic() > deadline:
                raise NotStarted(f"{gate} does not start")
            await asyncio.sleep(0.1)
    told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    if abs(told - time.time() - gate.shift) > NEAR_SECONDS:
        raise NotStarted(f"the clock of {gate} is wrong by {told - time.time():.0f} s")
