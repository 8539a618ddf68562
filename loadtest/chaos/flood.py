"""More is said and watched than the machine can carry; what is left out is told, in its order."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from loadtest import options as reading
from loadtest.chaos.history import History
from loadtest.chaos.outcome import scaled, told
from loadtest.chaos.play import play
from loadtest.chaos.sampled import SampledViewer
from loadtest.chaos.stage import Stage
from loadtest.chaos.team import Team
from loadtest.native.client import LoadClient, hiroba
from loadtest.report import Report, Value

NAME: Final = "flood"
LIMITS: Final = {"HIROBA_BACKLOG_CAP": "5000000"}
CROWD: Final = 6000
RATE: Final = 400
LEAST_RATE: Final = 60
POSTERS: Final = 40
SAMPLED: Final = 8
TEXT: Final = " 広場で市がひらかれる" * 26
SECONDS: Final = 30.0
LEAST_SECONDS: Final = 3.0
SHOWN_SECONDS: Final = 30.0
REST_SECONDS: Final = 120.0
EVERY: Final = 0.5
"""Seconds between two times that the team does something."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--crowd", type=reading.count, default=CROWD, help=f"viewers of the full feed [{CROWD}]")
    add("--rate", type=reading.count, default=RATE, help=f"lines a second [{RATE}]")
    text = "step that has to be reached, judged in a timed run [4]"
    add("--step", type=int, choices=range(6), default=4, help=text)


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Pour long lines over a crowd, with the team at work in between; then let it rest."""
    crowd, talkers = scaled(options.crowd, options, least=20), scaled(POSTERS, options, least=6)
    seconds = max(LEAST_SECONDS, SECONDS * options.scale)
    team = Team(stage)
    async with AsyncExitStack() as stack:
        await team.come_in(stack)
        aim = hiroba(stage.url, f"room:{stage.room}", crowd, "msgpack")
        many = await stack.enter_async_context(await LoadClient.open(aim))
        sampled = [SampledViewer(stage, number) for number in range(SAMPLED)]
        for viewer in sampled:
            stack.push_async_callback(viewer.client.close)
            await viewer.open()
        crowding = play(
            stage,
            viewers_count=10,
            rate=max(LEAST_RATE, options.rate * options.scale),
            posters_count=talkers,
            # The team is not slowed down, and nothing that it says may be left out.
            speakers=[await stage.moderator()] * talkers,
            whole=2,
            ending=TEXT,
        )
        running = await stack.enter_async_context(crowding)
        team.run = running.run
        team.done.clear()
        began = running.fault(f"{crowd} more viewers, and long lines for {seconds:g} s")
        while time.monotonic() < began + seconds:
            await running.attempts()
            await team.work(running.history)
            await asyncio.sleep(EVERY)
        running.fault("it rests")
        await team.say("that is all")
        running.history.posted += team.posted
        await running.settle()
        end = running.top()
        late = await asyncio.gather(*(viewer.reach(end, SHOWN_SECONDS) for viewer in sampled))
        running.problems += ["the sampled feed does not come to its end"] * (not all(late))
        counts, metrics = await many.count(), await stage.metrics()
        if not options.untimed:
            rests = await asyncio.gather(*(viewer.rested(REST_SECONDS) for viewer in sampled))
            running.problems += ["the load was not told to be over"] * (not all(rests))
    guaranteed = [*team.done, *_of_staff(running.history)]
    for viewer in sampled:
        running.problems += viewer.problems(guaranteed)
    for name in ("holes", "repeated"):
        if count := getattr(counts, name):
            running.problems.append(f"the crowd: {count} {name}")
    steps = _told(sampled, began)
    highest = max(steps, default=0)
    if not options.untimed and highest < options.step:
        running.problems.append(f"only step {highest} was reached: flood it more")
    shed = sum(value for (name, _), value in metrics.items() if name == "hiroba_shed_total")
    facts: dict[str, Value] = {
        "crowd_deliveries": counts.publications,
        "crowd_bytes": counts.bytes,
        "crowd_connections_lost": counts.dead,
        "guaranteed": len(guaranteed),
        "shown_in_the_sampled_feed": len(sampled[0].shown),
        "left_out_of_it": sum(missing.count or 0 for missing in sampled[0].left_out),
        "put_off_or_refused": round(shed),
    }
    facts |= {f"step_{step}_told_after_s": round(at, 1) for step, at in sorted(steps.items())}
    return told(NAME, running, options, facts=facts)


def _of_staff(history: History) -> list[tuple[str, str]]:
    """Give every line that a member of the team was told to be posted."""
    lines = history.acknowledged()
    return [("comment.posted", each.id) for each in lines if each.client.startswith("m")]


def _told(sampled: Sequence[SampledViewer], began: float) -> dict[int, float]:
    """Give for each step how long after the beginning everybody knew of it, s."""
    firsts: dict[int, list[float]] = {}
    for viewer in sampled:
        known = {level: at for at, level in reversed(viewer.levels)}
        for level, at in known.items():
            firsts.setdefault(level, []).append(at - began)
    return {level: max(times) for level, times in firsts.items() if level > 0}
