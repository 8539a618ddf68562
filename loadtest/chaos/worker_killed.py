"""The worker is killed before it inserts, after its commit and after its acknowledgement."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from loadtest.chaos import processes
from loadtest.chaos.outcome import scaled, told
from loadtest.chaos.play import Play, play
from loadtest.chaos.proxy import Proxy, proxied
from loadtest.chaos.stage import Stage
from loadtest.options import count
from loadtest.report import Report
from loadtest.servers import ROOT, NotStarted

NAME: Final = "worker-killed"
VIEWERS: Final = 50
RATE: Final = 100.0
ROUNDS: Final = 5
POINTS: Final = ("before the insert", "after the commit", "after the acknowledgement")
PATIENCE: Final = 60.0
STEP: Final = 0.005
LOCK: Final = "LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE"
WAITING: Final = """
    SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=count, default=0, help=f"times at each point [{ROUNDS}]")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Kill one worker after another at its point; the supervisor's own has the last word."""
    viewers = scaled(VIEWERS, options, least=2)
    rounds = options.rounds or scaled(ROUNDS, options)
    async with play(stage, viewers_count=viewers, rate=RATE) as running:
        await running.posted(10)
        # A supervisor that is frozen starts no worker beside ours.
        stage.freeze("supervisor")
        running.fault("the supervisor's worker is killed")
        await stage.kill("worker")
        strike = Strike(stage, running, hurried=options.scale < 1)
        for point in POINTS * rounds:
            await strike.at(point)
            await running.posted(10)
        await strike.bury()
        stage.thaw("supervisor")
        await running.settle()
        letters = (await stage.query("SELECT count(*) FROM dead_letters"))[0][0]
        if letters:
            running.problems.append(f"{letters} entries were put aside as dead letters")
    facts: dict[str, str | int | float] = {"workers_killed": len(POINTS) * rounds + 1}
    return told(NAME, running, options, facts=facts)


class Strike:
    """Starts a worker of its own and kills it where it was asked to."""

    def __init__(self, stage: Stage, running: Play, *, hurried: bool) -> None:
        """`hurried` ends the leases of the dead at once instead of waiting ten seconds."""
        self._stage = stage
        self._play = running
        self._hurried = hurried

    async def at(self, point: str) -> None:
        """Let a worker come to a point, and kill it there."""
        await self.bury()
        async with (
            proxied(self._stage.servers.environment["REDIS_URL"]) as proxy,
            self._worker(proxy) as worker,
            self._locked() as lock,
        ):
            before = await self._rows()
            if point == POINTS[1]:
                proxy.hold("up")
            elif point == POINTS[2]:
                proxy.hold("down")
            if point != POINTS[0]:
                await lock.execute("ROLLBACK")
                await self._until(self._more_than(before), "a commit")
            if point == POINTS[2]:
                await self._until(self._nothing_in_hand, "an acknowledgement")
            processes.kill(worker)
            self._play.fault(f"a worker is killed {point}")
            self._judge(point, await self._rows() - before, await self._in_hand())

    async def bury(self) -> None:
        """End the leases of a dead worker where nobody has the time to wait for them."""
        if self._hurried:
            async with self._stage.redis() as redis:
                owners = [key async for key in redis.scan_iter(match="{p*}:owner", count=10_000)]
                await redis.delete("workers", *owners)

    def _judge(self, point: str, saved: int, in_hand: int) -> None:
        """Tell when a worker did not die where it was to."""
        right = {
            POINTS[0]: not saved and in_hand,
            POINTS[1]: saved and in_hand,
            POINTS[2]: saved and not in_hand,
        }
        if not right[point]:
            self._play.problems.append(
                f"not killed {point}: {saved} rows were new, {in_hand} entries in hand"
            )

    @asynccontextmanager
    async def _worker(self, proxy: Proxy) -> AsyncIterator[int]:
        """Start a worker behind the proxy, and wait until it has saved what there was."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "web.cli", "worker"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            env={**self._stage.servers.environment, "REDIS_URL": proxy.url},
        )
        try:
            before = await self._rows()
            await self._until(self._more_than(before), "a worker")
            yield process.pid
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Keep everybody from inserting, and wait until the worker stands before it."""
        dsn = self._stage.servers.environment["DATABASE_URL"]
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=30)
        try:
            await connection.execute("BEGIN")
            await connection.execute(LOCK)
            deadline = time.monotonic() + PATIENCE
            while not await connection.fetchval(WAITING):
                if time.monotonic() > deadline:
                    raise NotStarted("no worker tried to insert")
                await asyncio.sleep(STEP)
            yield connection
        finally:
            await connection.close()

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await holds():
            if time.monotonic() > deadline:
                raise NotStarted(f"waited for {what} in vain")
            await asyncio.sleep(STEP)

    def _more_than(self, rows: int) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            return await self._rows() > rows

        return holds

    async def _nothing_in_hand(self) -> bool:
        return await self._in_hand() == 0

    async def _rows(self) -> int:
        found = await self._stage.query("SELECT count(*) FROM messages")
        return int(found[0][0])

    async def _in_hand(self) -> int:
        """Count what was read from the logs and is not acknowledged."""
        async with self._stage.redis() as redis:
            logs = [key async for key in redis.scan_iter(match="{p*}:log", count=10_000)]
            pending = [await redis.xpending(log, "workers") for log in logs]
        return sum(each["pending"] for each in pending)
