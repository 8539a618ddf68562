"""One run on a stage: viewers and posters in processes of their own, and the history they make."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from loadtest.chaos import posters, processes, viewers
from loadtest.chaos.history import History, Line, Place, Posted
from loadtest.chaos.stage import Stage
from loadtest.swarm import Member
from server.client import Client

REACH_SECONDS: Final = 60.0
STORE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Play:
    """Viewers that watch and posters that post, while the scenario breaks something."""

    stage: Stage
    run: str
    audience: list[Member]
    crowd: Member
    history: History = field(default_factory=History)
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _moderator: Client | None = None

    def fault(self, text: str) -> float:
        """Note what is being done to the servers; gives the time."""
        now = time.monotonic()
        self.history.faults.append((now, text))
        print(f"  {now - self.began:6.1f} s  {text}", flush=True)
        return now

    # The crowd.

    async def attempts(self) -> list[Posted]:
        """Give what was posted since this was last asked."""
        new: list[Posted] = await _ask(self.crowd, "attempts", None)
        self.history.posted += new
        return new

    async def posted(self, count: int, seconds: float = REACH_SECONDS) -> Place:
        """Wait until so many more lines are acknowledged; gives the newest place."""
        deadline = time.monotonic() + seconds
        wanted = len(self.history.acknowledged()) + count
        while len(self.history.acknowledged()) < wanted:
            if time.monotonic() > deadline:
                self.problems.append(f"{count} lines were not acknowledged in {seconds:g} s")
                break
            await asyncio.sleep(0.05)
            await self.attempts()
        return self.top()

    async def mute(self, author: str) -> dict[str, Any]:
        """Let the moderator mute somebody for good; gives the reply. The checker knows of it."""
        args = {"room": self.stage.room, "person": author, "seconds": None, "reason": "chaos"}
        return await self._moderate("person.mute", args)

    async def unmute(self, author: str) -> dict[str, Any]:
        """Let the moderator free somebody."""
        args = {"room": self.stage.room, "person": author, "reason": "chaos"}
        return await self._moderate("person.unmute", args)

    async def _moderate(self, command: str, args: dict[str, Any]) -> dict[str, Any]:
        if self._moderator is None:
            self._moderator = Client(self.stage.url, token=await self.stage.moderator())
            await self._moderator.open()
        return await self._moderator.call(command, args)

    async def close(self) -> None:
        """Let the moderator go."""
        if self._moderator is not None:
            await self._moderator.close()

    async def pause(self, paused: bool = True) -> None:
        """Let nobody begin a new line for a while, or let them go on."""
        await _ask(self.crowd, "pause", paused)

    def top(self) -> Place:
        """Give the newest place that was acknowledged."""
        places = (each.line.place for each in self.history.acknowledged())
        return max(places, default=(0, 0))

    # The audience.

    async def reach(self, place: Place, seconds: float = REACH_SECONDS) -> int:
        """Wait until all viewers stand at a place; gives how many do not in time."""
        return sum(await self._all("reach", viewers.Reach(place, seconds)))

    async def connected(self, seconds: float = REACH_SECONDS) -> int:
        """Wait until all viewers are connected; gives how many are not in time."""
        return sum(await self._all("connected", seconds))

    async def gateways(self) -> dict[str, str]:
        """Name for every light viewer the gateway that has its connection now."""
        answers = await self._all("ports", None)
        ports = {viewer: port for answer in answers for viewer, port in answer.items()}
        found = processes.at_other_end(self.stage.pids("gateway"), set(ports.values()))
        return {viewer: found[port] for viewer, port in ports.items() if port in found}

    async def stop_reading(self, count: int) -> int:
        """Let so many viewers of the first process read nothing any more."""
        return int(await _ask(self.audience[0], "stop_reading", count))

    async def _all(self, question: str, argument: Any) -> list[Any]:
        asked = (_ask(member, question, argument) for member in self.audience)
        return list(await asyncio.gather(*asked))

    # The table.

    async def save(self, seconds: float = STORE_SECONDS) -> list[Line]:
        """Wait until the table has all that was acknowledged and is not lost; gives its rows."""
        deadline = time.monotonic() + seconds
        while True:
            rows = await self.stage.stored(self.run)
            known = {(row.author, row.client_message_id) for row in rows}
            missing = [
                line
                for posted in self.history.acknowledged()
                if not posted.unsaved
                and ((line := posted.line).author, line.client_message_id) not in known
                and not any(lost.covers(line.place) for lost in self.history.lost)
            ]
            if not missing or time.monotonic() > deadline:
                return rows
            await asyncio.sleep(0.1)

    async def settle(self) -> History:
        """Bring every line to its end, let everybody arrive, and gather the whole history."""
        self.history.posted += await _ask(self.crowd, "finish", None)
        late = await self.reach(self.top())
        if late:
            self.problems.append(f"{late} viewers do not stand at the end after {REACH_SECONDS} s")
        self.history.stored = await self.save()
        for watches in await self._all("watches", None):
            self.history.watches += watches
        self.history.deny_muted()
        return self.history


@asynccontextmanager
async def play(
    stage: Stage,
    *,
    viewers_count: int,
    rate: float,
    posters_count: int = 8,
    speakers: Sequence[str] = (),
    named: int = 0,
    processes: int = 1,
    whole: int = 0,
    ending: str = "",
) -> AsyncIterator[Play]:
    """Bring everybody in, and begin to post.

    `rate` lines a second are posted by `posters_count` visitors, and by `speakers` (tokens); each
    text ends with `ending`.
    `named` of the tokens that viewers share make them visitors; 0 leaves them nameless. `whole`
    viewers more are complete clients over `websockets`. Each process has a share of the viewers.
    """
    run = stage.next_run()
    played: Play | None = None
    visitors = await posters.tokens(stage.url, posters_count + named, run)
    speaking, watching = (*visitors[:posters_count], *speakers), visitors[posters_count:]
    members: list[Member] = []
    try:
        edges = [viewers_count * n // processes for n in range(processes + 1)]
        shares = [(a, b - a) for a, b in pairwise(edges) if b > a]
        for first, count in shares:
            # The last process has the complete ones too.
            more = whole if first + count == viewers_count else 0
            wanted = viewers.Watching(stage.url, stage.room, first, count, watching, more)
            members.append(Member(f"viewers {first}", viewers.watch, wanted))
        posting = posters.Posting(stage.url, stage.room, speaking, rate, run, ending)
        crowd = Member("posters", posters.post, posting)
        members.append(crowd)
        for member in members:
            await member.receive()
        played = Play(stage, run, members[:-1], crowd)
        played.fault(f"{viewers_count + whole} viewers and {len(speaking)} posters are in")
        await _ask(crowd, "begin", None)
        yield played
    finally:
        stage.thaw()
        if played is not None:
            await played.close()
        for member in members:
            await asyncio.to_thread(member.stop)


async def _ask(member: Member, question: str, argument: Any) -> Any:
    member.send((question, argument))
    return await member.receive()


def at_share(values: Sequence[float], share: float) -> float:
    """Give the value that this share (0 to 1) does not exceed; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
