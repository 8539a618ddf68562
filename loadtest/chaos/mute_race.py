"""Somebody is muted while posting on all gateways at once; nothing of it stands above the mute."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from loadtest.chaos.history import ACK, Place, Posted
from loadtest.chaos.link import open_light
from loadtest.chaos.outcome import scaled
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
from loadtest.report import Report
from loadtest.servers import new_member
from server.client import Client, Item, Received

NAME: Final = "mute-race"
GATEWAYS: Final = 4
RUNS: Final = 200
PUBLISHES: Final = 10_000
LEAST: Final = 200
CONNECTIONS: Final = 24
"""The kernel hands them round: more than enough for each gateway to have some."""
RUN_SECONDS: Final = 60.0
ABOVE: Final = """
    SELECT count(*) FROM messages WHERE room_id = $1 AND author = $2
    AND (epoch, "offset") > ($3, $4) AND (epoch, "offset") < ($5, $6)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--runs", type=int, default=0, help=f"mutes, each at another moment [{RUNS}]")
    add("--publishes", type=int, default=0, help=f"lines that race in each [{PUBLISHES}]")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Race again and again, and look at answers, at what a viewer saw, and at the table."""
    runs = options.runs or scaled(RUNS, options)
    publishes = options.publishes or scaled(PUBLISHES, options, least=LEAST)
    report = Report(f"chaos {NAME}")
    name = stage.next_run()
    async with _people(stage, name) as race:
        gateways = sum(
            count > 0
            for (metric, _), count in (await stage.metrics()).items()
            if metric == "hiroba_connections"
        )
        for number in range(runs):
            report.problems += await race.once(f"{name}-{number}", publishes)
        report.problems += await race.saved()
        report.facts = {
            "gateways": gateways,
            "runs": runs,
            "lines_a_run": publishes,
            "acknowledged": race.acknowledged,
            "refused_as_muted": race.refused,
            "seen_by_a_viewer": race.viewer.seen,
            "offsets_above_a_mute": race.above,
        }
    return report


class Viewer(Client):
    """Somebody who watches, and knows where everything stands."""

    def __init__(self, url: str, room: str) -> None:
        """Watch the whole room."""
        super().__init__(url, open_link=open_light)
        self.lines: dict[str, list[Place]] = {}
        self.turns: list[tuple[str, Place]] = []
        """Mutes and their ends."""
        self.seen = 0
        self.room = self.channel(f"room:{room}", feed="full", handler=self._take)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return (self.room.position.epoch, self.room.position.offset)

    def _take(self, item: Item) -> None:
        if not isinstance(item, Received) or item.body is None:
            return
        place, event = (item.epoch, item.offset), item.body["event"]
        if event == "comment.posted":
            self.lines.setdefault(item.body["author"]["id"], []).append(place)
            self.seen += 1
        elif event in ("person.muted", "person.unmuted"):
            self.turns.append((event, place))


class Race:
    """One person with many connections, a moderator, and a viewer."""

    def __init__(
        self, stage: Stage, clients: list[Client], moderator: Client, viewer: Viewer
    ) -> None:
        """Count over all runs."""
        self.acknowledged = self.refused = self.above = 0
        self.viewer = viewer
        self._stage = stage
        self._clients = clients
        self._moderator = moderator
        self._person = str(clients[0].welcome["you"]["id"])
        self._muted: list[tuple[Place, Place]] = []
        """From where to where the person was muted."""

    async def once(self, name: str, publishes: int) -> list[str]:
        """Mute at a random moment of so many lines; gives what does not hold."""
        pour = Pour(self._clients, self._stage.room, name)
        moment, now = random.randrange(publishes // 10, publishes), asyncio.Event()

        def is_muted(posted: Posted) -> bool:
            if len(pour.posted) >= moment:
                now.set()
            return posted.word == "muted"

        pouring = asyncio.create_task(
            pour.until(is_muted, most=50 * publishes, seconds=RUN_SECONDS)
        )
        async with asyncio.timeout(RUN_SECONDS):
            await now.wait()
        await self._turn("person.mute", {"seconds": 3600, "reason": "a race"})
        answered = time.monotonic()
        stopped = await pouring
        await self._turn("person.unmute", {})
        said = [p for p in pour.posted if p.outcome == ACK]
        self.acknowledged += len(said)
        self.refused += sum(p.word == "muted" for p in pour.posted)
        top = max((p.line.place for p in said), default=(0, 0))
        await self._stage.until(lambda: self.viewer.place >= top, RUN_SECONDS)
        begin, end = self._muted[-1]
        places = [p.line.place for p in said] + self.viewer.lines.pop(self._person, [])
        above = {place for place in places if begin < place < end}
        self.above += len(above)
        late = sum(p.at > answered for p in said)
        others = {p.word or p.outcome for p in pour.posted} - {"muted", ACK}
        return [
            *([f"{name}: {len(above)} lines above the mute at {begin}"] if above else []),
            *([f"{name}: {late} lines sent after the mute was answered"] if late else []),
            *([f"{name}: refused otherwise: {', '.join(sorted(others))}"] if others else []),
            *([] if stopped else [f"{name}: a connection was never told that it is muted"]),
        ]

    async def saved(self) -> list[str]:
        """Wait until the logs are empty, and look whether the table has a line above a mute."""
        deadline = time.monotonic() + RUN_SECONDS
        while await self._waiting():
            if time.monotonic() > deadline:
                return ["the logs are not saved"]
            await asyncio.sleep(0.2)
        room, rows = int(self._stage.room), 0
        for begin, end in self._muted:
            found = await self._stage.query(ABOVE, room, self._person, *begin, *end)
            rows += found[0][0]
        return [f"{rows} rows above a mute"] if rows else []

    async def _turn(self, command: str, args: dict[str, object]) -> None:
        """Mute or unmute, and learn from the viewer where that stands."""
        before = len(self.viewer.turns)
        who = {"room": self._stage.room, "person": self._person}
        await self._moderator.call(command, {**who, **args})
        await self._stage.until(lambda: len(self.viewer.turns) > before, RUN_SECONDS)
        place = self.viewer.turns[-1][1]
        if command == "person.mute":
            self._muted.append((place, (place[0] + 1, 0)))
        else:
            self._muted[-1] = (self._muted[-1][0], place)

    async def _waiting(self) -> int:
        async with self._stage.redis() as redis:
            logs = [key async for key in redis.scan_iter(match="{p*}:log", count=10_000)]
            return sum([await redis.xlen(log) for log in logs])


@asynccontextmanager
async def _people(stage: Stage, name: str) -> AsyncIterator[Race]:
    """Bring in who posts, who moderates and who watches."""
    token, other = await asyncio.gather(
        new_member(stage.servers, f"Talker {name}", "member"), stage.moderator()
    )
    async with AsyncExitStack() as stack:
        viewer = Viewer(stage.url, stage.room)
        await stack.enter_async_context(viewer)
        moderator = await stack.enter_async_context(Client(stage.url, token=other))
        clients = [Client(stage.url, token=token, open_link=open_light) for _ in range(CONNECTIONS)]
        for client in clients:
            await stack.enter_async_context(client)
        await viewer.room.subscribed()
        yield Race(stage, clients, moderator, viewer)
