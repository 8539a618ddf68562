"""What it costs the gateway to take a comment: parse, validate, screen, publish, reply."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from loadtest import cpu
from loadtest.hall import Hall, hall, limits, median, per_delivery, ratio, told, yardstick
from loadtest.native.yardstick import Round
from loadtest.options import Commands, add_out, count, seconds
from loadtest.plots import Bar, bar_plot
from loadtest.publishers import Burst, Posted
from loadtest.report import Report, Row, joined
from loadtest.scenarios.idle import FRAME_BYTES, YARD_FRAMES, YARD_GAP
from loadtest.servers import started

REACH: Final = 12.0
WARM_UP: Final = Burst(200, 0.0)


def add_parser(commands: Commands) -> None:
    """Add `publish`."""
    parser = commands.add_parser("publish", help="CPU of a gateway for a comment that is posted")
    add = parser.add_argument
    add("--authors", type=count, default=100, help="who post over a connection each [100]")
    add("--rate", type=count, default=500, help="comments a second of the paced rounds [500]")
    add("--flood", type=count, default=5000, help="comments of a round at full speed [5000]")
    add("--rounds", type=count, default=3, help="of which the median is told [3]")
    add("--seconds", type=seconds, default=4.0, help="that a paced round takes [4]")
    add("--readers", type=count, default=1000, help="of the yardstick [1000]")
    add_out(parser)


@dataclass(frozen=True, slots=True)
class Taken:
    """One round: what was posted, and what each process used for it, in CPU µs."""

    posted: Posted
    used: dict[str, float]

    def each(self, role: str) -> float:
        """CPU µs of a process per comment."""
        return self.used[role] / max(1, self.posted.acknowledged)

    @property
    def rate(self) -> float:
        """Comments a second."""
        return self.posted.acknowledged / max(self.posted.seconds, 1e-9)


async def run(chosen: argparse.Namespace) -> Report:
    """Post at a pace and at full speed, with rounds of the yardstick between."""
    paced = Burst(max(3, round(chosen.seconds * chosen.rate)), 1 / chosen.rate)
    work = {"paced": paced, "full speed": Burst(chosen.flood)}
    rounds: dict[str, list[Taken]] = {name: [] for name in work}
    yards: list[Round] = []
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(started(limits(0), 1))
        room = await stack.enter_async_context(hall("publish", servers, authors=chosen.authors))
        yard = await stack.enter_async_context(yardstick(chosen.readers))
        await room.post(WARM_UP)
        for number in range(chosen.rounds):
            for name, burst in work.items():
                taken = await _post(room, burst)
                rounds[name].append(taken)
                print(
                    f"  round {number + 1}, {name}: {taken.each('gateway'):.0f} µs a comment "
                    f"at {taken.rate:,.0f}/s",
                    flush=True,
                )
            if yard is not None:
                yards.append(await yard.round(YARD_FRAMES, YARD_GAP, FRAME_BYTES))
    return tell(rounds, yards, chosen.readers)


async def _post(room: Hall, burst: Burst) -> Taken:
    roles = ("gateway", "valkey", "worker")
    pids = {role: room.servers.processes[role] for role in roles if role in room.servers.processes}
    before = {role: sum(map(cpu.of_process, each)) for role, each in pids.items()}
    posted = await room.post(burst)
    used = {role: sum(map(cpu.of_process, each)) - before[role] for role, each in pids.items()}
    return Taken(posted, used)


def tell(
    rounds: dict[str, Sequence[Taken]] | dict[str, list[Taken]],
    yards: Sequence[Round],
    readers: int,
) -> Report:
    """Give the report of all rounds."""
    report = Report("publish")
    yard = per_delivery(yards)
    for name, each in rounds.items():
        cost = median([taken.each("gateway") for taken in each])
        row = Row(f"Hiroba, {name}", 0, more={"cpu_us_per_comment": cost})
        in_yards = ratio(cost, yard)
        if in_yards is not None:
            row.more |= {"ratio_comment": in_yards, "reach": REACH}
        for role in ("valkey", "worker"):
            if all(role in taken.used for taken in each):
                row.more[f"{role}_cpu_us"] = median([taken.each(role) for taken in each])
        row.more["posts_per_second"] = round(median([taken.rate for taken in each]))
        mine = [taken.posted.cpu_us / max(1, taken.posted.acknowledged) for taken in each]
        row.more["publisher_cpu_us"] = median(mine)
        report.rows.append(row)
        report.problems += [problem for taken in each for problem in taken.posted.problems()]
    if yard is not None:
        report.rows.append(Row("C send()", readers, yard, 1.0))
    report.problems = joined([report.problems, *(each.problems for each in yards)])
    report.facts = {
        "measured": "the gateway that takes the comments; nobody reads the room",
        "on_the_same_cpus": "publisher, worker, Valkey, PostgreSQL",
        "settings": told(limits(0)),
    }
    bars = [
        Bar(row.name, float(row.more.get("ratio_comment", row.more["cpu_us_per_comment"])), REACH)
        for row in report.rows
        if "cpu_us_per_comment" in row.more
    ]
    unit = "ratio to C send()" if yard is not None else "µs"
    report.plots["publish.svg"] = bar_plot(f"CPU of the gateway per comment posted, {unit}", bars)
    return report
