"""The listening half of the link to a Redis Cluster: each channel at the owner of its slot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from server.cluster import Cluster
from server.errors import Refused
from server.keys import CONTROL
from server.redis_link import TIMEOUT
from server.redis_wire import ReplyError, fail, not_answering
from server.shard_link import ShardLink
from server.topology import Node

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two tries to find a new home for channels that have none."""
AT_ONCE = 200
"""Channels that look for a home at the same time."""


class ShardSubscriber:
    """Subscriptions of one process on a Cluster; used as `SubscriberLink` is.

    A channel whose slot goes to another node, or whose node lost the slot while nobody told us,
    is subscribed there, and after that told as a gap: its window is then read from where the last
    publication was. `control` is heard through every node, so that no node is needed for it.
    """

    def __init__(
        self,
        cluster: Cluster,
        on_payload: Callable[[str, bytes], None],
        on_gap: Callable[[str | None], None],
    ) -> None:
        self._cluster = cluster
        self._on_payload = on_payload
        self._on_gap = on_gap
        self._links: dict[Node, ShardLink] = {}
        self._homes: dict[str, ShardLink | None] = {}
        """Where each wanted channel is subscribed; None while it looks for a home."""
        self._hears_control = False
        self._homeless = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        cluster: Cluster,
        on_payload: Callable[[str, bytes], None],
        on_gap: Callable[[str | None], None],
        *,
        timeout: float = 5.0,
    ) -> ShardSubscriber:
        """Connect to every node; Refused("unavailable") when none answers."""
        subscriber = cls(cluster, on_payload, on_gap)
        subscriber._changed()
        cluster.on_change.append(subscriber._changed)
        subscriber._task = asyncio.create_task(subscriber._find_homes(), name="homes of channels")
        alive = [link for node, link in subscriber._links.items() if cluster.nodes[node].ready]
        if not any(await asyncio.gather(*(link.wait_ready(timeout) for link in alive))):
            await subscriber.close()
            raise not_answering()
        return subscriber

    async def close(self) -> None:
        """End all connections."""
        if self._changed in self._cluster.on_change:
            self._cluster.on_change.remove(self._changed)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self._links.values()))

    @property
    def ready(self) -> bool:
        """Whether any node delivers."""
        return any(link.ready for link in self._links.values())

    def suspect(self) -> None:
        """Connect to every node again: something that was published did not arrive."""
        for link in self._links.values():
            link.suspect()

    async def subscribe(self, channel: str) -> None:
        """Subscribe, and come back when Redis confirmed it; Refused("unavailable") otherwise."""
        if channel == CONTROL:
            await self._subscribe_control()
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TIMEOUT
        try:
            while True:
                link = self._owner(channel)
                if link is None:
                    raise not_answering()
                # Known before the confirmation: the slot may be taken away right behind it.
                self._homes[channel] = link
                try:
                    await link.subscribe(channel)
                    return
                except ReplyError as error:
                    if loop.time() >= deadline or not await self._cluster.redirected(error):
                        fail(error)
        except BaseException:
            home = self._homes.pop(channel, None)
            if home is not None:
                home.drop(channel)
            raise

    async def unsubscribe(self, channel: str) -> None:
        """Unsubscribe; a lost link, or another owner of the slot, has done so already."""
        link = self._homes.pop(channel, None)
        if link is not None:
            with suppress(ReplyError):
                await link.unsubscribe(channel)

    async def _subscribe_control(self) -> None:
        self._hears_control = True
        asked = []
        for link in self._links.values():
            link.want(CONTROL)
            if link.ready:
                asked.append(link.subscribe(CONTROL))
            else:
                link.suspect()
        done = await asyncio.gather(*asked, return_exceptions=True)
        if all(isinstance(each, BaseException) for each in done):
            raise not_answering()

    def _owner(self, channel: str) -> ShardLink | None:
        node = self._cluster.owner(channel)
        return None if node is None else self._links.get(node)

    # What the nodes tell.

    def _changed(self) -> None:
        """Follow the Cluster: listen to new nodes, leave those that are gone, move channels."""
        nodes = self._cluster.nodes.keys()
        for node in nodes - self._links.keys():
            address = self._cluster.connect(node)
            link = ShardLink(address, self._on_payload, self._on_gap, self._moved)
            if self._hears_control:
                link.want(CONTROL)
            self._links[node] = link
            link.begin()
        for node in self._links.keys() - nodes:
            self._cluster.end(self._links.pop(node))
        for channel, home in self._homes.items():
            if home is not None and home is not self._owner(channel):
                home.drop(channel)
                self._homes[channel] = None
                self._homeless.set()

    def _moved(self, link: ShardLink, channel: str, error: ReplyError | None) -> None:
        self._cluster.learn(error)
        if self._homes.get(channel) is link:
            self._homes[channel] = None
            self._homeless.set()

    async def _find_homes(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._homeless.wait()
            self._homeless.clear()
            looking = [channel for channel, home in self._homes.items() if home is None]
            try:
                for start in range(0, len(looking), AT_ONCE):
                    some = looking[start : start + AT_ONCE]
                    await asyncio.gather(*(self._find_home(channel) for channel in some))
            except Exception:
                log.exception("channels without a home")
            if None in self._homes.values():
                self._homeless.set()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE

    async def _find_home(self, channel: str) -> None:
        link = self._owner(channel)
        if link is None or not link.ready:
            return
        try:
            await link.subscribe(channel)
        except ReplyError as error:
            self._cluster.learn(error)
            return
        except Refused:
            return
        is_home = link is self._owner(channel) and link.listens(channel)
        if channel not in self._homes or not is_home:
            link.drop(channel)
        elif self._homes[channel] is None:
            self._homes[channel] = link
            self._on_gap(channel)
