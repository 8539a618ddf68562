"""The room's slot moves between the nodes of a Cluster; no gateway is deaf for long."""

from __future__ import annotations

import argparse
import asyncio
from itertools import pairwise
from typing import Final

from loadtest.chaos.history import Watch
from loadtest.chaos.outcome import Limit, scaled, told
from loadtest.chaos.play import Play, play
from loadtest.chaos.stage import Stage
from loadtest.errors import CannotRun
from loadtest.redis_cluster import RedisCluster
from loadtest.report import Report, Value

NAME: Final = "slot-moved"
CLUSTERED: Final = True
GATEWAYS: Final = 4
VIEWERS: Final = 400
MOVES: Final = 60
RATE: Final = 50.0
LINES_BETWEEN: Final = 40
DEAF_SECONDS: Final = 3.0
KEY_BY_KEY, AT_ONCE, IN_SILENCE = "key by key", "at once", "key by key, while nobody posts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""


async def run(stage: Stage, options: argparse.Namespace) -> Report:
    """Move the slot from node to node, in every way there is, while people post."""
    if stage.cluster is None:
        raise CannotRun("only a Cluster has slots")
    viewers = scaled(VIEWERS, options, least=16)
    async with play(stage, viewers_count=viewers, rate=RATE, posters_count=20, whole=2) as running:
        await running.posted(LINES_BETWEEN)
        gateways = await running.gateways()
        key = await asyncio.to_thread(_key, stage.cluster, stage.room)
        moves = scaled(MOVES, options, least=3)
        for number in range(moves):
            way = (KEY_BY_KEY, AT_ONCE, IN_SILENCE)[number % 3]
            await _move(running, stage.cluster, key, way)
            await running.posted(scaled(LINES_BETWEEN, options, least=10))
        await running.settle()
    if missing := stage.pids("gateway").keys() - set(gateways.values()):
        running.problems.append(f"nobody watched at {sorted(missing)}")
    deaf = _longest(running, gateways)
    facts: dict[str, Value] = {"moves": moves}
    for name, (unheard, silent) in sorted(deaf.items()):
        facts[f"{name}_deaf_s"] = round(unheard, 3)
        facts[f"{name}_silent_s"] = round(silent, 3)
    longest = max((unheard for unheard, _ in deaf.values()), default=0.0)
    limits = (Limit("deaf for s", longest, DEAF_SECONDS),)
    return told(NAME, running, options, limits=limits, facts=facts)


async def _move(running: Play, cluster: RedisCluster, key: str, way: str) -> None:
    owner = await asyncio.to_thread(cluster.owner, key)
    to = cluster.other(owner)
    running.fault(f"the slot moves from {owner.name} to {to.name}, {way}")
    if way == IN_SILENCE:
        await running.pause()
    moved = way == AT_ONCE and await asyncio.to_thread(cluster.move_at_once, key, to)
    if not moved:
        await asyncio.to_thread(cluster.move_by_keys, key, to)
    if way == IN_SILENCE:
        await running.pause(False)


def _key(cluster: RedisCluster, room: str) -> str:
    """Find the key of a room, whose slot all keys of the room share."""
    for node in cluster.nodes:
        for key in node.client.scan_iter(f"*:room:{room}", count=1000):
            return str(key)
    raise CannotRun(f"no node knows room {room}")


def _longest(running: Play, gateways: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Give for each gateway how long it kept back a line, and how long it said nothing, in s.

    A line that is kept back was acknowledged and reached no viewer there yet; when people cannot
    post for a moment everybody hears nothing, and is not deaf.
    """
    known = {each.line.place: each.done for each in running.history.acknowledged()}
    longest: dict[str, tuple[float, float]] = {}
    for watch in running.history.watches:
        name = gateways.get(watch.viewer)
        if name is not None:
            unheard, silent = longest.get(name, (0.0, 0.0))
            late, quiet = _of_viewer(watch, known)
            longest[name] = (max(unheard, late), max(silent, quiet))
    return longest


def _of_viewer(watch: Watch, known: dict[tuple[int, int], float]) -> tuple[float, float]:
    late = (
        at - known[line.place]
        for line, at in zip(watch.seen, watch.times, strict=True)
        if line.place in known
    )
    return max(late, default=0.0), max((b - a for a, b in pairwise(watch.times)), default=0.0)
