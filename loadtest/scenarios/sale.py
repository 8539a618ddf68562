"""More buyers than stock: what is sold is exactly what there is, in order, however it is asked."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import time
from typing import Final

from loadtest import api, cpu
from loadtest.chaos.processes import of_role
from loadtest.errors import CannotRun
from loadtest.hall import limits, told
from loadtest.options import Commands, add_out, count
from loadtest.report import Report, Row, Value
from loadtest.sale import rush, verdict
from loadtest.sale.buyers import Buyer
from loadtest.sale.shop import Shop
from loadtest.sale.stall import Stall, Watch, opened, stocked
from loadtest.servers import Servers, started

HOLD_SECONDS: Final = 5
LONG_SECONDS: Final = 600
ROLES: Final = ("gateway", "valkey", "worker")
SETTLED_SECONDS: Final = 120.0
STEP: Final = 0.2
WITH_BOTH: Final = 16
"""Buyers who come in at the same time."""


def add_parser(commands: Commands) -> None:
    """Add `sale`."""
    parser = commands.add_parser("sale", help="more buyers than stock; nothing is sold twice")
    add = parser.add_argument
    add("--buyers", type=count, default=500, help="who want one, each with two connections [500]")
    add("--stock", type=count, default=37, help="of what they want [37]")
    add("--gateways", type=count, default=4, help="between which they are spread [4]")
    add("--rush", type=count, default=5000, help="who reserve at the same moment [5000]")
    add("--reservations", type=count, default=20_000, help="made at full speed [20000]")
    add("--kill-redis", action="store_true", help="once, when a third is sold")
    add_out(parser)


async def run(chosen: argparse.Namespace) -> Report:
    """Sell out to buyers of every kind; then a rush, and as many reservations as it goes."""
    if chosen.reservations > rush.MOST_EACH * chosen.rush:
        raise CannotRun(f"at most {rush.MOST_EACH} reservations for each of --rush")
    report = Report("sale")
    settings = limits(2 * chosen.buyers + chosen.rush)
    report.facts = {
        "gateways": chosen.gateways,
        "on_the_same_cpus": "buyers, gateways, worker, Valkey, PostgreSQL",
        "settings": told(settings),
    }
    async with started(settings, chosen.gateways) as servers:
        stall = await opened(servers)
        await _sell_out(stall, chosen, report)
        await _rush(stall, chosen, report)
    return report


async def _sell_out(stall: Stall, chosen: argparse.Namespace, report: Report) -> None:
    stall = await stocked(stall, "stall", chosen.stock, HOLD_SECONDS)
    shop = Shop(stall.servers.urls[0], await _secret(stall))
    watch = Watch(stall)
    watching = asyncio.create_task(watch.run(), name="watch")
    buyers = await _come_in(stall, shop, chosen.buyers)
    began = time.monotonic()
    until = began + SETTLED_SECONDS
    buying = [asyncio.create_task(buyer.buy(until)) for buyer in buyers]
    try:
        if chosen.kill_redis:
            await _sold(stall, chosen.stock // 3, until)
            _kill_redis(stall.servers)
        over = await _sold(stall, chosen.stock, until)
        report.problems += [] if over else [f"not sold out after {SETTLED_SECONDS:.0f} s"]
        # Who pays too late does so now at the latest; the others wait for nothing any more.
        late = [task for buyer, task in zip(buyers, buying, strict=True) if buyer.has_one]
        if late:
            await asyncio.wait(late, timeout=2 * HOLD_SECONDS)
        seconds = time.monotonic() - began
    finally:
        for task in (watching, *buying):
            task.cancel()
        ended = await asyncio.gather(watching, *buying, return_exceptions=True)
        failed = {repr(each) for each in ended if isinstance(each, Exception)}
        report.problems += [f"a buyer or the watch failed: {each}" for each in sorted(failed)]
        await asyncio.gather(*(buyer.leave() for buyer in buyers))
        await shop.close()
    people = [buyer.told for buyer in buyers]
    report.problems += [*watch.problems, *await verdict.problems(stall, people)]
    if not watch.looks:
        report.problems.append("no snapshot could be taken")
    row = Row("sold out", chosen.buyers, more={"stock": chosen.stock, "seconds": round(seconds, 1)})
    row.more |= {"snapshots": watch.looks, "least_available": watch.least_available}
    row.more |= {"most_held": watch.most_held, "looks_refused": watch.away}
    for state, number in await stall.query(
        "SELECT state, count(*) FROM orders WHERE variant_id = $1 GROUP BY state",
        int(stall.variant),
    ):
        row.more[f"orders_{state}"] = number
    report.rows.append(row)


async def _come_in(stall: Stall, shop: Shop, people: int) -> list[Buyer]:
    slots = asyncio.Semaphore(WITH_BOTH)

    async def come_in(number: int) -> Buyer:
        async with slots:
            buyer = Buyer(stall, shop, number, await api.visitor_token(http, f"buyer {number}"))
            await buyer.come_in()
        return buyer

    async with api.client(stall.servers.urls[0]) as http:
        return await asyncio.gather(*(come_in(number) for number in range(people)))


async def _sold(stall: Stall, pieces: int, until: float) -> bool:
    """Wait until so many are sold; False when that takes too long."""
    sql = "SELECT sold FROM variants WHERE id = $1"
    while time.monotonic() < until:
        if (await stall.query(sql, int(stall.variant)))[0][0] >= pieces:
            return True
        await asyncio.sleep(STEP)
    return False


def _kill_redis(servers: Servers) -> None:
    """Kill the server that this run started; its supervisor starts it again."""
    [supervisor] = servers.processes["supervisor"]
    [pid] = of_role(supervisor, "valkey").values()
    os.kill(pid, signal.SIGKILL)


async def _secret(stall: Stall) -> str:
    """Agree with the community on what the shop signs with."""
    secret = secrets.token_urlsafe(32)
    await stall.query("UPDATE shop_settings SET secrets = ARRAY[$1]", secret)
    return secret


async def _rush(stall: Stall, chosen: argparse.Namespace, report: Report) -> None:
    few = await stocked(stall, "rush", chosen.stock, LONG_SECONDS)
    plenty = await stocked(stall, "plenty", chosen.reservations, LONG_SECONDS, None)
    async with rush.crowd(few, chosen.rush, "rusher") as callers:
        answers = await rush.rush(few, callers)
        report.problems += answers.problems(min(chosen.stock, chosen.rush))
        more: dict[str, Value] = {"stock": chosen.stock, "seconds": round(answers.seconds, 2)}
        more |= answers.words
        report.rows.append(Row("rush", chosen.rush, latency_ms=answers.shares(), more=more))
        before = _used(stall.servers)
        answers = await rush.full_speed(plenty, callers, chosen.reservations)
        used = _used(stall.servers)
    report.problems += answers.problems(chosen.reservations)
    held = answers.words["held"]
    more = {**answers.words, "per_second": round(held / max(answers.seconds, 1e-9))}
    more |= {
        f"{role}_cpu_us": round((used[role] - before[role]) / max(1, held), 1) for role in used
    }
    report.rows.append(Row("full speed", chosen.rush, latency_ms=answers.shares(), more=more))


def _used(servers: Servers) -> dict[str, float]:
    """Give the CPU time that all processes of a role have used, in µs."""
    [supervisor] = servers.processes["supervisor"]
    return {role: sum(map(cpu.of_process, of_role(supervisor, role).values())) for role in ROLES}
