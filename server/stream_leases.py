"""Which partitions of the log this worker owns: a lease each, shared fairly among the workers."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Iterable, Sequence
from importlib.resources import files
from typing import Any

from server.errors import Refused
from server.keys import GROUP, tagged
from server.redis_link import script_of
from server.redis_wire import ReplyError
from server.route import Route

log = logging.getLogger(__name__)

RENEW = script_of((files("server") / "lua/renew.lua").read_text())
RELEASE = script_of((files("server") / "lua/release.lua").read_text())
WORKERS = "workers"
"""Sorted set of the workers that are there, by the time until which they count."""


class Leases:
    """Holds leases and gives them away again; `held` is what may be read from now."""

    def __init__(
        self, route: Route, owner: str, partitions: Sequence[int], lease: float, renew: float
    ) -> None:
        self._route = route
        self._owner = owner
        self._partitions = list(partitions)
        self._lease = lease
        self._renew = renew
        self._until: dict[int, float] = {}
        self._workers = 1
        self.surplus: set[int] = set()
        """What has to be given to other workers, once nothing of it is in hand."""
        random.shuffle(self._partitions)

    @property
    def held(self) -> set[int]:
        """The partitions whose lease has not run out by our own clock, which runs while frozen."""
        now = time.monotonic()
        return {partition for partition, until in self._until.items() if until > now}

    async def keep(self) -> None:
        """Renew, take and offer until cancelled."""
        while True:
            try:
                await self.round()
            except (Refused, ReplyError) as error:
                log.warning("leases: %s", error)
            except Exception:
                log.exception("leases: a round failed")
            await asyncio.sleep(self._renew)

    async def round(self) -> None:
        """Renew what is held, then take or offer so that every worker has its share."""
        share = await self._share()
        await self._renew_held()
        held = sorted(self._until)
        self.surplus = set(held[share:])
        if len(held) < share:
            free = [partition for partition in self._partitions if partition not in self._until]
            await self._take(free, share - len(held))

    def forget(self, partition: int) -> None:
        """Own a partition no longer: somebody else does."""
        self._until.pop(partition, None)
        self.surplus.discard(partition)

    async def release(self, partitions: Sequence[int], reader: str) -> None:
        """Give leases back, with nothing in hand."""
        for partition in partitions:
            self.forget(partition)
        names = [(tagged(p, "owner"), tagged(p, "log")) for p in partitions]
        args = (self._owner, GROUP, reader)
        await self._all(self._route.script(RELEASE, keys, args) for keys in names)

    async def leave(self) -> None:
        """Count no longer among the workers."""
        await self._route.call("ZREM", WORKERS, self._owner)

    async def _share(self) -> int:
        now = self._route.server_time()
        until = now + int(self._lease * 1000)
        try:
            await self._route.call("ZADD", WORKERS, until, self._owner)
            await self._route.call("ZREMRANGEBYSCORE", WORKERS, "-inf", now)
            self._workers = max(1, await self._route.call("ZCARD", WORKERS))
        except (Refused, ReplyError) as error:
            # On a Cluster the count lies on one node, and the others' partitions need none.
            log.warning("leases: the workers cannot be counted: %s", error)
        return math.ceil(len(self._partitions) / self._workers)

    async def _renew_held(self) -> None:
        until = time.monotonic() + self._lease
        held = list(self._until)
        args = (self._owner, int(self._lease * 1000))
        answers = await self._all(
            self._route.script(RENEW, (tagged(p, "owner"),), args) for p in held
        )
        for partition, answer in zip(held, answers, strict=True):
            if answer == 1:
                self._until[partition] = until
            elif answer == 0:
                log.warning("leases: partition %s was lost", partition)
                self.forget(partition)

    async def _take(self, free: Sequence[int], most: int) -> None:
        until = time.monotonic() + self._lease
        what = (self._owner, "NX", "PX", int(self._lease * 1000))
        taken = 0
        for start in range(0, len(free), most):
            some = free[start : start + most - taken]
            answers = await self._all(
                self._route.call("SET", tagged(p, "owner"), *what) for p in some
            )
            for partition, answer in zip(some, answers, strict=True):
                if answer == b"OK":
                    self._until[partition] = until
                    taken += 1
            if taken >= most:
                return

    async def _all(self, calls: Iterable[Awaitable[Any]]) -> list[Any]:
        """Give the answers, errors among them while any server is there: a node may be away."""
        answers = await asyncio.gather(*calls, return_exceptions=True)
        errors = {str(answer): answer for answer in answers if isinstance(answer, BaseException)}
        for error in errors.values():
            if not self._route.ready:
                raise error
            log.warning("leases: %s", error)
        return answers
