"""The process that watches: many viewers on the full feed, each checked against what was posted."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from loadtest.checks import Comment, Place, Posted, check_seen
from loadtest.latency import Latencies
from loadtest.report import joined
from loadtest.swarm import Side
from server.client import Client, Closed, Item, Missing, Position, Received, delay

OPEN_AT_ONCE: Final = 8
OPEN_SECONDS: Final = 30.0
MOST_TRIES: Final = 5
END_SECONDS: Final = 60.0
"""How long the last publication may take to arrive everywhere."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What the process has to do."""

    urls: list[str]
    room: str
    first: int
    """The number of the first viewer here."""
    viewers: int


@dataclass(frozen=True, slots=True)
class Finish:
    """What was posted, told to the viewers at the end."""

    posted: list[Posted]
    start: float


@dataclass(slots=True)
class Seen:
    """What the viewers of one process saw."""

    deliveries: int = 0
    reconnects: int = 0
    problems: list[str] = field(default_factory=list)
    latencies: dict[int, dict[int, int]] = field(default_factory=dict)


class Viewer:
    """One viewer; comments are shared between the viewers that saw the same."""

    def __init__(self, name: str, url: str, room: str, shared: dict[Comment, Comment]) -> None:
        """Prepare to watch a room."""
        self.name = name
        self.client = Client(url)
        self.seen: list[Comment] = []
        self.times = array("d")
        self.missing: list[str] = []
        self._shared = shared
        self.channel = self.client.channel(f"room:{room}", feed="full", handler=self.take)

    def take(self, item: Item) -> None:
        """Keep a posted comment and when it came, or that some do not come."""
        now = time.monotonic()
        if isinstance(item, Missing):
            self.missing.append(f"{item.first} to {item.last} ({item.why})")
        elif isinstance(item, Received) and (comment := posted_in(item)) is not None:
            self.seen.append(self._shared.setdefault(comment, comment))
            self.times.append(now)

    def problems(self, posted: list[Comment]) -> list[str]:
        """Check what was seen."""
        told = [f"{self.name}: not given {each}" for each in self.missing]
        return told + check_seen(self.name, posted, self.seen)


def posted_in(item: Received) -> Comment | None:
    """Read the push of a posted comment; None for any other."""
    body = item.body
    if body is None or body["event"] != "comment.posted":
        return None
    return Comment((item.epoch, item.offset), body["id"], body["author"]["id"], body["text"])


async def watch(side: Side, watching: Watching) -> None:
    """Open all viewers, say so, wait for what was posted, and answer with what was seen."""
    shared: dict[Comment, Comment] = {}
    async with AsyncExitStack() as stack:
        slots = asyncio.Semaphore(OPEN_AT_ONCE)

        async def enter(number: int) -> Viewer:
            url = watching.urls[number % len(watching.urls)]
            async with slots:
                for tries in range(MOST_TRIES):
                    viewer = Viewer(f"viewer {number}", url, watching.room, shared)
                    stack.push_async_callback(viewer.client.close)
                    try:
                        await viewer.client.open(seconds=OPEN_SECONDS)
                        await viewer.channel.subscribed()
                        return viewer
                    except (Closed, TimeoutError):
                        await asyncio.sleep(delay(tries, random.random))
                raise RuntimeError(f"viewer {number} could not come in")

        numbers = range(watching.first, watching.first + watching.viewers)
        viewers = await asyncio.gather(*map(enter, numbers))
        side.send(len(viewers))
        finish: Finish = await side.receive()
        await _arrived(viewers, max(each.comment.place for each in finish.posted))
        side.send(judge(viewers, finish))
    await side.receive()


def judge(viewers: list[Viewer], finish: Finish) -> Seen:
    """Check every viewer and gather the latencies of all."""
    posted = [each.comment for each in finish.posted]
    sent_at = {each.comment.place: each.sent_at for each in finish.posted}
    latencies = Latencies()
    for viewer in viewers:
        for comment, at in zip(viewer.seen, viewer.times, strict=True):
            sent = sent_at.get(comment.place)
            if sent is not None:
                latencies.add(int(sent - finish.start), at - sent)
    return Seen(
        deliveries=sum(len(viewer.seen) for viewer in viewers),
        reconnects=sum(viewer.client.connections - 1 for viewer in viewers),
        problems=joined([viewer.problems(posted) for viewer in viewers]),
        latencies={second: dict(counts) for second, counts in latencies.seconds.items()},
    )


async def _arrived(viewers: list[Viewer], top: Place) -> None:
    """Wait until every viewer stands at the top, within bounds: the check tells who does not."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await asyncio.gather(*(_reached(viewer, Position(*top)) for viewer in viewers))
    except TimeoutError:
        return


async def _reached(viewer: Viewer, top: Position) -> None:
    while viewer.channel.position < top:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
