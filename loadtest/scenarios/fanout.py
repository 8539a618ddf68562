"""What one delivered frame costs, beside a C program that only calls `send()`, in the same run."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final

from loadtest import cpu
from loadtest.hall import (
    SHARED,
    WAYS,
    FanOut,
    Hall,
    alone,
    fan_out,
    in_yards,
    limits,
    median,
    processes,
    told,
    writers,
    yardstick,
)
from loadtest.native.client import Encoding, LoadClient, check_files, hiroba
from loadtest.native.yardstick import Round, Yardstick
from loadtest.options import Commands, add_out, count, seconds
from loadtest.plots import Bar, bar_plot
from loadtest.publishers import Burst
from loadtest.report import Report, Row, Value, cpu_of, joined
from loadtest.servers import new_room

VIEWERS: Final = (1000, 5000)
REACH_FRAME: Final = {"write": 1.15, "ring": 0.85}
REACH_COMMENT: Final = {"msgpack": 0.06, "json": 0.08}
LEAST_GAP: Final = 0.02
GAP_A_VIEWER: Final = 25e-6
"""Seconds between two comments for each viewer: the fan-out is over and nothing is batched."""


def add_parser(commands: Commands) -> None:
    """Add `fanout`."""
    parser = commands.add_parser("fanout", help="CPU of a delivered frame, beside C's send()")
    add = parser.add_argument
    add("--viewers", type=count, action="append", help="how many; may be repeated [1000, 5000]")
    add("--encoding", choices=("msgpack", "json"), action="append", help="[both]")
    add("--writer", choices=("write", "ring", "both", "auto"), default="both", help="[both]")
    add("--rate", type=count, default=1000, help="comments a second of the busy rounds [1000]")
    add("--rounds", type=count, default=3, help="of which the median is told [3]")
    add("--seconds", type=seconds, default=3.0, help="that a round takes [3]")
    add_out(parser)


@dataclass(slots=True)
class Measured:
    """All rounds of one audience in one encoding."""

    send: list[Round] = field(default_factory=list)
    ring: list[Round] = field(default_factory=list)
    paced: dict[str, list[FanOut]] = field(default_factory=dict)
    busy: dict[str, list[FanOut]] = field(default_factory=dict)


async def run(chosen: argparse.Namespace) -> Report:
    """Measure every audience in every encoding with every writer."""
    audiences: list[int] = chosen.viewers or list(VIEWERS)
    encodings: list[Encoding] = chosen.encoding or ["msgpack", "json"]
    check_files(max(audiences))
    report = Report("fanout")
    async with alone(await writers(chosen.writer), max(audiences)) as halls:
        first = next(iter(halls.values()))
        empty = await new_room(first.servers, f"empty-{secrets.token_hex(3)}")
        before = cpu.by_name(processes(halls))
        for viewers in audiences:
            for encoding in encodings:
                measured = await _measure(halls, empty, viewers, encoding, chosen)
                rows, problems = tell(measured, viewers, encoding)
                report.rows += rows
                report.problems = joined([report.problems, problems])
        report.cpu_seconds = cpu_of(before, cpu.by_name(processes(halls)))
    report.facts = {
        "measured": "the gateway that fans out, from Redis to the sockets; all its threads",
        "beside_it_on_these_cpus": SHARED,
        "settings": told(limits(max(audiences))),
        "company_of_the_yardstick": "the same, with as many comments for a room that nobody reads",
    }
    report.plots["fanout.svg"] = plot(report.rows)
    return report


async def _measure(
    halls: Mapping[str, Hall],
    empty: str,
    viewers: int,
    encoding: Encoding,
    chosen: argparse.Namespace,
) -> Measured:
    """Interleave rounds of ours and of the yardsticks, so that all meet the same machine."""
    measured = Measured()
    who = f"{viewers} viewers, {encoding}"
    gap = max(LEAST_GAP, viewers * GAP_A_VIEWER)
    paced = Burst(max(3, round(chosen.seconds / gap)), gap)
    busy = Burst(max(3, round(chosen.seconds * chosen.rate)), 1 / chosen.rate)
    company = replace(paced, room=empty)
    async with AsyncExitStack() as stack:
        clients = {
            writer: await stack.enter_async_context(await _enter(hall, viewers, encoding))
            for writer, hall in halls.items()
        }
        send = await stack.enter_async_context(yardstick(viewers))
        ring = await stack.enter_async_context(yardstick(viewers, "ring")) if send else None
        for writer, hall in halls.items():
            await hall.warm_up(clients[writer], viewers)
        for number in range(1, chosen.rounds + 1):
            for writer, hall in halls.items():
                done = await fan_out(hall, clients[writer], viewers, paced)
                measured.paced.setdefault(writer, []).append(done)
                _say(number, f"{who}, {WAYS[writer]}: {done.per_frame:.2f} µs a frame")
                host, size = hall, _size([done])
            await _yard(send, measured.send, host, company, size)
            await _yard(ring, measured.ring, host, company, size)
            for writer, hall in halls.items():
                done = await fan_out(hall, clients[writer], viewers, busy)
                measured.busy.setdefault(writer, []).append(done)
                cost = f"{done.per_comment:.3f} µs a comment at {_rate(done):,.0f}/s"
                _say(number, f"{who}, {WAYS[writer]}: {cost}")
    return measured


async def _enter(hall: Hall, viewers: int, encoding: Encoding) -> LoadClient:
    return await LoadClient.open(hiroba(hall.url, hall.channel, viewers, encoding))


async def _yard(
    yard: Yardstick | None, rounds: list[Round], hall: Hall, company: Burst, size: int
) -> None:
    """Run the yardstick in the company that ours has: as much is posted, where nobody reads it."""
    if yard is not None:
        burst = yard.round(company.comments, company.gap, size)
        done, _ = await asyncio.gather(burst, hall.post(company))
        rounds.append(done)


def _rate(done: FanOut) -> float:
    return done.posted.acknowledged / max(done.posted.seconds, 1e-9)


def _say(number: int, text: str) -> None:
    print(f"  round {number}: {text}", flush=True)


def tell(measured: Measured, viewers: int, encoding: str) -> tuple[list[Row], list[str]]:
    """Give the rows of one audience, and what went wrong."""
    rows = []
    for name, yards in (("C send()", measured.send), ("C io_uring", measured.ring)):
        if yards:
            yard = [each.cpu_us_per_delivery for each in yards]
            in_send = in_yards(yard, measured.send)
            rows.append(Row(name, viewers, median(yard), in_send, more={"encoding": encoding}))
    for writer, rounds in measured.paced.items():
        costs = [each.per_frame for each in rounds]
        cost, in_send = median(costs), in_yards(costs, measured.send)
        more: dict[str, Value] = {"encoding": encoding, "work": "paced frames"}
        if writer in REACH_FRAME:
            more["reach"] = REACH_FRAME[writer]
        more["frame_bytes"] = _size(rounds)
        more["client_cpu_us"] = _sum(rounds, "cpu_us") / max(1, _sum(rounds, "frames"))
        rows.append(Row(f"Hiroba {WAYS[writer]}", viewers, cost, in_send, more=more))
    for writer, rounds in measured.busy.items():
        costs = [each.per_comment for each in rounds]
        cost, in_send = median(costs), in_yards(costs, measured.send)
        publications = max(1, _sum(rounds, "publications"))
        more = {
            "encoding": encoding,
            "work": "busy comments",
            "reach": REACH_COMMENT[encoding],
            "frame_bytes": _size(rounds),
            "client_cpu_us": _sum(rounds, "cpu_us") / publications,
            "comments_per_second": round(median([_rate(each) for each in rounds])),
            "comments_a_frame": publications / max(1, _sum(rounds, "frames")),
        }
        rows.append(Row(f"Hiroba {WAYS[writer]}", viewers, cost, in_send, more=more))
    problems = [problem for each in (*measured.send, *measured.ring) for problem in each.problems]
    for kind in (measured.paced, measured.busy):
        for writer, rounds in kind.items():
            who = f"{viewers} viewers, {encoding}, {WAYS[writer]}"
            problems += [problem for each in rounds for problem in each.problems(who)]
    return rows, problems


def _size(rounds: Sequence[FanOut]) -> int:
    """Give the bytes of a message, on average."""
    return round(_sum(rounds, "bytes") / max(1, _sum(rounds, "frames")))


def _sum(rounds: Sequence[FanOut], name: str) -> float:
    return float(sum(getattr(each.counts, name) for each in rounds))


def plot(rows: Sequence[Row]) -> str:
    """Draw every row as a ratio to C's send(), or in µs where there was no yardstick."""
    whole = all(row.ratio_to_c_send is not None for row in rows)
    bars = []
    for row in rows:
        figure = row.ratio_to_c_send if whole else row.cpu_us_per_delivery
        work = f", {row.more['work']}" if "work" in row.more else ""
        label = f"{row.name}, {row.viewers:,} viewers, {row.more['encoding']}{work}"
        reach = row.more.get("reach") if whole else None
        bars.append(Bar(label, figure or 0.0, float(reach) if reach is not None else None))
    unit = "ratio to C send()" if whole else "µs"
    return bar_plot(f"CPU of the server per delivery, {unit}", bars)
