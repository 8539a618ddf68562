"""Gateways whose clocks are wrong by minutes: order and every expiry are as on the right ones."""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from loadtest.chaos import viewers
from loadtest.chaos.accounts import Account
from loadtest.chaos.expiry import Expiry
from loadtest.chaos.outcome import scaled, told
from loadtest.chaos.play import Play, play
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
from loadtest.chaos.wrong import Gate, wrong_gateway
from loadtest.report import Report
from loadtest.swarm import Member
from server.client import Client, Item, Received

NAME: Final = "clock-wrong"
SHIFTS: Final = (300, -300, 3600, -3600)
"""Seconds; the first alone where the run is small."""
VIEWERS: Final = 500
"""Over all gateways."""
RATE: Final = 20.0
LINES: Final = 500
"""Of a member on each gateway, all at once, so that their clocks take turns."""
GAP: Final = 0.1
"""Seconds between two of them: what comes later than the window reaches says nothing of clocks."""
NEAR_MS: Final = 5_000
"""How far a stamp may be from the time of this machine, where Redis runs too."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--shift", type=int, action="append", help=f"seconds, of each {SHIFTS}")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Let people watch, talk and be moderated on right and wrong gateways alike."""
    shifts = options.shift or (SHIFTS if options.scale >= 1 else SHIFTS[:1])
    count = scaled(VIEWERS / (1 + len(shifts)), options, least=2)
    async with AsyncExitStack() as stack:
        started = (wrong_gateway(stage.servers, shift) for shift in shifts)
        wrong = await asyncio.gather(*(stack.enter_async_context(each) for each in started))
        gates = [Gate(stage.url), *wrong]
        running = await stack.enter_async_context(play(stage, viewers_count=count, rate=RATE))
        for gate in wrong:
            watching = viewers.Watching(gate.url, stage.room, 0, count, (), False)
            member = Member(f"viewers of {gate}", viewers.watch, watching)
            stack.push_async_callback(asyncio.to_thread, member.stop)
            await member.receive()
            running.audience.append(member)
        running.fault(f"clocks are wrong by {', '.join(f'{shift:+d} s' for shift in shifts)}")
        stamps = [Stamps(gate, stage.room) for gate in gates]
        for each in stamps:
            await stack.enter_async_context(each)
        lines = scaled(LINES, options)
        talks = (_talk(running, gate, number, lines) for number, gate in enumerate(gates))
        await asyncio.gather(*talks)
        running.fault("everybody has talked on every gateway")
        expiry = Expiry(stage, gates, running.run)
        running.problems += await expiry.problems()
        running.fault("everything that ends has ended")
        await running.settle()
        for each in stamps:
            running.problems += each.problems
    for number, watch in enumerate(running.history.watches):
        watch.viewer = f"viewer {number}"
    facts: dict[str, str | int | float] = {"gateways_with_a_wrong_clock": len(shifts)}
    return told(NAME, running, options, facts=facts | expiry.facts)


class Stamps(Client):
    """A reader of one gateway that looks at the times of what it is given."""

    def __init__(self, gate: Gate, room: str) -> None:
        """Read the whole room."""
        super().__init__(gate.url)
        self.problems: list[str] = []
        self._gate = gate
        self._last = 0
        self.channel(f"room:{room}", feed="full", handler=self._look)

    def _look(self, item: Item) -> None:
        if isinstance(item, Received):
            if item.at < self._last:
                self.problems.append(f"{self._gate}: {item.offset} is stamped before the last one")
            if item.live and abs(item.at - time.time() * 1000) > NEAR_MS:
                self.problems.append(f"{self._gate}: {item.offset} has a wrong time")
            self._last = item.at
            del self.problems[10:]


async def _talk(running: Play, gate: Gate, number: int, lines: int) -> None:
    """Let a member talk on one gateway."""
    account = await Account.sign_up(gate.url, f"Talker {running.run} {number}")
    try:
        async with Client(gate.url, token=account.tickets(gate.url)) as client:
            pour = Pour([client], running.stage.room, f"{running.run}-x{number}")
            await pour.steadily(lines, GAP)
            running.history.posted += pour.posted
    finally:
        await account.close()
