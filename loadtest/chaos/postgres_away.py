"""PostgreSQL is frozen, then killed; live chat goes on, and what waits is bounded and saved."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from loadtest.chaos import posters
from loadtest.chaos.history import ACK, Posted
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, at_share, play
from loadtest.chaos.pouring import Pour
from loadtest.chaos.stage import Stage
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
    parser.add_argument("--away", type=float, default=0.0, help="seconds it is away, each time")


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Let people talk while the database is away twice, and compare what they said with it."""
    viewers = scaled(VIEWERS, options, least=4)
    seconds = options.away or max(6.0, AWAY_SECONDS * options.scale)
    facts: dict[str, str | int | float] = {"seconds_away_each_time": seconds}
    async with play(
        stage, viewers_count=viewers, rate=RATE, processes=options.processes
    ) as running:
        await running.posted(10)
        topic = await _topic(stage, running.run)
        await _frozen(stage, running, seconds, facts)
        await _killed(stage, running, seconds, topic, facts)
        await running.settle()
        running.problems += await _compare(stage, topic)
    away = _took(running, "frozen") + _took(running, "killed")
    limit = Limit("post answered p99 s while it is away", at_share(away, 0.99), ACK_SECONDS)
    return told(NAME, running, options, limits=(limit,), facts=facts)


class Topic:
    """A topic room, and what was poured into it and into the live room beside it."""

    def __init__(self, room: str, tokens: tuple[str, ...], run: str) -> None:
        """Pour as two visitors."""
        self.room = room
        self.run = run
        self.tokens = tokens
        self.posted: list[Posted] = []


async def _topic(stage: Stage, run: str) -> Topic:
    made = await command(
        stage.servers,
        *("room", "create", "--kind", "topic", "--slug", f"topic-{run}"),
        *("--title", "Topic", "--json"),
    )
    tokens = await posters.tokens(stage.url, 2, f"{run} pours")
    topic = Topic(str(json.loads(made)["id"]), tokens, run)
    async with _client(stage, tokens[0]) as client:
        # Once a gateway has read the room, all find it without the database.
        topic.posted = [await Pour([client], topic.room, f"{run}-f").post(client, 0)]
    return topic


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
    stage: Stage, running: Play, seconds: float, topic: Topic, facts: dict[str, Any]
) -> None:
    """Kill it, fill the logs to the cap, and let the supervisor start it again."""
    cap = int(stage.servers.environment["HIROBA_BACKLOG_CAP"])
    # A supervisor that is frozen starts nothing again.
    stage.freeze("supervisor")
    running.fault("PostgreSQL is killed")
    end = time.monotonic() + seconds
    await stage.kill("postgres")
    await running.posted(10)
    await _fill(stage, running, topic)
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    lengths = await _lengths(stage)
    facts["backlog_cap_a_partition"] = cap
    facts["backlog_longest"] = max(lengths)
    if max(lengths) > cap:
        running.problems.append(f"a log has {max(lengths)} entries, more than {cap}")
    stage.thaw("supervisor")
    running.fault("PostgreSQL may start again")
    await _drained(stage, running, facts, "killed")


async def _fill(stage: Stage, running: Play, topic: Topic) -> None:
    """Pour into both rooms until the topic room refuses and the live room saves no more."""
    async with _client(stage, topic.tokens[0]) as writer, _client(stage, topic.tokens[1]) as talker:
        long = Pour([writer], topic.room, f"{topic.run}-t")
        if not await long.until(lambda p: p.word == "backlog", most=MOST_POURED, seconds=60):
            running.problems.append("the topic room took everything")
        live = Pour([talker], stage.room, f"{topic.run}-p")
        if not await live.until(lambda p: p.unsaved, most=MOST_POURED, seconds=60):
            running.problems.append("the live room never said `unsaved`")
        refused = {p.word for p in live.posted if p.outcome != ACK}
        if refused:
            running.problems.append(f"the live room refused: {', '.join(sorted(refused))}")
    running.fault(f"{len(long.posted)} and {len(live.posted)} lines fill the logs")
    topic.posted += long.posted
    running.history.posted += live.posted


async def _comes_in(stage: Stage, running: Play) -> None:
    """A stranger who comes while it is away sees the room, on any gateway."""
    for number in range(4):
        try:
            async with _client(stage, "") as client:
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


async def _compare(stage: Stage, topic: Topic) -> list[str]:
    """Compare what the topic room acknowledged with its rows."""
    rows = await stage.query(
        "SELECT client_message_id FROM messages WHERE room_id = $1", int(topic.room)
    )
    kept = sorted(row[0] for row in rows)
    said = sorted(p.client_message_id for p in topic.posted if p.outcome == ACK)
    if kept == said:
        return []
    return [f"topic room: {len(said)} lines were acknowledged, {len(kept)} are in the table"]


async def _lengths(stage: Stage) -> list[int]:
    async with stage.redis() as redis:
        logs = [key async for key in redis.scan_iter(match=LOGS, count=10_000)]
        return [0, *[await redis.xlen(log) for log in logs]]


async def _metric(stage: Stage, name: str) -> float:
    values = await stage.metrics()
    return sum(value for (known, _), value in values.items() if known == name)


@asynccontextmanager
async def _client(stage: Stage, token: str) -> AsyncIterator[Client]:
    async with Client(stage.url, token=token) as client:
        yield client


def _took(running: Play, how: str) -> list[float]:
    """Give how long answers took from a fault to the one after it."""
    faults = running.history.faults
    begin = next(at for at, what in faults if what.endswith(how))
    end = min(at for at, _ in faults if at > begin)
    return [p.done - p.at for p in running.history.posted if begin < p.at < end]
