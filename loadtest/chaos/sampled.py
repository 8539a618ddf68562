"""Viewers of the sampled feed: what they are shown, and what they are told is left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from loadtest.chaos.history import Place
from loadtest.chaos.stage import STEP, Stage
from server.client import Client, Item, Missing, Passing, Received

SAMPLED: Final = "sampled"
RESTED_LEVEL: Final = 0
MOST_EXAMPLES: Final = 3


class SampledViewer:
    """One viewer with the feed that viewers of live rooms have."""

    def __init__(self, stage: Stage, number: int) -> None:
        """Prepare to watch the room of the stage."""
        self.name = f"sampled viewer {number}"
        self.levels: list[tuple[float, int]] = []
        """What it was told of the load, and when."""
        self.shown: list[Received] = []
        self.left_out: list[Missing] = []
        self.client = Client(stage.url)
        name = f"room:{stage.room}"
        self.channel = self.client.channel(name, feed=SAMPLED, handler=self.take)

    async def open(self) -> None:
        """Come in."""
        await self.client.open()
        await self.channel.subscribed()

    def take(self, item: Item) -> None:
        """Keep what comes."""
        if isinstance(item, Received):
            self.shown.append(item)
        elif isinstance(item, Missing):
            self.left_out.append(item)
        elif isinstance(item, Passing) and item.body["event"] == "load.changed":
            self.levels.append((time.monotonic(), item.body["level"]))

    async def reach(self, place: Place, seconds: float) -> bool:
        """Wait until it stands at a place; False when it does not in time."""
        deadline = time.monotonic() + seconds
        while (self.channel.position.epoch, self.channel.position.offset) < place:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(STEP)
        return True

    async def rested(self, seconds: float) -> bool:
        """Wait until it is told that nothing is left out any more; False when it is not in time."""
        deadline = time.monotonic() + seconds
        while self.levels and self.levels[-1][1] != RESTED_LEVEL:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(STEP)
        return True

    def problems(self, guaranteed: Sequence[tuple[str, str]]) -> list[str]:
        """Find what was left out in silence or came twice, and steps that were not told in turn.

        Of the guaranteed events, each about the message of an id, none may be missing.
        """
        found = []
        events = {(r.body["event"], r.body.get("id")) for r in self.shown if r.body is not None}
        if missed := [each for each in guaranteed if each not in events]:
            some = ", ".join(f"{event} {id}" for event, id in missed[:MOST_EXAMPLES])
            found.append(f"{self.name}: {len(missed)} guaranteed were not shown: {some}")
        places = [(received.epoch, received.offset) for received in self.shown]
        if places != sorted(set(places)):
            found.append(f"{self.name}: out of order, or shown twice")
        if whys := {missing.why for missing in self.left_out} - {SAMPLED}:
            found.append(f"{self.name}: told of a gap: {sorted(whys)}")
        told = len(self.shown) + sum(missing.count or 0 for missing in self.left_out)
        ranges = [(missing.first, missing.last) for missing in self.left_out]
        ranges += [(received.offset, received.offset) for received in self.shown]
        first = min((first for first, _ in ranges), default=1)
        last = max((last for _, last in ranges), default=0)
        if told != last - first + 1:
            found.append(f"{self.name}: knows of {told} publications out of {last - first + 1}")
        highest = 0
        for _, level in self.levels:
            if level > highest + 1:
                found.append(f"{self.name}: heard of step {level} before step {highest + 1}")
            highest = max(highest, level)
        return found
