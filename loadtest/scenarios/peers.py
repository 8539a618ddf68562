"""Puts Hiroba, the C yardstick and whichever peers are installed to the same work in one run."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadtest import options
from loadtest.errors import CannotRun
from loadtest.native.yardstick import Yardstick
from loadtest.peers.catalogue import PEERS
from loadtest.peers.contender import Contender, running
from loadtest.peers.hiroba import running_hiroba
from loadtest.peers.peer import Found, Missing, Tools
from loadtest.peers.plot import plot
from loadtest.peers.race import Outcome, Work, race, rows, yardstick_row
from loadtest.report import Report, Row
from server.client import Refused

VIEWERS: Final = [1000, 5000]
HIROBA: Final = "hiroba"


@dataclass(slots=True)
class Field:
    """Who takes part, and what became of those who did not."""

    present: dict[str, Found] = field(default_factory=dict)
    ways: list[str] = field(default_factory=list)
    """Of Hiroba's fan-out; "" is as it starts by itself."""
    missing: dict[str, str] = field(default_factory=dict)


def add_parser(commands: options.Commands) -> None:
    """Add `peers`."""
    parser = commands.add_parser("peers", help="the same work for Hiroba and its peers")
    add = parser.add_argument
    add("--viewers", type=options.count, nargs="+", default=VIEWERS, help="[1000 5000]")
    add("--peers", type=_names, help=f"only these, of: {HIROBA},{','.join(PEERS)}")
    add("--rounds", type=options.count, default=3, help="of which the median counts [3]")
    add("--deliveries", type=options.count, default=50_000, help="in a round [50000]")
    add("--rate", type=float, default=200.0, help="comments a second when busy; 0: none [200]")
    add("--comments", type=options.count, default=400, help="when busy, at most [400]")
    add("--ways", default="", help="HIROBA_FAN_OUT to compare, as write,ring")
    add("--python", default=sys.executable, help="a Python that has the peers in Python")
    add("--node-modules", type=Path, help="a folder node_modules that has ws")
    add("--nginx", default="nginx", help="path of nginx")
    add("--nchan", type=Path, help=f"path of nchan's module {'ngx_nchan_module.so'}")
    add("--nats", default="nats-server", help="path of nats-server")
    add("--centrifugo", default="centrifugo", help="path of Centrifugo 6")
    options.add_out(parser)


async def run(chosen: argparse.Namespace) -> Report:
    """Measure all that is there; CannotRun without a C compiler, or with nobody to measure."""
    report = Report("peers")
    measuring = asyncio.create_task(_measure_all(chosen, report))
    # What was started ends with us, also when we are told to end.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, measuring.cancel)
    await asyncio.wait([measuring])
    if measuring.cancelled():
        report.problems.append("told to end before everybody was measured")
    else:
        measuring.result()
    if not report.rows:
        raise CannotRun("nothing could be measured")
    report.plots["peers.svg"] = plot(report.rows, chosen.rate, report.machine)
    return report


async def _measure_all(chosen: argparse.Namespace, report: Report) -> None:
    there = _field(chosen)
    for name, install in there.missing.items():
        report.facts[f"missing {name}"] = install
        print(f"  missing       {name}: {install}", flush=True)
    for viewers in chosen.viewers:
        work = Work(viewers, chosen.rounds, chosen.deliveries, chosen.rate, chosen.comments)
        await _compare(there, work, report)


async def _compare(there: Field, work: Work, report: Report) -> None:
    """Measure everybody with so many viewers, one after the other beside the yardstick."""
    outcomes: list[Outcome] = []
    lines: list[Row] = []
    try:
        async with Yardstick(work.viewers) as yardstick:
            for name, contender in _contenders(there, work.viewers):
                try:
                    outcome, made = await _measure(contender, yardstick, work)
                except (CannotRun, Refused) as error:
                    _fail(report, f"{name} with {work.viewers} viewers", str(error))
                    continue
                outcomes.append(outcome)
                lines += made
    finally:
        if outcomes:
            report.rows.append(yardstick_row(outcomes, work))
            report.rows += sorted(lines, key=lambda row: row.ratio_to_c_send or 0.0)
    for row in lines:
        if row.name.startswith("Hiroba") and "lost" in row.more:
            report.problems.append(f"{row.name} lost {row.more['lost']} deliveries")


def _fail(report: Report, who: str, why: str) -> None:
    """Tell that somebody could not be measured; only for Hiroba is that a problem."""
    print(f"  failed        {who}: {why}", flush=True)
    report.facts[f"failed {who}"] = why
    if who.startswith(HIROBA):
        report.problems.append(f"{who}: {why}")


async def _measure(
    contender: AbstractAsyncContextManager[Contender], yardstick: Yardstick, work: Work
) -> tuple[Outcome, list[Row]]:
    start = time.monotonic()
    async with contender as server:
        outcome = await race(server, yardstick, work)
        made = rows(server, outcome, work)
    took = time.monotonic() - start
    for row in made:
        print(
            f"  {work.viewers:>6} viewers  {row.ratio_to_c_send:6.2f} × C send()"
            f"  {took:4.0f} s  {row.name}",
            flush=True,
        )
    return outcome, made


def _contenders(
    there: Field, viewers: int
) -> list[tuple[str, AbstractAsyncContextManager[Contender]]]:
    ours = [(f"{HIROBA} {way}".strip(), _hiroba(viewers, way)) for way in there.ways]
    return [*ours, *((name, _peer(name, found)) for name, found in there.present.items())]


@asynccontextmanager
async def _hiroba(viewers: int, way: str) -> AsyncIterator[Contender]:
    async with running_hiroba(viewers, way) as ours:
        yield ours


@asynccontextmanager
async def _peer(name: str, found: Found) -> AsyncIterator[Contender]:
    async with running(PEERS[name], found) as theirs:
        yield theirs


def _field(chosen: argparse.Namespace) -> Field:
    """Look for everybody who is wanted."""
    tools = Tools(
        python=chosen.python,
        node_modules=chosen.node_modules,
        nginx=chosen.nginx,
        nchan=chosen.nchan,
        nats=chosen.nats,
        centrifugo=chosen.centrifugo,
    )
    there = Field()
    for name in chosen.peers or [HIROBA, *PEERS]:
        if name == HIROBA:
            there.ways = chosen.ways.split(",")
            continue
        found = PEERS[name].find(tools)
        if isinstance(found, Missing):
            there.missing[name] = found.install
        else:
            there.present[name] = found
    return there


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name != HIROBA and name not in PEERS]
    if unknown:
        known = ", ".join([HIROBA, *PEERS])
        raise argparse.ArgumentTypeError(f"no peer {unknown[0]!r}; there are {known}")
    return names
