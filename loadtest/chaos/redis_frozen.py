"""Redis stops without a word; it is noticed, publishes fail with a word, and all goes on after."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final

import httpx

from loadtest.chaos.history import ACK, UNKNOWN
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import at_share, play
from loadtest.chaos.stage import Stage
from loadtest.report import Report

NAME: Final = "redis-frozen"
VIEWERS: Final = 1000
RATE: Final = 40.0
FROZEN_SECONDS: Final = 30.0
LEAST_SECONDS: Final = 4.0
NOTICED_SECONDS: Final = 3.0
FAST_SECONDS: Final = 0.5
BACK_SECONDS: Final = 2.0
WORDS: Final = frozenset(("unavailable",))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Freeze Redis for half a minute while people post, and let it go on."""
    seconds = max(LEAST_SECONDS, FROZEN_SECONDS * options.scale)
    viewers = scaled(VIEWERS, options, least=10)
    async with play(stage, viewers_count=viewers, rate=RATE, posters_count=20, whole=2) as running:
        await running.posted(20)
        frozen = running.fault(f"Redis is frozen for {seconds:g} s")
        stage.freeze("valkey")
        noticed = asyncio.create_task(_noticed(stage.url, frozen + seconds))
        await asyncio.sleep(seconds)
        thawed = running.fault("Redis goes on")
        stage.thaw("valkey")
        await running.posted(20)
        unready = await noticed
        await stage.ready()
        await running.settle()
    during = [each for each in running.history.posted if frozen <= each.at and each.done <= thawed]
    # What was under way when it froze may take its whole budget; later ones know.
    later = [each.done - each.at for each in during if each.at >= frozen + NOTICED_SECONDS]
    words = {each.word for each in during}
    if not during or not words <= WORDS | {""}:
        running.problems.append(f"refused with {sorted(words)} instead of {sorted(WORDS)}")
    if any(each.outcome == ACK for each in during if each.at >= frozen + NOTICED_SECONDS):
        running.problems.append("something was acknowledged while Redis was frozen")
    unanswered = sum(each.outcome == UNKNOWN for each in during)
    if unanswered:
        running.problems.append(f"{unanswered} publishes were not answered while it was frozen")
    if unready is None:
        running.problems.append("no gateway said that it is not ready")
    after = [each.done - thawed for each in running.history.acknowledged() if each.done > thawed]
    refused = [each.done - frozen for each in during if each.word]
    return told(
        NAME,
        running,
        options,
        limits=(
            Limit("noticed after s", (unready or thawed) - frozen, NOTICED_SECONDS),
            Limit("first refusal after s", min(refused, default=seconds), NOTICED_SECONDS),
            Limit("refused within s, p99", at_share(later, 0.99), FAST_SECONDS),
            Limit("back after s", min(after, default=seconds), BACK_SECONDS),
        ),
        facts={"attempts_while_frozen": len(during)},
    )


async def _noticed(url: str, until: float) -> float | None:
    """Ask again and again until a gateway says that it is not ready; gives when that was."""
    async with httpx.AsyncClient(
        base_url=url, trust_env=False, timeout=2, limits=httpx.Limits(max_keepalive_connections=0)
    ) as http:
        while time.monotonic() < until:
            try:
                if (await http.get("/readyz")).status_code == 503:
                    return time.monotonic()
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)
    return None
