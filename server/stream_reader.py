"""One Redis server as the worker sees it: reads the partitions there, applies, acknowledges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any

from server.errors import Refused
from server.keys import GROUP, tagged
from server.redis_link import TIMEOUT, RedisLink, script_of
from server.redis_wire import Argument, ReplyError
from server.route import Route
from server.stream_apply import Applier, LostPartitions
from server.stream_entry import RawEntry
from server.stream_leases import Leases

log = logging.getLogger(__name__)

TAKEOVER = script_of((files("server") / "lua/takeover.lua").read_text())
FINISH = script_of((files("server") / "lua/finish.lua").read_text())
COUNT, BLOCK_MS = 200, 1000
POLL = 0.1
"""Seconds between two reads on a Cluster, where nothing can wait for many logs at once."""
SLICE = 1000
"""About how many entries one transaction takes; a partition is never divided."""
LONGEST_PAUSE = 2.0


class StreamReader:
    """The worker's part at one server: those of its leases whose partition is served there."""

    def __init__(
        self,
        name: str,
        route: Route,
        link: RedisLink,
        leases: Leases,
        applier: Applier,
        stopping: asyncio.Event,
        *,
        renew: float,
        after_commit: Callable[[], None],
    ) -> None:
        """`applier` has an owner's name of its own: it is fenced from our other readers too."""
        self.applier = applier
        self.hand: dict[int, list[RawEntry]] = {}
        """Everything read and not yet acknowledged; its keys are the partitions taken over."""
        self.ended = asyncio.Event()
        self._name = name
        self._route = route
        self._link = link
        # Blocking reads have a connection of their own: a command behind one would wait for it.
        self._reads = RedisLink(link.where, "worker-reads")
        self._leases = leases
        self._stopping = stopping
        self._renew = renew
        self._after_commit = after_commit
        self._reader = ""
        self._reader_connection = -1

    async def run(self) -> None:
        """Work until told to stop."""
        self._reads.begin()
        try:
            await self._work()
        finally:
            await self._reads.close()

    async def leave(self) -> None:
        """Give the partitions back."""
        self.hand.clear()
        with suppress(Refused, ReplyError):
            await self._leases.release(sorted(self._mine()), self._reader)

    def _mine(self) -> set[int]:
        """Give the leased partitions that this server serves, as far as is known."""
        links = self._route.links
        return {partition for partition in self._leases.held if links[partition] is self._link}

    async def _work(self) -> None:
        failures = 0
        while not (self._stopping.is_set() or self.ended.is_set()):
            try:
                await self._take_over()
                if not any(self.hand.values()):
                    await self._read()
                await self._apply_hand()
                await self._give_away()
                failures = 0
            except LostPartitions as error:
                log.warning("worker: %s", error)
                for partition in error.partitions:
                    self._drop(partition)
            except ReplyError as error:
                # NOGROUP: Redis lost the stream, or it was emptied. Taking over makes the group.
                if not await self._route.redirected(error):
                    log.warning("worker: %s", error)
                    self.hand.clear()
                    failures += 1
            except Refused as error:
                log.warning("worker: %s", error)
                failures += 1
            if failures:
                await self._pause(min(LONGEST_PAUSE, 0.05 * 2 ** min(failures, 10)))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _take_over(self) -> None:
        """Begin with new partitions: fence former owners, and take what they had in hand."""
        if self._reads.connections != self._reader_connection:
            # A read whose answer was lost has put entries into our hand that we never saw.
            await self._reads.wait_ready(TIMEOUT)
            connection = self._reads.connections
            number = await self._reads.call("CLIENT", "ID")
            self._reader = f"{self._reads.run_id[:8]}-{number}-{self._name}"
            self._reader_connection = connection
            self.hand.clear()
        mine = self._mine()
        for partition in self.hand.keys() - mine:
            self._drop(partition)
        fresh = sorted(mine - self.hand.keys())
        if not fresh:
            return
        await self.applier.claim(fresh)
        await self._cut_off_former_readers(fresh)
        logs = [tagged(p, "log") for p in fresh]
        calls = (self._link.script(TAKEOVER, (log,), (GROUP, self._reader)) for log in logs)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        problems = []
        for partition, answer in zip(fresh, answers, strict=True):
            if isinstance(answer, BaseException):
                problems.append(answer)
            else:
                entries = [RawEntry.read(partition, *entry) for entry in answer]
                self.hand[partition] = entries
        for problem in problems:
            if not (isinstance(problem, ReplyError) and await self._route.redirected(problem)):
                raise problem
        if problems:
            # Slots on their way: they must not keep the others waiting, nor be asked in a rush.
            await self._pause(POLL)

    async def _cut_off_former_readers(self, partitions: Sequence[int]) -> None:
        """End the connections of readers before us: one that was frozen would go on reading."""
        logs = [tagged(p, "log") for p in partitions]
        calls = (self._link.call("XINFO", "CONSUMERS", log, GROUP) for log in logs)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for name in {name for answer in answers for name in _consumers(answer)}:
            server, number, *_ = (*name.split("-"), "", "")
            if name != self._reader and server == self._link.run_id[:8] and number.isdigit():
                with suppress(ReplyError):
                    await self._link.call("CLIENT", "KILL", "ID", number)

    async def _read(self) -> None:
        partitions = sorted(self.hand.keys() & self._mine())
        if not partitions:
            await self._pause(self._renew / 10)
        elif self._link.clustered:
            await self._read_each(partitions)
        else:
            await self._read_together(partitions)

    async def _read_together(self, partitions: Sequence[int]) -> None:
        """Wait for anything in any log."""
        logs = {tagged(p, "log").encode(): p for p in partitions}
        what: list[Argument] = ["XREADGROUP", "GROUP", GROUP, self._reader, "COUNT", COUNT]
        what += ["BLOCK", BLOCK_MS, "STREAMS", *logs, *(">" for _ in logs)]
        answer = await self._reads.call(*what, timeout=BLOCK_MS / 1000 + TIMEOUT)
        for key, entries in answer or ():
            partition = logs[key]
            self.hand[partition] = [RawEntry.read(partition, *entry) for entry in entries]

    async def _read_each(self, partitions: Sequence[int]) -> None:
        """Look into every log in one write: they lie in different slots."""
        what: list[Argument] = ["XREADGROUP", "GROUP", GROUP, self._reader, "COUNT", COUNT]
        calls = (self._reads.call(*what, "STREAMS", tagged(p, "log"), ">") for p in partitions)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        problems: list[BaseException] = []
        for partition, answer in zip(partitions, answers, strict=True):
            if isinstance(answer, ReplyError):
                # This one alone: it has gone to another node, or its group is missing.
                log.info("worker: partition %s: %s", partition, answer)
                await self._route.redirected(answer)
                self.hand.pop(partition, None)
            elif isinstance(answer, BaseException):
                problems.append(answer)
            elif answer:
                [(_, entries)] = answer
                self.hand[partition] = [RawEntry.read(partition, *entry) for entry in entries]
        if problems:
            raise problems[0]
        if not any(self.hand.values()):
            await self._pause(POLL)

    async def _apply_hand(self) -> None:
        """Commit what is in hand, a slice of partitions at a time, and acknowledge it."""
        waiting = {partition: entries for partition, entries in self.hand.items() if entries}
        while waiting:
            some: dict[int, list[RawEntry]] = {}
            while waiting and sum(map(len, some.values())) < SLICE:
                partition, entries = waiting.popitem()
                some[partition] = entries
            await self.applier.apply([entry for entries in some.values() for entry in entries])
            self._after_commit()
            await self._acknowledge(some)

    async def _acknowledge(self, done: Mapping[int, Sequence[RawEntry]]) -> None:
        calls = (
            self._link.script(
                FINISH,
                (tagged(partition, "log"),),
                (GROUP, *(entry.entry_id for entry in entries)),
            )
            for partition, entries in done.items()
        )
        answers = await asyncio.gather(*calls, return_exceptions=True)
        problems = []
        for partition, answer in zip(done, answers, strict=True):
            if isinstance(answer, BaseException):
                # They are found in hand again, and left out because they are noted as applied.
                self.hand.pop(partition, None)
                problems.append(answer)
            else:
                self.hand[partition] = []
        if problems:
            raise problems[0]

    async def _give_away(self) -> None:
        surplus = self._leases.surplus & self.hand.keys()
        if surplus:
            for partition in surplus:
                self.hand.pop(partition)
            await self._leases.release(sorted(surplus), self._reader)

    def _drop(self, partition: int) -> None:
        """Read a partition no longer; forget its lease, unless it is ours at another node."""
        self.hand.pop(partition, None)
        if self._route.links[partition] is self._link:
            self._leases.forget(partition)


def _consumers(answer: Any) -> set[str]:
    """Give the names in an answer to XINFO CONSUMERS; none where there is no group yet."""
    if isinstance(answer, Exception):
        if isinstance(answer, ReplyError):
            return set()
        raise answer
    return {dict(zip(c[::2], c[1::2], strict=True))[b"name"].decode() for c in answer}
