"""What a viewer costs who only sits there, and what it costs to come in."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from typing import Final

from loadtest import cpu
from loadtest.hall import limits, per_delivery, ratio, told, yardstick
from loadtest.native.client import Encoding, LoadClient, check_files, hiroba
from loadtest.native.yardstick import Round
from loadtest.options import Commands, add_out, count
from loadtest.plots import Bar, bar_plot
from loadtest.report import Report, Row, joined
from loadtest.servers import Servers, new_room, started

REACH_KB: Final = 4.0
REACH_CONNECT: Final = 60.0
YARD_READERS: Final = 1000
YARD_FRAMES: Final = 40
YARD_GAP: Final = 0.025
FRAME_BYTES: Final = 290
"""A push of one comment, as the publisher of the load tests writes it, in msgpack."""
STEADY_BYTES: Final = 64 * 1024
STEADY_SECONDS: Final = 2.0
LONGEST: Final = 30.0


def add_parser(commands: Commands) -> None:
    """Add `idle`."""
    parser = commands.add_parser("idle", help="memory of an idle viewer, CPU of coming in")
    add = parser.add_argument
    add("--viewers", type=count, default=10_000, help="[10000]")
    add("--encoding", choices=("msgpack", "json"), default="msgpack", help="[msgpack]")
    add("--window", type=count, default=256, help="connections that come in at once [256]")
    add("--rounds", type=count, default=3, help="of the yardstick [3]")
    add_out(parser)


async def run(chosen: argparse.Namespace) -> Report:
    """Let everybody in, and look at the gateway before and after."""
    viewers: int = chosen.viewers
    check_files(viewers)
    report = Report("idle")
    async with started(limits(viewers), 1) as servers:
        room = await new_room(servers, f"idle-{secrets.token_hex(3)}")
        rounds = await _yard(min(viewers, YARD_READERS), chosen.rounds)
        row, problems = await _fill(servers, room, chosen)
    cost = per_delivery(rounds)
    if cost is not None:
        row.more["ratio_connect"] = float(row.more["cpu_us_per_connect"]) / cost
        row.more["reach_connect"] = REACH_CONNECT
        report.rows.append(Row("C send()", min(viewers, YARD_READERS), cost, ratio(cost, cost)))
    report.rows.insert(0, row)
    report.problems = joined([problems, *(each.problems for each in rounds)])
    report.facts = {
        "measured": "one gateway process; nameless viewers, connected and subscribed to one room",
        "on_the_same_cpus": "load client, worker, Valkey, PostgreSQL",
        "settings": told(limits(viewers)),
    }
    kilobytes = row.rss_kb_per_connection or 0.0
    bars = [Bar("KB of an idle viewer", kilobytes, REACH_KB)]
    report.plots["idle.svg"] = bar_plot("Resident memory of a connected, subscribed viewer", bars)
    return report


async def _fill(servers: Servers, room: str, chosen: argparse.Namespace) -> tuple[Row, list[str]]:
    gateway, viewers = servers.processes["gateway"][0], chosen.viewers
    encoding: Encoding = chosen.encoding
    empty = await _steady(gateway)
    before = cpu.of_process(gateway)
    aim = hiroba(servers.urls[0], f"room:{room}", viewers, encoding, window=chosen.window)
    async with await LoadClient.open(aim) as client:
        used = cpu.of_process(gateway) - before
        took = float(client.ready["seconds"])
        full = await _steady(gateway)
        print(
            f"  {viewers} viewers came in in {took:.1f} s: {used / viewers:.0f} µs each, "
            f"{(full - empty) / 1024 / viewers:.2f} KB each",
            flush=True,
        )
        problems = (await client.count()).problems("idle")
        row = Row(
            "Hiroba idle",
            viewers,
            rss_kb_per_connection=(full - empty) / 1024 / viewers,
            more={
                "encoding": encoding,
                "reach_rss_kb": REACH_KB,
                "rss_mb_at_0": empty / 2**20,
                "rss_mb_full": full / 2**20,
                "cpu_us_per_connect": used / viewers,
                "connects_per_second": round(viewers / max(took, 1e-9)),
                "client_cpu_us_per_connect": float(client.ready["cpu_us"]) / viewers,
            },
        )
    return row, problems


async def _steady(pid: int) -> int:
    """Give the resident memory once it no longer moves, or after a bound."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST
    since, size = loop.time(), cpu.resident(pid)
    while loop.time() < end and loop.time() - since < STEADY_SECONDS:
        await asyncio.sleep(0.1)
        now = cpu.resident(pid)
        if abs(now - size) > STEADY_BYTES:
            since, size = loop.time(), now
    return cpu.resident(pid)


async def _yard(readers: int, rounds: int) -> list[Round]:
    async with yardstick(readers) as yard:
        if yard is None:
            return []
        return [await yard.round(YARD_FRAMES, YARD_GAP, FRAME_BYTES) for _ in range(rounds)]
