"""A server under measurement: a peer's, started here, or Hiroba's own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from loadtest.errors import CannotRun
from loadtest.native.client import Aim, LoadClient
from loadtest.peers.peer import Found, Launch, Peer, Place, words

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
ROOT: Final = Path(__file__).resolve().parents[2]


class NotStarted(CannotRun):
    """A server did not start; the text says what it wrote."""


class Contender(Protocol):
    """A running server."""

    title: str
    version: str

    @property
    def processes(self) -> Mapping[str, list[int]]:
        """Its processes by what they are called in the table; each with all its descendants."""

    def aim(self, viewers: int) -> Aim:
        """Tell how viewers come in."""

    async def say(self, client: LoadClient, number: int) -> None:
        """Have everybody told a comment, and return when it is on its way."""


@dataclass(slots=True)
class Running:
    """A peer's server."""

    title: str
    version: str
    pid: int
    port: int
    launch: Launch
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The load client carries out one command at a time."""

    @property
    def processes(self) -> Mapping[str, list[int]]:
        """Give its one tree."""
        return {self.title: [self.pid]}

    def aim(self, viewers: int) -> Aim:
        """Tell what its viewers say and read."""
        launch = self.launch
        return Aim(
            self.port,
            viewers,
            path=launch.path,
            headers=launch.headers,
            hellos=[launch.hello] if launch.hello else (),
            ready=launch.ready,
            counted=launch.counted,
            answers=launch.answers,
        )

    async def say(self, client: LoadClient, number: int) -> None:
        """Let the first viewer say it."""
        async with self.turn:
            await client.say(0, self.launch.saying(words(number)))


@asynccontextmanager
async def running(peer: Peer, found: Found) -> AsyncIterator[Running]:
    """Start a peer's server on a free loopback port, and end it; NotStarted."""
    with tempfile.TemporaryDirectory(prefix="hiroba-peer-", ignore_cleanup_errors=True) as folder:
        place = Place(_free_port(), Path(folder))
        launch = found.launch(place)
        log = place.folder / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "loadtest.peers.child", str(os.getpid())),
                *launch.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, **dict(launch.environment)},
            )
        try:
            await _listening(place.port, process, log)
            yield Running(peer.title, found.version, process.pid, place.port, launch)
        finally:
            await _stop(process)


async def _listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            late = asyncio.get_running_loop().time() > deadline
            if late or process.returncode is not None:
                raise NotStarted(f"did not listen; it wrote: {_end_of(log)}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-500:] or "nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
