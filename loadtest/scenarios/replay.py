"""Replays a chat log through the real entrance while viewers watch, and checks what came out."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from loadtest import api, cpu, options
from loadtest.checks import Comment, check_acknowledged, check_seen
from loadtest.latency import Latencies, at_share
from loadtest.lines import Line, by_author, read
from loadtest.report import SHARES, Report, Row, cpu_of, joined
from loadtest.senders import Sending, Sent, send
from loadtest.servers import Servers, new_room, started
from loadtest.swarm import Member
from loadtest.viewers import Finish, Seen, Watching, watch

STORE_SECONDS = 120.0
"""How long the last comment may take to reach the history."""
START_IN = 1.0


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay, and against what."""

    lines: Sequence[Line]
    viewers: int
    speed: float
    urls: Sequence[str] = ()
    """Running servers; none starts own ones."""
    room: str = ""
    gateways: int = 2
    watchers: int = 1
    """Processes over which the viewers are spread."""


def raised(replay: Replay) -> dict[str, str]:
    """Give the limits that a replay from one address needs, as settings of the servers."""
    people = len(by_author(replay.lines))
    sockets = people + replay.viewers
    return {
        # All names and sockets come from this one address ...
        "HIROBA_VISITOR_RATE": f"{people + 1000}/10min",
        "HIROBA_CONNECT_RATE": f"{2 * sockets + 1000}/10s",
        "HIROBA_MAX_CONNECTIONS": str(max(20_000, 2 * sockets)),
        # ... and a faster replay makes people type faster than they did.
        "HIROBA_POST_RATE": f"{math.ceil(5 * max(1.0, replay.speed))}/10s",
        # ... and makes a flood of what was none.
        "HIROBA_SHEDDING": "0",
    }


def add_parser(commands: options.Commands) -> None:
    """Add `replay`."""
    parser = commands.add_parser("replay", help="replay a chat log and check every delivery")
    add = parser.add_argument
    add("file", type=Path, help="JSON lines with ms, user and text")
    add("--viewers", type=options.count, default=50, help="on the full feed [50]")
    add("--speed", type=options.speed, default=10.0, help="times the real speed [10]")
    add("--lines", type=options.count, help="only the first so many")
    add("--url", action="append", default=[], help="a running server (repeat for several)")
    add("--room", default="", help="its room; needed with --url")
    add("--gateways", type=options.count, default=2, help="of servers started here [2]")
    add("--watchers", type=options.count, default=1, help="processes of viewers [1]")
    options.add_out(parser)


async def run(chosen: argparse.Namespace) -> Report:
    """Replay, check, and tell; raises CannotRun where that is not possible."""
    replay = Replay(
        lines=read(chosen.file, chosen.lines),
        viewers=chosen.viewers,
        speed=chosen.speed,
        urls=tuple(chosen.url),
        room=chosen.room,
        gateways=chosen.gateways,
        watchers=chosen.watchers,
    )
    print(f"replay of {len(replay.lines)} lines at {replay.speed:g} times their speed", flush=True)
    report = Report("replay")
    async with AsyncExitStack() as stack:
        if replay.urls:
            servers = Servers(list(replay.urls))
        else:
            limits = raised(replay)
            for name, value in limits.items():
                print(f"  raised limit  {name}={value}", flush=True)
            servers = await stack.enter_async_context(started(limits, replay.gateways))
        room = replay.room or await new_room(servers, "replay")
        print(f"  servers       {', '.join(servers.urls)}, room {room}", flush=True)
        await _replay(replay, servers, room, report)
    return report


async def _replay(replay: Replay, servers: Servers, room: str, report: Report) -> None:
    async with _swarm(replay, servers.urls, room) as (sender, watchers):
        people = await sender.receive()
        print(f"  authors       {people} have a token each", flush=True)
        for watcher in watchers:
            await watcher.receive()
        print(f"  viewers       {replay.viewers} watch", flush=True)
        processes = {
            **servers.processes,
            "senders": [sender.pid],
            "viewers": [watcher.pid for watcher in watchers],
            "coordinator": [os.getpid()],
        }
        before = cpu.by_name(processes)
        start = time.monotonic() + START_IN
        sender.send(start)
        sent: Sent = await sender.receive()
        took = time.monotonic() - start
        seen = await _seen(watchers, Finish(sent.posted, start)) if sent.posted else []
        report.cpu_seconds = cpu_of(before, cpu.by_name(processes))
    kept = await _history(servers.urls, room, [each.comment for each in sent.posted])
    _tell(report, replay, sent, seen, kept, took)


@asynccontextmanager
async def _swarm(
    replay: Replay, urls: Sequence[str], room: str
) -> AsyncIterator[tuple[Member, list[Member]]]:
    """Start the senders' process and those of the viewers."""
    members = [
        Member("senders", send, Sending(list(urls), room, list(replay.lines), replay.speed)),
        *(
            Member(f"viewers {first}", watch, Watching(list(urls), room, first, count))
            for first, count in _shares(replay.viewers, replay.watchers)
        ),
    ]
    try:
        yield members[0], members[1:]
    finally:
        for member in members:
            await asyncio.to_thread(member.stop)


def _shares(viewers: int, processes: int) -> list[tuple[int, int]]:
    """Give the first viewer and the number of viewers of each process."""
    edges = [viewers * n // processes for n in range(processes + 1)]
    return [(a, b - a) for a, b in pairwise(edges) if b > a]


async def _seen(watchers: Sequence[Member], finish: Finish) -> list[Seen]:
    for watcher in watchers:
        watcher.send(finish)
    return [await watcher.receive() for watcher in watchers]


async def _history(urls: Sequence[str], room: str, posted: Sequence[Comment]) -> list[str]:
    """Check the paged history of every server."""
    problems: list[str] = []
    for url in urls:
        async with api.client(url) as http:
            if posted and not await api.stored(
                http, room, max(each.place for each in posted), STORE_SECONDS
            ):
                problems.append(f"history: the end is not there after {STORE_SECONDS:.0f} s")
            problems += check_seen("history", posted, await api.history(http, room))
    return problems


def _tell(
    report: Report,
    replay: Replay,
    sent: Sent,
    seen: Sequence[Seen],
    kept: Sequence[str],
    took: float,
) -> None:
    latencies = Latencies()
    for each in seen:
        latencies.join(each.latencies)
    total = latencies.total()
    report.facts = {
        "lines": len(replay.lines),
        "acknowledged": len(sent.posted),
        "tried_again": sum(each.tries - 1 for each in sent.posted),
        "connections_lost": sent.lost,
        "viewers": replay.viewers,
        "deliveries": sum(each.deliveries for each in seen),
        "reconnects": sum(each.reconnects for each in seen),
        "seconds": round(took, 1),
        "comments_per_second": round(len(sent.posted) / took, 1),
    }
    report.latency_ms = {name: at_share(total, share) * 1000 for name, share in SHARES.items()}
    report.rows = [Row("replay", replay.viewers, latency_ms=dict(report.latency_ms))]
    report.over_time = [
        (second, [value * 1000 for value in values])
        for second, values in latencies.over_time(SHARES.values())
    ]
    report.problems = joined(
        [
            [f"given up: {each}" for each in sent.refused],
            check_acknowledged(replay.lines, sent.posted),
            *(each.problems for each in seen),
            kept,
        ]
    )
