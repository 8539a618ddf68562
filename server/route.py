"""The way of a command to Redis: the same for one server and for a Cluster of them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Protocol

from server.cluster import Cluster
from server.errors import Refused
from server.redis_link import TIMEOUT, RedisLink, Script
from server.redis_wire import Argument, ReplyError, urls_of
from server.reigns import Kin


class Route(Protocol):
    """What `RedisLink` (one server) and `Cluster` have in common."""

    @property
    def verb(self) -> str:
        """The command that publishes a channel: PUBLISH, or SPUBLISH on a Cluster."""

    @property
    def links(self) -> Sequence[RedisLink]:
        """The link to the owner of each partition, always as it is known now."""

    @property
    def ready(self) -> bool:
        """Whether any command can be sent."""

    def servers(self) -> Set[RedisLink]:
        """Give the link to every server, those that do not answer too."""

    async def call(self, *args: Argument, timeout: float = TIMEOUT) -> Any:
        """Send a command to where its key is, raising as `RedisLink.call`."""

    async def script(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Argument],
        timeout: float = TIMEOUT,
    ) -> Any:
        """Run a script where its keys are; they have to share a tag."""

    def address(self, channel: str) -> str:
        """Give the name under which a channel is published."""

    async def kin(self, link: RedisLink) -> Kin:
        """Ask the other nodes for what tells whether a channel has come from one of them whole."""

    async def redirected(self, error: ReplyError) -> bool:
        """Learn from an error that another node is to be asked, or the same one later.

        False for every other error. Comes back when it makes sense to try again.
        """

    def server_time(self) -> int:
        """Give a time in ms that every server has certainly reached."""

    async def close(self) -> None:
        """End all connections."""


async def open_route(url: str, *, name: str) -> RedisLink | Cluster:
    """Connect to the server at an address, or to the whole Cluster of which it is a node.

    Raises as `RedisLink.open`.
    """
    urls = urls_of(url)
    while True:
        try:
            link = await RedisLink.open(urls.pop(0), name=name)
            break
        except Refused:
            if not urls:
                raise
    if not link.clustered:
        return link
    try:
        return await Cluster.open(link, name=name)
    finally:
        await link.close()
