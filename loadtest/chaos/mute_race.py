"""Somebody is muted while posting on all gateways at once; nothing of it stands above the mute."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from loadtest.chaos.checker import check
from loadtest.chaos.history import ACK, History
from loadtest.chaos.hoses import Flood, Hose
from loadtest.chaos.outcome import scaled
from loadtest.chaos.stage import Stage
from loadtest.chaos.viewers import Viewer, Watching
from loadtest.options import count
from loadtest.report import Report
from loadtest.servers import new_member
from server.client import Client

NAME: Final = "mute-race"
GATEWAYS: Final = 4
RUNS: Final = 200
PUBLISHES: Final = 10_000
LEAST: Final = 200
CONNECTIONS: Final = 32
"""The kernel hands them round: more than enough for each gateway to have some."""
RUN_SECONDS: Final = 60.0
EARLIEST, LATEST = 0.02, 0.95
"""Between which shares of the answers the mute is asked for."""
MOST: Final = 50
"""Times as many lines are poured at most, until every connection has been told of the mute."""
STEP: Final = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--runs", type=count, default=0, help=f"mutes, each at another moment [{RUNS}]")
    add("--publishes", type=count, default=0, help=f"lines that race in each [{PUBLISHES}]")
    add("--seed", type=int, default=1, help="chooses the moments [1]")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Race again and again; each run is checked while the next one goes on, and let go."""
    runs = options.runs or scaled(RUNS, options)
    publishes = options.publishes or scaled(PUBLISHES, options, least=LEAST)
    chance = random.Random(options.seed)
    report = Report(f"chaos {NAME}")
    name = stage.next_run()
    posted_before = await _published(stage)
    async with _people(stage, name) as race:
        began, judging = time.monotonic(), None
        for number in range(runs):
            moment = round(publishes * chance.uniform(EARLIEST, LATEST))
            heat = await race.once(f"{name}-{number}", publishes, moment)
            if judging is not None:
                report.problems += await judging
            judging = asyncio.create_task(race.judge(heat))
            if (number + 1) % 10 == 0:
                print(f"  {time.monotonic() - began:6.1f} s  {number + 1} of {runs}", flush=True)
        if judging is not None:
            report.problems += await judging
        seconds = time.monotonic() - began
    posted = await _published(stage)
    shares = {who: posted[who] - posted_before.get(who, 0.0) for who in stage.pids("gateway")}
    report.problems += [f"{who} took no part" for who, count in shares.items() if not count]
    report.facts = {
        "gateways": len(shares),
        "least_published_by_one": int(min(shares.values())),
        "runs": runs,
        "seed": options.seed,
        **race.sums,
        "seconds": round(seconds, 1),
    }
    return report


@dataclass(frozen=True, slots=True)
class Heat:
    """One run, not yet judged."""

    name: str
    history: History
    answered: float
    """When the moderator was told that the mute stands."""
    deaf: int
    """Connections that were never told of it."""


class Race:
    """One person with many connections, a moderator, and a viewer."""

    def __init__(self, stage: Stage, hoses: list[Hose], moderator: Client, viewer: Viewer) -> None:
        """Count over all runs."""
        self.sums: Counter[str] = Counter()
        self._stage = stage
        self._hoses = hoses
        self._moderator = moderator
        self._viewer = viewer
        self._person = str(hoses[0].client.welcome["you"]["id"])

    async def once(self, name: str, publishes: int, moment: int) -> Heat:
        """Mute when so many of the lines are answered; gives all that was said and seen."""
        flood = Flood(self._stage.room, name, publishes, MOST * publishes, moment)
        pouring = asyncio.gather(*(hose.pour(flood, RUN_SECONDS) for hose in self._hoses))
        await flood.now.wait()
        asked = time.monotonic()
        await self._turn("person.mute", {"seconds": 3600, "reason": "a race"})
        answered = time.monotonic()
        await pouring
        await self._turn("person.unmute", {})
        history = History(posted=flood.posted, watches=[self._viewer.told()])
        history.deny_muted()
        self.sums["lines"] += len(flood.posted)
        self.sums["under_way_with_a_mute"] += sum(
            posted.at < answered and posted.done > asked for posted in flood.posted
        )
        return Heat(name, history, answered, sum(not hose.refused for hose in self._hoses))

    async def judge(self, heat: Heat) -> list[str]:
        """Wait for the rows of a run, and give what does not hold."""
        history, [watch] = heat.history, heat.history.watches
        said = history.acknowledged()
        logged = sum(not posted.unsaved for posted in said)
        [denied] = [each for each in history.denied if each.author == self._person]
        assert denied.until is not None
        deadline = time.monotonic() + RUN_SECONDS
        while True:
            history.stored = await self._stage.stored_between(watch.start, denied.until)
            if len(history.stored) >= logged or time.monotonic() > deadline:
                break
            await asyncio.sleep(STEP)
        places = {line.place for line in (*watch.seen, *history.stored)}
        places.update(posted.line.place for posted in said)
        above = sum(denied.place < place < denied.until for place in places)
        self.sums["acknowledged"] += len(said)
        self.sums["refused_as_muted"] += sum(each.word == "muted" for each in history.posted)
        self.sums["seen_by_a_viewer"] += len(watch.seen)
        self.sums["rows_in_the_table"] += len(history.stored)
        self.sums["offsets_above_a_mute"] += above
        late = sum(posted.at > heat.answered for posted in said)
        others = {each.word or each.outcome for each in history.posted} - {"muted", ACK}
        problems = check(history)
        problems += [f"{late} lines sent after the mute was answered"] if late else []
        problems += [f"refused otherwise: {', '.join(sorted(others))}"] if others else []
        problems += [f"{heat.deaf} connections were never told of it"] if heat.deaf else []
        return [f"{heat.name}: {problem}" for problem in problems]

    async def _turn(self, command: str, args: dict[str, object]) -> None:
        """Mute or unmute, and wait until the viewer has seen it."""
        before = len(self._viewer.watch.mutes)
        who = {"room": self._stage.room, "person": self._person}
        await self._moderator.call(command, {**who, **args})
        await self._stage.until(lambda: len(self._viewer.watch.mutes) > before, RUN_SECONDS)


@asynccontextmanager
async def _people(stage: Stage, name: str) -> AsyncIterator[Race]:
    """Bring in who posts, who moderates and who watches."""
    token, other = await asyncio.gather(
        new_member(stage.servers, f"Talker {name}", "member"), stage.moderator()
    )
    async with AsyncExitStack() as stack:
        viewer = Viewer(Watching(stage.url, stage.room, 0, 1), 0, {})
        await stack.enter_async_context(viewer.client)
        moderator = await stack.enter_async_context(Client(stage.url, token=other))
        hoses = [Hose(stage.url, token) for _ in range(CONNECTIONS)]
        for hose in hoses:
            await stack.enter_async_context(hose.client)
        await viewer.channel.subscribed()
        viewer.entered()
        yield Race(stage, hoses, moderator, viewer)


async def _published(stage: Stage) -> dict[str, float]:
    """Give how many lines each process has published."""
    values = await stage.metrics()
    return {who: n for (name, who), n in values.items() if name == "hiroba_publishes_total"}
