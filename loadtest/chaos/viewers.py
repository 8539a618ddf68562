"""The process that watches: viewers that come back by themselves, and keep all that they saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from loadtest.chaos.history import Line, Place, Resumed, Told, Watch
from loadtest.light import LightLink, ObservedLink, open_light
from loadtest.swarm import Side
from server.client import Client, Closed, Item, Link, Missing, Received, delay

OPEN_AT_ONCE: Final = 16
OPEN_SECONDS: Final = 60.0
MOST_TRIES: Final = 5
STEP: Final = 0.05
MUTES: Final = {"person.muted": True, "person.unmuted": False}


@dataclass(frozen=True, slots=True)
class Watching:
    """What the process has to do."""

    url: str
    room: str
    first: int
    """The number of the first viewer here."""
    viewers: int
    tokens: tuple[str, ...] = ()
    """Handed round; without any the viewers have no name."""
    whole: int = 0
    """So many more are complete clients over `websockets`, which cost ten times as much."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Wait until everybody stands at a place, at most so many seconds."""

    place: Place
    seconds: float


class Viewer:
    """One viewer on the full feed."""

    def __init__(self, watching: Watching, number: int, lines: dict[Line, Line]) -> None:
        """Prepare to watch; equal lines are kept once for all viewers."""
        self.watch = Watch(f"viewer {number}")
        self.came_in = False
        self._lines = lines
        self._lost = 0.0
        self._code = 0
        self._tries = 0
        self._place: Place = (0, 0)
        tokens, light = watching.tokens, watching.first + watching.viewers
        self.client = Client(
            watching.url,
            token=tokens[number % len(tokens)] if tokens else "",
            open_link=self._open_light if number < light else self._open_whole,
        )
        self.link: LightLink | None = None
        self.channel = self.client.channel(f"room:{watching.room}", feed="full", handler=self.take)

    @property
    def position(self) -> Place:
        """Where it stands."""
        position = self.channel.position
        return (position.epoch, position.offset)

    @property
    def connected(self) -> bool:
        """Whether it has a connection whose room has been opened."""
        return self.came_in and not self._lost

    def entered(self) -> None:
        """Keep from here on what it sees."""
        self.watch.start = self._place = self.position
        self.came_in = True

    def told(self) -> Watch:
        """Give what it has seen so far, and begin anew from where it stands."""
        told, self.watch = self.watch, Watch(self.watch.viewer, self.position)
        self._lines.clear()
        return told

    def take(self, item: Item) -> None:
        """Keep a line, or that some do not come."""
        if not self.came_in:
            return
        now = time.monotonic()
        if isinstance(item, Missing):
            until = (item.epoch, item.last)
            self.watch.told.append(Told(item.why, self._place, until, now))
            self._place = max(self._place, until)
        elif isinstance(item, Received):
            self._place = (item.epoch, item.offset)
            line = line_of(item)
            if line is not None:
                self.watch.saw(self._lines.setdefault(line, line), now, item.live)
            elif item.body is not None and item.body["event"] in MUTES:
                muted = MUTES[item.body["event"]]
                self.watch.mutes.append((item.body["person"], self._place, muted))

    async def _open_light(self, url: str, **more: Any) -> Link:
        self._begin()
        self.link = await open_light(url, **more)
        self.link.observer = self
        return self.link

    async def _open_whole(self, url: str, **more: Any) -> Link:
        self._begin()
        link = await ObservedLink.open(url, **more)
        link.observer = self
        return link

    def _begin(self) -> None:
        self._tries += 1
        self.watch.opened.append(time.monotonic())

    def replied(self, command: str, reply: Mapping[str, Any]) -> None:
        """Note when a connection brings the room."""
        opened = reply if command == "subscribe" else None
        if command == "connect":
            opened = reply["subscriptions"].get(self.channel.name, {}).get("ok")
        if opened is not None and self._lost:
            self._came_back(bool(opened["recovered"]))

    def ended(self, closed: Closed) -> None:
        """Note when it was lost; one that never stood changes nothing."""
        if self.came_in and not self._lost:
            self._lost, self._code, self._tries = time.monotonic(), closed.code, 0

    def _came_back(self, recovered: bool) -> None:
        now = time.monotonic()
        resumed = Resumed(self._lost, now, self._code, recovered, self._tries)
        self.watch.resumed.append(resumed)
        self._lost = 0.0


def line_of(item: Received) -> Line | None:
    """Read a posted line; None for what is none. A hidden one has no id."""
    body = item.body
    if body is None:
        return Line(item.epoch, item.offset, "", "", "")
    if body["event"] != "comment.posted":
        return None
    author, own = body["author"]["id"], body["client_message_id"]
    return Line(item.epoch, item.offset, body["id"], author, own)


class Room:
    """The viewers of one process, asked by the coordinator."""

    def __init__(self, viewers: list[Viewer]) -> None:
        """Answer for these."""
        self._viewers = viewers

    async def reach(self, reach: Reach) -> int:
        """Wait until all stand at a place; gives how many do not in time."""
        return await self._count(lambda v: v.position >= reach.place, reach.seconds)

    async def connected(self, seconds: float) -> int:
        """Wait until all are connected; gives how many are not in time."""
        return await self._count(lambda v: v.connected, seconds)

    async def stop_reading(self, count: int) -> int:
        """Let the first `count` read nothing any more; gives how many there were."""
        chosen = [viewer for viewer in self._viewers[:count] if viewer.link is not None]
        for viewer in chosen:
            assert viewer.link is not None
            viewer.link.wire.stop_reading()
        return len(chosen)

    async def ports(self, _: None) -> dict[str, int]:
        """Give from which port each light viewer is connected."""
        return {each.watch.viewer: each.link.wire.port for each in self._viewers if each.link}

    async def watches(self, _: None) -> list[Watch]:
        """Give all that was seen."""
        return [viewer.watch for viewer in self._viewers]

    async def _count(self, holds: Callable[[Viewer], bool], seconds: float) -> int:
        deadline = time.monotonic() + seconds
        left = self._viewers
        while left := [viewer for viewer in left if not holds(viewer)]:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(STEP)
        return len(left)


async def watch(side: Side, watching: Watching) -> None:
    """Open all viewers, say so, and answer questions until the coordinator goes."""
    lines: dict[Line, Line] = {}
    slots = asyncio.Semaphore(OPEN_AT_ONCE)
    async with AsyncExitStack() as stack:

        async def enter(number: int) -> Viewer:
            async with slots:
                for tries in range(MOST_TRIES):
                    viewer = Viewer(watching, number, lines)
                    try:
                        await viewer.client.open(seconds=OPEN_SECONDS)
                        await viewer.channel.subscribed()
                    except (Closed, TimeoutError):
                        await viewer.client.close()
                        await asyncio.sleep(delay(tries, random.random))
                        continue
                    stack.push_async_callback(viewer.client.close)
                    viewer.entered()
                    return viewer
                raise RuntimeError(f"viewer {number} could not come in")

        last = watching.first + watching.viewers + watching.whole
        numbers = range(watching.first, last)
        viewers = await asyncio.gather(*map(enter, numbers))
        room = Room(viewers)
        side.send(len(viewers))
        while True:
            question, argument = await side.receive()
            side.send(await getattr(room, question)(argument))
