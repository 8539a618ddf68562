"""Moves the persistence log into the database: in order, each entry once, whatever dies."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from server.broker_metrics import OWNED
from server.cluster import Cluster
from server.database import Database
from server.errors import Refused
from server.keys import PARTITIONS
from server.redis_link import RedisLink
from server.redis_wire import ReplyError
from server.route import open_route
from server.stream_apply import Applier
from server.stream_entry import Entry, Handler
from server.stream_leases import Leases
from server.stream_reader import StreamReader

if TYPE_CHECKING:
    from server.settings import Settings

__all__ = ["Entry", "Handler", "StreamWorker"]

LEASE, RENEW = 10.0, 3.0
"""Seconds that a partition is owned, and between renewals."""
LOOK = 0.2
"""Seconds between two looks at which servers there are."""


class StreamWorker:
    """One worker. Several share the partitions; each partition has one owner at a time.

    `handlers` maps an event to what applies a run of its entries; entries of other events become
    dead letters. `consumers` get every batch after the handlers, in the same transaction. An
    entry is applied once, also when a worker dies or is frozen; only a crash of Redis that loses
    acknowledgements repeats it, so handlers have to bear that.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        handlers: Mapping[str, Handler],
        *,
        consumers: Sequence[Handler] = (),
        partitions: Sequence[int] = range(PARTITIONS),
        lease: float = LEASE,
        renew: float = RENEW,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = secrets.token_hex(8)
        self._settings = settings
        self._db = db
        self._handlers = handlers
        self._consumers = consumers
        self._partitions = partitions
        self._lease = lease
        self._renew = renew
        self._after_commit = after_commit
        self._stopping = asyncio.Event()
        self._readers: dict[RedisLink, StreamReader] = {}
        """One for each server; a single one, unless Redis is a Cluster."""
        self._tasks: dict[RedisLink, asyncio.Task[None]] = {}
        self._appliers: list[Applier] = []

    @property
    def applied(self) -> int:
        """How many entries were applied."""
        return sum(applier.applied for applier in self._appliers)

    @property
    def dead(self) -> int:
        """How many entries became dead letters."""
        return sum(applier.dead for applier in self._appliers)

    @property
    def owned(self) -> set[int]:
        """The partitions that are read."""
        return {partition for reader in self._readers.values() for partition in reader.hand}

    @property
    def in_hand(self) -> int:
        """How many entries were read and are not yet acknowledged."""
        return sum(len(e) for reader in self._readers.values() for e in reader.hand.values())

    def stop(self) -> None:
        """Finish the batch in hand, give the partitions back and come back from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; Refused("unavailable") only when Redis is away at the start."""
        route = await open_route(self._settings.redis_url, name="worker")
        leases = Leases(route, self.name, self._partitions, self._lease, self._renew)
        keeper = asyncio.create_task(leases.keep(), name="leases")
        try:
            while not self._stopping.is_set():
                await self._read_from(route, leases)
            await asyncio.gather(*self._tasks.values())
            keeper.cancel()
            await asyncio.gather(*(reader.leave() for reader in self._readers.values()))
            with suppress(Refused, ReplyError):
                await leases.leave()
        finally:
            tasks = [keeper, *self._tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await route.close()

    async def _read_from(self, route: RedisLink | Cluster, leases: Leases) -> None:
        """Have a reader at every server there is, and look after them for a moment."""
        servers = route.servers()
        for link in servers - self._readers.keys():
            reader = self._reader(route, link, leases)
            self._readers[link] = reader
            self._tasks[link] = asyncio.create_task(reader.run(), name=f"reader {link.where.port}")
        for link in self._readers.keys() - servers:
            self._readers.pop(link).ended.set()
        done, _ = await asyncio.wait(
            self._tasks.values(), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED
        )
        OWNED.set(len(self.owned))
        for link, task in list(self._tasks.items()):
            if task in done:
                del self._tasks[link]
                task.result()

    def _reader(self, route: RedisLink | Cluster, link: RedisLink, leases: Leases) -> StreamReader:
        # An owner in the database for each: a partition that comes to another node is taken from
        # the reader of the former one as from another worker.
        owner = f"{self.name}-{len(self._appliers)}" if link.clustered else self.name
        limit = self._lease / 2
        applier = Applier(self._db, owner, self._handlers, self._consumers, idle_limit=limit)
        self._appliers.append(applier)
        return StreamReader(
            *(self.name, route, link, leases, applier, self._stopping),
            renew=self._renew,
            after_commit=self._after_commit,
        )
