"""Puts a running server to the work: one comment at a time, then many a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Final

from loadtest.errors import CannotRun
from loadtest.native.client import LoadClient
from loadtest.native.yardstick import Yardstick
from loadtest.peers.contender import Contender
from loadtest.peers.peer import PAYLOAD
from loadtest.peers.proc import Usage, usage
from loadtest.report import Row

GAP: Final = 0.005
"""Seconds of quiet after everybody has a comment, so that no two go out together."""
ROUND_SECONDS: Final = 3.0
"""After which a round of a slow server ends early."""
IDLE: Final = 5.0
"""Seconds without a delivery after which what is missing counts as lost."""
SETTLE: Final = 1.0
WARM_UP: Final = 3
BUSY_SECONDS: Final = 5.0
"""How long a server may need for what it is told in the busy part."""
LEAST_BUSY: Final = 5
YARDSTICK_PAUSE: Final = 20e-6
"""Seconds a reader between two frames of the yardstick: several times what they take."""


@dataclass(frozen=True, slots=True)
class Work:
    """What everybody does."""

    viewers: int
    rounds: int
    deliveries: int
    """In a round of one comment at a time."""
    rate: float
    """Comments a second in the busy part; 0 leaves it out."""
    most: int
    """Comments in the busy part."""

    @property
    def frames(self) -> int:
        """How many comments make a round."""
        return max(3, self.deliveries // self.viewers)


@dataclass(slots=True)
class Told:
    """What was sent, what arrived, and what it cost each group of processes."""

    comments: int = 0
    publications: int = 0
    frames: int = 0
    bytes: int = 0
    seconds: float = 0.0
    """Until the last delivery of each comment, together."""
    cpu_us: dict[str, float] = field(default_factory=dict)

    def each(self, group: str) -> float:
        """Give the CPU-µs for one delivered comment."""
        return self.cpu_us[group] / max(1, self.publications)

    def lost(self, viewers: int) -> int:
        """Give how many deliveries did not arrive."""
        return max(0, self.comments * viewers - self.publications)


@dataclass(slots=True)
class Outcome:
    """Everything measured of one server."""

    resident: dict[str, int]
    """Bytes by which each group grew while all viewers came in."""
    rounds: list[tuple[float, Told]] = field(default_factory=list)
    """What a frame cost the yardstick just before, in µs, and the round."""
    busy: Told | None = None


async def race(contender: Contender, yardstick: Yardstick, work: Work) -> Outcome:
    """Let all viewers in and measure; CannotRun where they do not come in or nothing arrives."""
    before = _usage(contender.processes)
    async with await LoadClient.open(contender.aim(work.viewers), contender.title) as client:
        await asyncio.sleep(SETTLE)
        after = _usage(contender.processes)
        outcome = Outcome({name: after[name].resident - before[name].resident for name in after})
        numbers = count()
        await _warm_up(contender, client, work, numbers)
        for _ in range(work.rounds):
            pause = max(GAP, YARDSTICK_PAUSE * work.viewers)
            c = await yardstick.round(work.frames, pause, PAYLOAD)
            told = await _round(contender, client, work, numbers)
            outcome.rounds.append((c.cpu_us_per_delivery, told))
        if work.rate:
            slowest = median(max(told.each(name) for name in after) for _, told in outcome.rounds)
            comments = int(BUSY_SECONDS * 1e6 / (slowest * work.viewers + 1))
            comments = max(LEAST_BUSY, min(work.most, comments))
            outcome.busy = await _busy(contender, client, work, comments, numbers)
    return outcome


async def _warm_up(
    contender: Contender, client: LoadClient, work: Work, numbers: Iterable[int]
) -> None:
    for _, number in zip(range(WARM_UP), numbers, strict=False):
        await client.reset()
        await contender.say(client, number)
        counts = await client.wait(work.viewers, IDLE)
        if counts.publications == work.viewers:
            return
    raise CannotRun(f"{counts.publications} of {work.viewers} viewers were told")


async def _round(
    contender: Contender, client: LoadClient, work: Work, numbers: Iterable[int]
) -> Told:
    """Say one comment after another, each when everybody has the one before."""
    told = Told()
    loop = asyncio.get_running_loop()
    before = _usage(contender.processes)
    end = loop.time() + ROUND_SECONDS
    for _, number in zip(range(work.frames), numbers, strict=False):
        await client.reset()
        await contender.say(client, number)
        counts = await client.wait(work.viewers, IDLE)
        _add(told, counts.publications, counts.frames, counts.bytes, counts.last)
        told.comments += 1
        await asyncio.sleep(GAP)
        if loop.time() > end:
            break
    told.cpu_us = _spent(before, _usage(contender.processes))
    return told


async def _busy(
    contender: Contender, client: LoadClient, work: Work, comments: int, numbers: Iterable[int]
) -> Told:
    """Say so many comments a second, whatever arrives meanwhile, and wait for all."""
    loop = asyncio.get_running_loop()
    await client.reset()
    before = _usage(contender.processes)
    start = loop.time()
    saying = []
    for index, number in zip(range(comments), numbers, strict=False):
        await asyncio.sleep(start + index / work.rate - loop.time())
        saying.append(asyncio.create_task(contender.say(client, number)))
    await asyncio.gather(*saying)
    counts = await client.wait(comments * work.viewers, IDLE)
    await asyncio.sleep(GAP)
    told = Told(comments, cpu_us=_spent(before, _usage(contender.processes)))
    _add(told, counts.publications, counts.frames, counts.bytes, counts.last)
    return told


def rows(contender: Contender, outcome: Outcome, work: Work) -> list[Row]:
    """Give the lines of the table: one for each group of processes."""
    last = outcome.rounds[-1][1]
    lost = sum(told.lost(work.viewers) for _, told in outcome.rounds)
    made = []
    for name, grown in outcome.resident.items():
        row = Row(
            name,
            work.viewers,
            cpu_us_per_delivery=median(told.each(name) for _, told in outcome.rounds),
            ratio_to_c_send=median(told.each(name) / c for c, told in outcome.rounds),
            rss_kb_per_connection=grown / 1024 / work.viewers,
        )
        row.more["bytes_per_frame"] = round(last.bytes / max(1, last.frames))
        row.more["ms_to_the_last_viewer"] = last.seconds * 1000 / max(1, last.comments)
        if (busy := outcome.busy) is not None:
            base = median(c for c, _ in outcome.rounds)
            row.more["busy_cpu_us_per_delivery"] = busy.each(name)
            row.more["busy_ratio_to_c_send"] = busy.each(name) / base
            row.more["busy_comments"] = busy.comments
            row.more["busy_comments_a_second"] = busy.comments / max(busy.seconds, 1e-9)
            lost += busy.lost(work.viewers)
        if lost:
            row.more["lost"] = lost
        row.more["version"] = contender.version
        made.append(row)
    return made


def yardstick_row(outcomes: Iterable[Outcome], work: Work) -> Row:
    """Give the yardstick's own line."""
    all_rounds = [c for outcome in outcomes for c, _ in outcome.rounds]
    row = Row("C send()", work.viewers, cpu_us_per_delivery=median(all_rounds), ratio_to_c_send=1.0)
    row.more["bytes_per_frame"] = PAYLOAD
    return row


def _add(told: Told, publications: int, frames: int, size: int, last: float) -> None:
    told.publications += publications
    told.frames += frames
    told.bytes += size
    told.seconds += last


def _usage(processes: Mapping[str, list[int]]) -> dict[str, Usage]:
    return {name: usage(pids) for name, pids in processes.items()}


def _spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    return {name: after[name].cpu_us - before[name].cpu_us for name in after}
