"""Hiroba among its peers: started as anybody starts it, its comments posted by visitors."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from loadtest import api
from loadtest.errors import CannotRun
from loadtest.native.client import Aim, LoadClient, hiroba
from loadtest.peers.peer import comment
from loadtest.servers import Servers, new_room, started
from server.client import Client

TITLE: Final = "Hiroba, gateway"
ALL: Final = "Hiroba, all processes"
POSTERS: Final = 4
"""Who post in turn: what one connection asks is done one after another."""


@dataclass(slots=True)
class Ours:
    """A running Hiroba with one gateway, and a room."""

    title: str
    version: str
    servers: Servers
    room: str
    posters: cycle[Client]

    @property
    def processes(self) -> Mapping[str, list[int]]:
        """Give the gateway, and everything: it, supervisor, worker, Valkey and PostgreSQL."""
        named = self.servers.processes
        everything = [pid for pids in named.values() for pid in pids]
        return {self.title: named["gateway"], self.title.replace(TITLE, ALL): everything}

    def aim(self, viewers: int) -> Aim:
        """Let nameless readers watch the room on the full feed."""
        return hiroba(self.servers.urls[0], f"room:{self.room}", viewers, "json")

    async def say(self, client: LoadClient, number: int) -> None:
        """Post a comment; its answer comes when it is in Redis."""
        args = {"room": self.room, "text": comment(number), "client_message_id": str(uuid.uuid4())}
        ok = await next(self.posters).call("comment.post", args)
        if ok.get("verdict", "allow") != "allow":
            raise CannotRun(f"a comment was not shown: {ok['verdict']}")


@asynccontextmanager
async def running_hiroba(
    viewers: int, way: str = "", version: str = "this tree"
) -> AsyncIterator[Ours]:
    """Start Hiroba with limits that all viewers of one address need; `way` is HIROBA_FAN_OUT."""
    limits = {
        "HIROBA_CONNECT_RATE": f"{2 * viewers + 1000}/10s",
        "HIROBA_MAX_CONNECTIONS": str(max(20_000, 2 * viewers)),
        "HIROBA_POST_RATE": "1000000/10s",
        "HIROBA_LOG_LEVEL": "warning",
    }
    if way:
        limits["HIROBA_FAN_OUT"] = way
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(started(limits, gateways=1))
        room = await new_room(servers, "peers")
        posters = []
        async with api.client(servers.urls[0]) as http:
            for number in range(POSTERS):
                token = await api.visitor_token(http, f"Alice Example {number}")
                client = Client(servers.urls[0], token=token)
                posters.append(await stack.enter_async_context(client))
        title = f"{TITLE} ({way})" if way else TITLE
        yield Ours(title, version, servers, room, cycle(posters))
