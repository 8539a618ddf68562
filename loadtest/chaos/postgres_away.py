"""PostgreSQL is frozen, then killed; live chat goes on, and what waits is bounded and saved."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.chaos import posters
from loadtest.chaos.history import ACK, Posted
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, at_share, play
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
from loadtest.options import seconds
from loadtest.report import Report
from loadtest.servers import command
from server.client import Client

NAME: Final = "postgres-away"
LIMITS: Final = {"HIROBA_BACKLOG_CAP": "3000"}
VIEWERS: Final = 200
RATE: Final = 20.0
AWAY_SECONDS: Final = 120.0
"""How long it is away, each time."""
ACK_SECONDS: Final = 1.0
METRIC_SECONDS: Final = 20.0
"""How much longer it is away until the metrics tell; they are measured every few seconds."""
MOST_POURED: Final = 100_000
DRAIN_SECONDS: Final = 120.0
BACKLOG: Final = "hiroba_log_backlog_entries"
LOGS: Final = "{p*}:log"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--away", type=seconds, default=0.0, help="seconds it is away, each time")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Let people talk while the database is away twice, and compare what they said with it."""
    viewers = scaled(VIEWERS, options, least=4)
    seconds = options.away or max(6.0, AWAY_SECONDS * options.scale)
    facts: dict[str, str | int | float] = {"seconds_away_each_time": seconds}
    async with play(
        stage, viewers_count=viewers, rate=RATE, processes=options.processes
    ) as running:
        await running.posted(10)
        topic, live = await asyncio.gather(
            _beside(stage, running, "topic"), _beside(stage, running, "live")
        )
        await _frozen(stage, running, seconds, facts)
        await _killed(stage, running, seconds, (topic, live), facts)
        await running.settle()
        for room in (topic, live):
            running.problems += await _compare(stage, room)
    away = _took(running, "frozen") + _took(running, "killed")
    limit = Limit("post answered p99 s while it is away", at_share(away, 0.99), ACK_SECONDS)
    return told(NAME, running, options, limits=(limit,), facts=facts)


@dataclass(slots=True)
class Beside:
    """A room beside the one that is watched, to be filled to the cap, and who fills it."""

    room: str
    token: str
    posted: list[Posted] = field(default_factory=list)


async def _beside(stage: Stage, running: Play, kind: str) -> Beside:
    made = await command(
        stage.servers,
        *("room", "create", "--kind", kind, "--slug", f"{kind}-{running.run}"),
        *("--title", f"{kind} beside", "--json"),
    )
    [token] = await posters.tokens(stage.url, 1, f"{running.run} {kind}")
    room = Beside(str(json.loads(made)["id"]), token)
    async with Client(stage.url, token=token) as client:
        # Once a gateway has read the room, all find it without the database.
        room.posted = [await Pour([client], room.room, f"{running.run}-first").post(client, 0)]
    return room


async def _frozen(stage: Stage, running: Play, seconds: float, facts: dict[str, Any]) -> None:
    """Stop it; meanwhile the backlog grows in the metrics, and afterwards it is empty there."""
    running.fault("PostgreSQL is frozen")
    stage.freeze("postgres")
    end = time.monotonic() + seconds
    await running.posted(10)
    await _comes_in(stage, running)
    most, longest = 0.0, end + METRIC_SECONDS
    while time.monotonic() < (end if most else longest):
        await asyncio.sleep(0.5)
        most = max(most, await _metric(stage, BACKLOG))
    stage.thaw("postgres")
    running.fault("PostgreSQL runs again")
    facts["backlog_in_the_metrics"] = int(most)
    if not most:
        running.problems.append(f"{BACKLOG} told nothing while PostgreSQL was away")
    await _drained(stage, running, facts, "frozen")


async def _killed(
    stage: Stage,
    running: Play,
    seconds: float,
    beside: tuple[Beside, Beside],
    facts: dict[str, Any],
) -> None:
    """Kill it, fill the logs to the cap, and let the supervisor start it again."""
    cap = int(stage.servers.environment["HIROBA_BACKLOG_CAP"])
    # A supervisor that is frozen starts nothing again.
    stage.freeze("supervisor")
    running.fault("PostgreSQL is killed")
    end = time.monotonic() + seconds
    await stage.kill("postgres")
    await running.posted(10)
    await _fill(stage, running, *beside)
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    lengths = await _lengths(stage)
    facts["backlog_cap_a_partition"] = cap
    facts["backlog_longest"] = max(lengths)
    if max(lengths) > cap:
        running.problems.append(f"a log has {max(lengths)} entries, more than {cap}")
    stage.thaw("supervisor")
    running.fault("PostgreSQL may start again")
    await _drained(stage, running, facts, "killed")


async def _fill(stage: Stage, running: Play, topic: Beside, live: Beside) -> None:
    """Pour into both rooms until the topic room refuses and the live room saves no more."""
    if not await _pour(stage, running, topic, lambda posted: posted.word == "backlog"):
        running.problems.append("the topic room took everything")
    if not await _pour(stage, running, live, lambda posted: posted.unsaved):
        running.problems.append("the live room never said `unsaved`")
    refused = {posted.word for posted in live.posted if posted.outcome != ACK}
    if refused:
        running.problems.append(f"the live room refused: {', '.join(sorted(refused))}")
    running.fault(f"{len(topic.posted)} and {len(live.posted)} lines fill the logs")


async def _pour(stage: Stage, running: Play, room: Beside, ends: Callable[[Posted], bool]) -> bool:
    async with Client(stage.url, token=room.token) as client:
        pour = Pour([client], room.room, f"{running.run}-{room.room}")
        ended = await pour.until(ends, most=MOST_POURED, seconds=60)
        room.posted += pour.posted
        return ended


async def _comes_in(stage: Stage, running: Play) -> None:
    """A stranger who comes while it is away sees the room, on any gateway."""
    for number in range(4):
        try:
            async with Client(stage.url) as client:
                channel = client.channel(f"room:{stage.room}", feed="full")
                async with asyncio.timeout(5):
                    await channel.subscribed()
        except Exception as error:
            running.problems.append(f"visitor {number} could not come in: {error!r}")


async def _drained(stage: Stage, running: Play, facts: dict[str, Any], how: str) -> None:
    began = time.monotonic()
    while time.monotonic() < began + DRAIN_SECONDS:
        # Something is always under way while people talk.
        if max(await _lengths(stage)) <= RATE:
            break
        await asyncio.sleep(0.2)
    else:
        running.problems.append(f"not drained in {DRAIN_SECONDS:g} s after it was {how}")
    facts[f"drained_s_after_{how}"] = round(time.monotonic() - began, 1)
    running.fault("everything is saved")
    await running.posted(10)


async def _compare(stage: Stage, room: Beside) -> list[str]:
    """Compare what a room acknowledged as saved with its rows."""
    rows = await stage.query(
        "SELECT client_message_id FROM messages WHERE room_id = $1", int(room.room)
    )
    kept = sorted(row[0] for row in rows)
    said = [p for p in room.posted if p.outcome == ACK and not p.unsaved]
    if kept == sorted(posted.client_message_id for posted in said):
        return []
    return [f"room {room.room}: {len(said)} lines are to be saved, {len(kept)} are in the table"]


async def _lengths(stage: Stage) -> list[int]:
    async with stage.redis() as redis:
        logs = [key async for key in redis.scan_iter(match=LOGS, count=10_000)]
        return [0, *[await redis.xlen(log) for log in logs]]


async def _metric(stage: Stage, name: str) -> float:
    values = await stage.metrics()
    return sum(value for (known, _), value in values.items() if known == name)


def _took(running: Play, how: str) -> list[float]:
    """Give how long answers took from a fault to the one after it."""
    faults = running.history.faults
    begin = next(at for at, what in faults if what.endswith(how))
    end = min(at for at, _ in faults if at > begin)
    return [p.done - p.at for p in running.history.posted if begin < p.at < end]
