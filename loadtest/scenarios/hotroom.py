"""How many deliveries a second one gateway process manages in a hot room, and how late they are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Final

from loadtest import cpu
from loadtest.hall import (
    AUTHORS,
    SHARED,
    WAYS,
    FanOut,
    Hall,
    alone,
    fan_out,
    hall,
    limits,
    processes,
    told,
    writers,
)
from loadtest.holds import REACH_MS, WATCHED, holds
from loadtest.native.client import Encoding, LoadClient, check_files, hiroba
from loadtest.options import Commands, add_out, count, seconds
from loadtest.plots import Bar, bar_plot
from loadtest.publishers import Burst
from loadtest.report import Report, Row, cpu_of, joined
from loadtest.servers import started

SAMPLED: Final = 20
"""Connections of the second client, on which latency is measured."""
REACH: Final = 1_000_000
REACH_P99: Final = 250.0


def add_parser(commands: Commands) -> None:
    """Add `hotroom`."""
    parser = commands.add_parser("hotroom", help="deliveries a second of one gateway in a hot room")
    add = parser.add_argument
    add("--viewers", type=count, default=5000, help="[5000]")
    add(
        "--rate", type=count, action="append", help="comments a second; may be repeated [300, 1000]"
    )
    add("--seconds", type=seconds, default=10.0, help="for each rate [10]")
    add("--encoding", choices=("msgpack", "json"), default="msgpack", help="[msgpack]")
    add("--writer", choices=("write", "ring", "auto"), default="auto", help="[auto]")
    add(
        "--entrance",
        choices=("other", "own"),
        default="other",
        help="where comments come in:"
        " by a gateway beside the measured one, or by that one too [other]",
    )
    add_out(parser)


async def run(chosen: argparse.Namespace) -> Report:
    """Fill the room and post at each rate."""
    check_files(chosen.viewers + SAMPLED)
    asked = (await writers(chosen.writer))[0]
    report = Report("hotroom")
    if chosen.entrance == "other":
        async with alone([asked], chosen.viewers, **WATCHED) as halls:
            await _measure(report, asked, halls, chosen)
    else:
        raised = {**limits(chosen.viewers), **WATCHED}
        async with started(raised, 1) as servers, hall("hall", servers, authors=AUTHORS) as made:
            await _measure(report, asked, {asked: made}, chosen)
    entrance = "the measured gateway" if chosen.entrance == "own" else "a gateway beside it"
    report.facts |= {
        "comments_come_in_by": entrance,
        "on_the_same_cpus": SHARED,
        "settings": told(limits(chosen.viewers)),
    }
    label = "deliveries a second of one gateway process"
    bars = [
        Bar(f"{row.viewers:,} viewers, {row.more['comments_per_second']}/s", _rate_of(row), REACH)
        for row in report.rows
    ]
    report.plots["hotroom.svg"] = bar_plot(label, bars)
    return report


def _rate_of(row: Row) -> float:
    return float(row.more["deliveries_per_second"])


async def _measure(
    report: Report, writer: str, halls: Mapping[str, Hall], chosen: argparse.Namespace
) -> None:
    room, viewers, encoding = halls[writer], chosen.viewers, chosen.encoding
    sampling = hiroba(room.url, room.channel, SAMPLED, encoding, latency=True)
    begun = await holds(room.servers)
    async with (
        await LoadClient.open(hiroba(room.url, room.channel, viewers, encoding)) as client,
        await LoadClient.open(sampling, "sampling client") as sampler,
    ):
        await room.warm_up(client, viewers)
        entering = (await holds(room.servers)).since(begun)
        report.facts["loop_held_by_others_while_all_came_in"] = str(entering)
        before = cpu.by_name(processes(halls))
        for rate in chosen.rate or [300, 1000]:
            burst = Burst(max(3, round(chosen.seconds * rate)), 1 / rate)
            await sampler.reset()
            held = await holds(room.servers)
            done = await fan_out(room, client, viewers, burst)
            sampled = await sampler.wait(done.posted.acknowledged * SAMPLED, 5.0)
            latency = await sampler.latency()
            row = tell(done, writer, viewers, encoding, latency)
            held = (await holds(room.servers)).since(held)
            row.more |= {
                "loop_held_ms": held.longest_ms,
                "loop_held_above_5_ms": held.above(REACH_MS),
            }
            print(
                f"  {viewers} viewers at {rate}/s: {_rate_of(row):,.0f} deliveries/s, "
                f"p99 {latency['p99']:.0f} ms; loop held by anything but fan-out: {held}",
                flush=True,
            )
            report.rows.append(row)
            problems = done.problems(f"{rate}/s")
            problems += sampled.problems(f"{rate}/s, sampled", done.posted.acknowledged)
            report.problems = joined([report.problems, problems])
        report.cpu_seconds = cpu_of(before, cpu.by_name(processes(halls)))


def tell(
    done: FanOut, writer: str, viewers: int, encoding: Encoding, latency: Mapping[str, float]
) -> Row:
    """Give the row of one rate."""
    seconds = max(done.counts.last - done.counts.first, 1e-9)
    frames = max(1, done.counts.frames)
    return Row(
        f"Hiroba {WAYS[writer]}",
        viewers,
        done.per_comment,
        latency_ms={name: round(latency[name], 2) for name in ("p50", "p95", "p99")},
        more={
            "encoding": encoding,
            "deliveries_per_second": round(done.counts.publications / seconds),
            "reach": REACH,
            "reach_p99_ms": REACH_P99,
            "comments_per_second": round(done.posted.acknowledged / max(done.posted.seconds, 1e-9)),
            "comments_a_frame": done.counts.publications / frames,
            "gateway_share_of_a_cpu": done.cpu_us / 1e6 / max(done.seconds, 1e-9),
            "client_share_of_a_cpu": done.counts.cpu_us / 1e6 / max(done.counts.seconds, 1e-9),
            "publisher_share_of_a_cpu": done.posted.cpu_us / 1e6 / max(done.posted.seconds, 1e-9),
        },
    )
