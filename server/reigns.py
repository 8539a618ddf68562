"""The reigns of a Cluster's nodes: every start and promotion begins one, and may lose a tail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import Refused
from server.redis_wire import ReplyError

if TYPE_CHECKING:
    from server.redis_link import RedisLink
    from server.topology import Node

LOOK_SECONDS = 0.5
"""What a node has to answer in; one that does not is none of the living."""
NEVER_PROMOTED = "0" * 40


@dataclass(frozen=True, slots=True)
class Kin:
    """Where a channel may have come from whole, when its slot moved."""

    reigns: tuple[str, ...] = ()
    """Those of the other nodes that answer now."""
    shaken: int = 0
    """Redis time (ms) at which the newest reign of any node had begun at the latest.

    What was published later under one of these reigns cannot have passed through a node that fell
    on its way: a fall begins a reign.
    """


@dataclass(frozen=True, slots=True)
class Facts:
    """What one node says of itself."""

    reign: str
    """As publish.lua and adopt.lua put it together."""
    is_promoted: bool
    started: int
    now: int
    """Its clock, ms: when its process began, and when it answered."""

    @classmethod
    def read(cls, info: bytes) -> Facts:
        """Read the sections server and replication of INFO."""
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        now = int(facts["server_time_usec"]) // 1000
        followed = facts["master_replid2"]
        return cls(
            f"{facts['run_id']}:{followed}",
            followed != NEVER_PROMOTED,
            now - 1000 * int(facts["uptime_in_seconds"]),
            now,
        )


class Reigns:
    """What one process has seen of the reigns; look often, so that none is dated too late."""

    def __init__(self, first_seen: Callable[[str, int], Awaitable[int]]) -> None:
        """`first_seen` keeps for all processes when a reign was first seen: given now, or before.

        So a process that comes later does not take an old reign for a new one.
        """
        self.shaken = 0
        """As in `Kin`; counts the nodes that are gone too."""
        self._first_seen = first_seen
        self._looking_since = 0
        self._of: dict[Node, str] = {}

    async def look(self, links: Mapping[Node, RedisLink]) -> dict[Node, str]:
        """Ask all nodes at once; gives the reigns of those that answer."""
        ready = [(node, link) for node, link in links.items() if link.ready]
        answers = await asyncio.gather(*(_facts_of(link) for _, link in ready))
        found = {node: facts for (node, _), facts in zip(ready, answers, strict=True) if facts}
        for node, facts in found.items():
            await self.see(node, facts)
        if not self._looking_since:
            self._looking_since = max((facts.now for facts in found.values()), default=0)
        return {node: facts.reign for node, facts in found.items()}

    async def see(self, node: Node, facts: Facts) -> None:
        """Take note of what a node said of itself."""
        known = self._of.get(node)
        if known == facts.reign:
            return
        if known is not None or facts.is_promoted:
            # When exactly it fell or rose nobody tells, but not after it was seen.
            began = await self._first_seen(facts.reign, facts.now)
        elif self._looking_since and facts.started > self._looking_since:
            # It began empty while we looked, and has never been another: a start that lost nothing.
            began = 0
        else:
            began = facts.started
        self.shaken = max(self.shaken, began)
        self._of[node] = facts.reign


async def _facts_of(link: RedisLink) -> Facts | None:
    with suppress(Refused, ReplyError, TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            return Facts.read(await link.call("INFO", "server", "replication"))
    return None
