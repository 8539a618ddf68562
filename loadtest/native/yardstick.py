"""The yardstick: what a C program pays that only writes a ready-made frame."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

from loadtest.native.build import built
from loadtest.native.client import Aim, LoadClient
from loadtest.native.program import Program, ProgramFailed

Way = Literal["send", "ring"]

GIVE_UP: Final = 5.0
"""Seconds without anything, after which the readers do not wait on."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the yardstick."""

    deliveries: int
    cpu_us: float
    seconds: float
    problems: list[str]

    @property
    def cpu_us_per_delivery(self) -> float:
        """What one frame to one reader costs."""
        return self.cpu_us / max(1, self.deliveries)


class Yardstick:
    """The server in C with readers of its own; as a context both end with the block."""

    def __init__(self, readers: int, way: Way = "send") -> None:
        """Prepare; nothing runs before the block begins."""
        self._readers = readers
        self._way = way
        self._stack = AsyncExitStack()
        self._server: Program
        self._client: LoadClient

    async def __aenter__(self) -> Self:
        """Start both; NoCompiler without a compiler, ProgramFailed where there is no ring."""
        async with AsyncExitStack() as stack:
            command = [str(built("yardstick")), self._way]
            server = await Program.start(f"C {self._way} yardstick", command)
            await stack.enter_async_context(server)
            aim = Aim(int(server.ready["port"]), self._readers)
            client = await LoadClient.open(aim, "readers of the yardstick")
            await stack.enter_async_context(client)
            self._server, self._client = server, client
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def round(self, frames: int, gap: float, size: int) -> Round:
        """Write so many frames with `size` bytes of payload to everybody, `gap` seconds apart."""
        await self._client.reset()
        going = asyncio.create_task(self._server.ask(f"go {frames} {round(gap * 1e6)} {size}"))
        counted = await self._client.wait(frames * self._readers, gap + GIVE_UP)
        said: dict[str, Any] = await going
        problems = counted.problems("yardstick", frames)
        if said["short"]:
            problems.append(f"yardstick: {said['short']} writes were not taken whole")
        if said["connections"] != self._readers:
            raise ProgramFailed("the yardstick lost readers")
        return Round(said["deliveries"], said["cpu_us"], said["seconds"], problems)
