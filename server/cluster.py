"""A Redis Cluster: one link to each node, and every command goes to the owner of its slot."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from server.errors import Refused
from server.keys import PARTITIONS, partition_of, tagged
from server.redis_link import TIMEOUT, Link, RedisLink, Script
from server.redis_wire import Address, Argument, ReplyError, not_answering
from server.reigns import LOOK_SECONDS, Kin, Reigns
from server.topology import Node, Topology, partition_slots, redirect_of, slot_of

log = logging.getLogger(__name__)

REFRESH_EVERY = 2.0
"""Seconds between two looks at who owns what: nobody may be deaf for longer than three."""
REFRESH_LOST = 0.5
"""The same while a node does not answer: another may take its place."""
REFRESH_MOVED = 0.05
"""At most so often (s) while slots move."""
BELIEVED = 2.0
"""Seconds that a redirection counts more than what other nodes say, who learn of it by and by."""
FIRST = 2.0
"""Seconds that the nodes have to answer at the start; those that do not are tried further."""
REIGN_SECONDS = 90 * 86_400
"""How long it is known when a reign was first seen."""
PAUSE = 0.02
"""Seconds before a slot that is on its way is asked for again."""
_KEYLESS = frozenset(("PING", "PUBLISH", "TIME", "INFO", "CLUSTER"))
_SUBCOMMANDS = frozenset(("XINFO", "XGROUP"))


class Cluster:
    """The `Route` to several servers; `open` it with a link to any of them."""

    verb = "SPUBLISH"

    def __init__(self, seed: Address, name: str) -> None:
        self.nodes: dict[Node, RedisLink] = {}
        """The link to every node that owns a slot."""
        self.on_change: list[Callable[[], None]] = []
        """Called whenever slots have other owners."""
        self._seed = seed
        self._name = name
        self._nowhere = RedisLink(seed, name)
        self.links: list[RedisLink] = [self._nowhere] * PARTITIONS
        self._topology = Topology.read([], Node(seed.host, seed.port))
        self._reigns = Reigns(self._first_seen)
        self._moved: dict[int, tuple[Node, float]] = {}
        """Slots that moved lately: where to, and until when that counts."""
        self._nudged = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, seed: RedisLink, *, name: str) -> Cluster:
        """Learn the nodes from one of them and connect to all; a dead one does not stop that."""
        cluster = cls(seed.where, name)
        cluster._apply(await _topology_of(seed))
        if not cluster.nodes:
            raise Refused("unavailable", "No slot of the Redis Cluster is assigned.")
        await asyncio.gather(*(link.wait_ready(FIRST) for link in cluster.nodes.values()))
        await cluster._reigns.look(cluster.nodes)
        cluster._keeper = asyncio.create_task(cluster._keep(), name=f"redis {name} topology")
        if not cluster.ready:
            await cluster.close()
            raise not_answering()
        return cluster

    async def close(self) -> None:
        """End all connections."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self.nodes.values()), *self._closing)

    # Who is there.

    @property
    def ready(self) -> bool:
        """Whether any node can be asked."""
        return any(link.ready for link in self.nodes.values())

    def servers(self) -> Set[RedisLink]:
        """Give the link to every node, those that do not answer too."""
        return set(self.nodes.values())

    def owner(self, channel: str) -> Node | None:
        """Give the node on which a channel is published."""
        return self._topology.owner(partition_slots()[partition_of(channel)])

    def connect(self, node: Node) -> Address:
        """Give the address of a node, with what the seed's says about signing in."""
        return replace(self._seed, path="", host=node.host, port=node.port, db=0)

    def address(self, channel: str) -> str:
        """Give the name under which a channel is published: in the slot of its partition."""
        return tagged(partition_of(channel), channel)

    async def _first_seen(self, reign: str, now: int) -> int:
        what = ("SET", f"reign:{reign}", now, "NX", "GET", "EX", REIGN_SECONDS)
        with suppress(Refused, ReplyError, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                return min(now, int(await self.call(*what) or now))
        return now

    async def kin(self, link: RedisLink) -> Kin:
        """Ask the other nodes for what tells whether a channel has come from one of them whole.

        Only those that own slots count: a node whose place another has taken is none of them.
        """
        nodes = self.nodes.keys()
        found = await self._reigns.look(self.nodes)
        if found.keys() != nodes:
            # One that does not answer may have fallen, and who has risen for it is not known yet.
            return Kin()
        own = _node_of(link)
        return Kin(tuple(found[node] for node in nodes if node != own), self._reigns.shaken)

    def server_time(self) -> int:
        """Give a time in ms that every node has certainly reached."""
        times = [link.server_time() for link in self.nodes.values() if link.ready]
        return min(times, default=self._nowhere.server_time())

    # Commands.

    async def call(self, *args: Argument, timeout: float = TIMEOUT) -> Any:
        """Send a command to where its key is, raising as `RedisLink.call`."""
        if args[0] in _KEYLESS:
            return await self._any().call(*args, timeout=timeout)
        key = args[2 if args[0] in _SUBCOMMANDS else 1]
        return await self._routed(
            slot_of(key if isinstance(key, bytes) else str(key)),
            lambda link: link.call(*args, timeout=timeout),
            lambda link: link.ask(*args, timeout=timeout),
            timeout,
        )

    async def script(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Argument],
        timeout: float = TIMEOUT,
    ) -> Any:
        """Run a script where its keys are; they have to share a tag."""
        text = ("EVAL", script.text, len(keys), *keys, *args)
        return await self._routed(
            slot_of(keys[0]),
            lambda link: link.script(script, keys, args, timeout),
            lambda link: link.ask(*text, timeout=timeout),
            timeout,
        )

    async def _routed(
        self,
        slot: int,
        send: Callable[[RedisLink], Awaitable[Any]],
        ask: Callable[[RedisLink], Awaitable[Any]],
        timeout: float,
    ) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            link = self._link(self._topology.owner(slot))
            try:
                try:
                    return await send(link)
                except ReplyError as error:
                    there = redirect_of(str(error), _node_of(link))
                    if there is None or there.is_moved:
                        raise
                    return await ask(self._link(there.node))
            except ReplyError as error:
                if loop.time() >= deadline or not await self.redirected(error):
                    raise

    async def redirected(self, error: ReplyError) -> bool:
        """Learn from an error that another node is to be asked, or the same one later."""
        there = self.learn(error)
        if there is not None:
            await self._link(there).wait_ready(TIMEOUT / 2)
            return True
        if str(error).split(" ", 1)[0] not in ("ASK", "TRYAGAIN"):
            return False
        await asyncio.sleep(PAUSE)
        return True

    def learn(self, error: ReplyError | None) -> Node | None:
        """Take note that slots move; gives the owner of one when the error names it."""
        self._nudged.set()
        there = None if error is None else redirect_of(str(error), _node_of(self._any()))
        if there is None or not there.is_moved:
            return None
        self._moved[there.slot] = (there.node, asyncio.get_running_loop().time() + BELIEVED)
        if self._topology.owner(there.slot) != there.node:
            self._apply(self._topology.moved(there.slot, there.node))
        return there.node

    def _link(self, node: Node | None) -> RedisLink:
        return self._nowhere if node is None else self.nodes.get(node, self._nowhere)

    def _any(self) -> RedisLink:
        return next((link for link in self.nodes.values() if link.ready), self._nowhere)

    # Who owns what.

    async def _keep(self) -> None:
        """Look who owns what: in good time, at once when it changed, often while a node is away."""
        while True:
            await asyncio.sleep(REFRESH_MOVED)
            whole = all(link.ready for link in self.nodes.values())
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_EVERY if whole else REFRESH_LOST):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                await self._refresh()
            except (Refused, ReplyError) as error:
                log.debug("cluster: %s", error)
            except Exception:
                log.exception("cluster: the nodes could not be learned")

    async def _refresh(self) -> None:
        links = [link for link in self.nodes.values() if link.ready]
        if links:
            self._apply(self._corrected(await _topology_of(random.choice(links))))
            await self._reigns.look(self.nodes)
            return
        # Nobody we know answers: the name of the seed may mean another machine by now.
        seed = await RedisLink.open_at(self._seed, name=self._name, timeout=TIMEOUT)
        try:
            self._apply(await _topology_of(seed))
        finally:
            await seed.close()

    def _corrected(self, topology: Topology) -> Topology:
        """Put right what the node that was asked may not have heard yet."""
        now = asyncio.get_running_loop().time()
        self._moved = {slot: known for slot, known in self._moved.items() if known[1] > now}
        for slot, (node, _) in self._moved.items():
            if topology.owner(slot) != node and self._link(node).ready:
                topology = topology.moved(slot, node)
        return topology

    def _apply(self, topology: Topology) -> None:
        """Take a view over: connect to new nodes, let go of those that own nothing any more."""
        nodes = topology.nodes
        if topology == self._topology or not nodes:
            return
        for node in nodes - self.nodes.keys():
            if self._keeper is not None:
                log.info("cluster: %s serves slots now", node)
            self.nodes[node] = RedisLink(self.connect(node), f"{self._name}-{node}")
            self.nodes[node].begin()
        for node in self.nodes.keys() - nodes:
            log.info("cluster: %s serves no slot any more", node)
            self.end(self.nodes.pop(node))
        self._topology = topology
        for partition, slot in enumerate(partition_slots()):
            self.links[partition] = self._link(topology.owner(slot))
        for changed in self.on_change:
            changed()

    def end(self, link: Link) -> None:
        """Close a link in the background."""
        task = asyncio.create_task(link.close(), name="closing a link")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _node_of(link: Link) -> Node:
    return Node(link.where.host, link.where.port)


async def _topology_of(link: RedisLink) -> Topology:
    return Topology.read(await link.call("CLUSTER", "SLOTS"), _node_of(link))
