"""What losing writes of Redis has in common, whatever way they went; the scenarios lie beside."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import Final

from loadtest.chaos.history import Lost
from loadtest.chaos.outcome import resume_limit, scaled, told
from loadtest.chaos.play import Play, play
from loadtest.chaos.stage import Stage
from loadtest.report import Report

VIEWERS: Final = 1000
RATE: Final = 20.0
JUMP: Final = 1_000_000
"""By how much offsets jump at least after a loss."""
BACK_SECONDS: Final = 60.0
RESUME_SECONDS: Final = 5.0

Take = Callable[[], Awaitable[str]]
"""Takes writes away from the dead server, and says what it did."""
Remember = Callable[[], Awaitable[Take]]
"""Notes what there is now, and gives what brings it back later."""


async def lose(name: str, stage: Stage, options: argparse.Namespace, remember: Remember) -> Report:
    """Let Redis forget its newest seconds, in which somebody was muted."""
    async with play(
        stage,
        viewers_count=scaled(VIEWERS, options, least=10),
        rate=RATE,
        speakers=[await stage.talker()],
        named=4,
        whole=2,
    ) as running:
        await running.posted(20)
        take = await remember()
        known = running.top()
        await running.attempts()
        muted = await _mute_a_member(running)
        before = await running.posted(20)
        await running.reach(before)
        running.history.kept = await running.save()
        running.fault("Redis is killed")
        stage.freeze("supervisor")
        await stage.kill("valkey")
        await running.attempts()
        before = running.top()
        running.fault(await take())
        stage.thaw("supervisor")
        await stage.returned("valkey")
        running.history.lost.append(Lost(known, (before[0], before[1] + JUMP)))
        after = await running.posted(20, BACK_SECONDS)
        running.fault("people post again")
        await stage.ready()
        await running.settle()
        await running.unmute(muted)
    _judge(running, known, after, muted)
    return told(
        name,
        running,
        options,
        allowed=("restart",),
        limits=(resume_limit(running, RESUME_SECONDS),),
        facts={"rows_before": len(running.history.kept)},
    )


async def _mute_a_member(running: Play) -> str:
    """Mute the only member among those who post."""
    [author] = {each.client for each in running.history.posted if each.client.startswith("m")}
    running.fault(f"{author} is muted")
    await running.mute(author)
    return author


def _judge(running: Play, known: tuple[int, int], after: tuple[int, int], muted: str) -> None:
    """Find what the checker does not know of: offsets, announcements, refusals."""
    history = running.history
    if after <= known:
        running.problems.append(f"offsets went back from {known} to {after}")
    silent = sum(all(told.why != "restart" for told in watch.told) for watch in history.watches)
    if silent:
        running.problems.append(f"{silent} viewers were not told of the loss")
    if not any(denied.author == muted for denied in history.denied):
        running.problems.append(f"nobody saw that {muted} was muted")
    back = history.lost[0].until
    heard = [each for each in history.acknowledged() if each.line.place >= back]
    refused = [each for each in history.posted if each.client == muted and each.word == "muted"]
    if not heard or not refused or max(each.at for each in refused) < min(e.at for e in heard):
        running.problems.append(f"{muted} was never refused after the loss")
