"""What the measuring scenarios share: a gateway that is measured, and who posts into its room."""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from loadtest import cpu
from loadtest.errors import CannotRun
from loadtest.native.build import NoCompiler
from loadtest.native.client import Counts, LoadClient
from loadtest.native.program import ProgramFailed
from loadtest.native.yardstick import Round, Way, Yardstick
from loadtest.publishers import Burst, Posted, Posting, publish
from loadtest.servers import ROOT, Servers, new_room, started
from loadtest.swarm import Member

WRITER: Final = "HIROBA_FAN_OUT"
"""The setting that names how frames are written: auto, write or ring."""
AUTO: Final = "auto"
WAYS: Final = {"write": "os.write", "ring": "io_uring", AUTO: "as it is"}
"""How each writer is called in a report."""
SHARED: Final = (
    "load client, publisher, the gateway that comments come in by, workers, Valkey, PostgreSQL"
)
"""What runs on the same CPUs as a gateway that only fans out."""
AUTHORS: Final = 20
WARM_UP: Final = Burst(3, 0.1)
IDLE: Final = 5.0
"""Seconds without a delivery, after which a round is over."""


def limits(connections: int) -> dict[str, str]:
    """Give the settings of servers that are asked for everything from one address."""
    return {
        "HIROBA_CONNECT_RATE": "1000000/1s",
        "HIROBA_MAX_CONNECTIONS": str(max(20_000, 2 * connections)),
        "HIROBA_VISITOR_RATE": "100000/1min",
        "HIROBA_POST_RATE": "1000000/1s",
        "HIROBA_CHANNEL_RATE": "1000000",
        "HIROBA_BACKLOG_CAP": "5000000",
        # What is left out under flood would not be measured.
        "HIROBA_SHEDDING": "0",
    }


def told(settings: Mapping[str, str]) -> str:
    """Give settings as a fact of a report."""
    return " ".join(f"{name}={value}" for name, value in settings.items())


async def knows_setting(name: str) -> bool:
    """Tell whether the server has a setting."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "web.cli", "--help"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    out, _ = await process.communicate()
    return name in out.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Hall:
    """One gateway, its room, and a process that posts there, in or through another gateway."""

    url: str
    room: str
    servers: Servers
    entrance: Servers
    """The same, or those by which comments come in."""
    publisher: Member

    @property
    def channel(self) -> str:
        """The room's channel."""
        return f"room:{self.room}"

    @property
    def gateway(self) -> int:
        """The process that is measured."""
        return self.servers.processes["gateway"][0]

    async def post(self, burst: Burst) -> Posted:
        """Let the publisher post."""
        self.publisher.send(burst)
        posted: Posted = await self.publisher.receive()
        return posted

    async def warm_up(self, client: LoadClient, viewers: int) -> None:
        """Post a few comments to everybody, so that nothing happens for the first time later."""
        await client.reset()
        await self.post(WARM_UP)
        await client.wait(WARM_UP.comments * viewers, IDLE)


@asynccontextmanager
async def hall(
    name: str, servers: Servers, entrance: Servers | None = None, authors: int = AUTHORS
) -> AsyncIterator[Hall]:
    """Make a room at these servers, and a publisher that posts there through the entrance."""
    # Servers that run on may have a room of this name from another run.
    room = await new_room(servers, f"{name}-{secrets.token_hex(3)}")
    entrance = entrance or servers
    posting = Posting(entrance.urls[0], room, authors)
    member = Member(f"publisher of {name}", publish, posting)
    try:
        await member.receive()
        yield Hall(servers.urls[0], room, servers, entrance, member)
    finally:
        await asyncio.to_thread(member.stop)


@asynccontextmanager
async def alone(
    writers: Sequence[str], connections: int, **settings: str
) -> AsyncIterator[dict[str, Hall]]:
    """Give a hall for each writer, whose gateway only fans out, with these settings.

    What is posted comes in by a server beside them, with its databases.
    """
    async with AsyncExitStack() as stack:
        raised = limits(connections)
        entrance = await stack.enter_async_context(started(raised, 1))
        halls = {}
        for writer in writers:
            more = dict(settings) if writer == AUTO else {**settings, WRITER: writer}
            servers = await stack.enter_async_context(started({**raised, **more}, 1, entrance))
            made = await stack.enter_async_context(hall(f"hall-{writer}", servers, entrance))
            halls[writer] = made
        yield halls


def processes(halls: Mapping[str, Hall]) -> dict[str, list[int]]:
    """Name the processes whose CPU is told at the end; the rest is the coordinator's."""
    named = {"load clients and coordinator": [os.getpid()]}
    for writer, each in halls.items():
        entrance = each.entrance.processes
        named |= {f"{role} where comments come in": pids for role, pids in entrance.items()}
        for role in ("gateway", "worker"):
            named[f"{role} ({writer})"] = list(each.servers.processes.get(role, ()))
        named[f"publisher ({writer})"] = [each.publisher.pid]
    return named


async def writers(asked: str) -> list[str]:
    """Give the writers that are asked for and can be chosen; CannotRun without io_uring."""
    if asked == AUTO or (asked == "both" and not await knows_setting(WRITER)):
        return [AUTO]
    if asked == "both":
        return ["write", "ring"]
    if not await knows_setting(WRITER):
        raise CannotRun(f"this server has no {WRITER}: it cannot be told how to write")
    return [asked]


@dataclass(frozen=True, slots=True)
class FanOut:
    """One round: what was posted, what arrived, and what the gateway used meanwhile."""

    posted: Posted
    counts: Counts
    cpu_us: float
    seconds: float

    @property
    def per_frame(self) -> float:
        """CPU µs of the gateway per frame to one viewer."""
        return self.cpu_us / max(1, self.counts.frames)

    @property
    def per_comment(self) -> float:
        """CPU µs of the gateway per comment to one viewer."""
        return self.cpu_us / max(1, self.counts.publications)

    def problems(self, who: str) -> list[str]:
        """Tell what was refused, and what was lost on the way."""
        return self.posted.problems() + self.counts.problems(who, self.posted.acknowledged)


async def fan_out(hall: Hall, client: LoadClient, viewers: int, burst: Burst) -> FanOut:
    """Post a burst and wait until every viewer has it."""
    await client.reset()
    before = cpu.of_process(hall.gateway)
    posted = await hall.post(burst)
    counts = await client.wait(posted.acknowledged * viewers, IDLE)
    used = cpu.of_process(hall.gateway) - before
    return FanOut(posted, counts, used, counts.last)


@asynccontextmanager
async def yardstick(readers: int, way: Way = "send") -> AsyncIterator[Yardstick | None]:
    """Give the yardstick, or None (and say so) where it cannot be built or the kernel refuses."""
    async with AsyncExitStack() as stack:
        given: Yardstick | None = None
        try:
            given = await stack.enter_async_context(Yardstick(readers, way))
        except NoCompiler as missing:
            print(f"  no yardstick, so no ratios: {missing}", flush=True)
        except ProgramFailed as missing:
            if way != "ring":
                raise
            print(f"  no yardstick with io_uring: {missing}", flush=True)
        yield given


def median(values: Sequence[float]) -> float:
    """Give the middle of several rounds; 0 of none."""
    return statistics.median(values) if values else 0.0


def per_delivery(rounds: Sequence[Round]) -> float | None:
    """Give what the yardstick costs, if there is one."""
    return median([each.cpu_us_per_delivery for each in rounds]) if rounds else None


def ratio(cost: float, yard: float | None) -> float | None:
    """Give a cost in yardsticks."""
    return None if not yard else cost / yard


def in_yards(costs: Sequence[float], yards: Sequence[Round]) -> float | None:
    """Give the middle of each round's ratio to its own yardstick: both met the same machine."""
    paired = zip(costs, [yard.cpu_us_per_delivery for yard in yards], strict=False)
    ratios = [cost / yard for cost, yard in paired if yard]
    return median(ratios) if ratios else None
