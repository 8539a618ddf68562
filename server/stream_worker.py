"""Moves the persistence log into the database: in order, each entry once, whatever dies."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from server.broker_metrics import OWNED
from server.database import Database
from server.errors import Refused
from server.keys import GROUP, PARTITIONS, tagged
from server.redis_link import TIMEOUT, RedisLink, script_of
from server.redis_wire import Argument, ReplyError
from server.stream_apply import Applier, LostPartitions
from server.stream_entry import Entry, Handler, RawEntry
from server.stream_leases import Leases

if TYPE_CHECKING:
    from server.settings import Settings

__all__ = ["Entry", "Handler", "StreamWorker"]

log = logging.getLogger(__name__)

TAKEOVER = script_of((files("server") / "lua/takeover.lua").read_text())
FINISH = script_of((files("server") / "lua/finish.lua").read_text())
COUNT, BLOCK_MS = 200, 1000
SLICE = 1000
"""About how many entries one transaction takes; a partition is never divided."""
LEASE, RENEW = 10.0, 3.0
"""Seconds that a partition is owned, and between renewals."""
LONGEST_PAUSE = 2.0


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
        self._applier = Applier(db, self.name, handlers, consumers, idle_limit=lease / 2)
        self._partitions = partitions
        self._lease = lease
        self._renew = renew
        self._after_commit = after_commit
        self._stopping = asyncio.Event()
        self._reader = ""
        self._reader_connection = -1
        self._hand: dict[int, list[RawEntry]] = {}
        """Everything read and not yet acknowledged; its keys are the partitions taken over."""

    @property
    def applied(self) -> int:
        """How many entries were applied."""
        return self._applier.applied

    @property
    def dead(self) -> int:
        """How many entries became dead letters."""
        return self._applier.dead

    @property
    def owned(self) -> set[int]:
        """The partitions that are read."""
        return set(self._hand)

    def stop(self) -> None:
        """Finish the batch in hand, give the partitions back and come back from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; Refused("unavailable") only when Redis is away at the start."""
        # Blocking reads have a connection of their own: a command behind one would wait for it.
        url = self._settings.redis_url
        self._link = await RedisLink.open(url, name="worker")
        try:
            self._blocking = await RedisLink.open(url, name="worker-reads")
        except BaseException:
            await self._link.close()
            raise
        self._leases = Leases(self._link, self.name, self._partitions, self._lease, self._renew)
        keeper = asyncio.create_task(self._leases.keep(), name="leases")
        try:
            await self._work()
            keeper.cancel()
            await self._leave()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._blocking.close()
            await self._link.close()

    async def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._take_over()
                if not any(self._hand.values()):
                    await self._read()
                await self._apply_hand()
                await self._give_away()
                OWNED.set(len(self._hand))
                failures = 0
            except LostPartitions as error:
                log.warning("worker: %s", error)
                for partition in error.partitions:
                    self._drop(partition)
            except ReplyError as error:
                # NOGROUP: Redis lost the stream, or it was emptied. Taking over makes the group.
                log.warning("worker: %s", error)
                self._hand.clear()
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
        if self._blocking.connections != self._reader_connection:
            # A read whose answer was lost has put entries into our hand that we never saw.
            connection = self._blocking.connections
            number = await self._blocking.call("CLIENT", "ID")
            self._reader = f"{self._blocking.run_id[:8]}-{number}-{self.name}"
            self._reader_connection = connection
            self._hand.clear()
        held = self._leases.held
        for partition in self._hand.keys() - held:
            self._drop(partition)
        fresh = sorted(held - self._hand.keys())
        if not fresh:
            return
        await self._applier.claim(fresh)
        await self._cut_off_former_readers(fresh)
        answers = await asyncio.gather(
            *(
                self._link.script(TAKEOVER, (tagged(p, "log"),), (GROUP, self._reader))
                for p in fresh
            )
        )
        for partition, entries in zip(fresh, answers, strict=True):
            self._hand[partition] = [RawEntry.read(partition, *entry) for entry in entries]

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
        partitions = {tagged(p, "log").encode(): p for p in self._hand.keys() & self._leases.held}
        if not partitions:
            await self._pause(self._renew / 10)
            return
        what: list[Argument] = ["XREADGROUP", "GROUP", GROUP, self._reader, "COUNT", COUNT]
        what += ["BLOCK", BLOCK_MS, "STREAMS", *partitions, *(">" for _ in partitions)]
        answer = await self._blocking.call(
            *what,
            timeout=BLOCK_MS / 1000 + TIMEOUT,
        )
        for key, entries in answer or ():
            partition = partitions[key]
            self._hand[partition] = [RawEntry.read(partition, *entry) for entry in entries]

    async def _apply_hand(self) -> None:
        """Commit what is in hand, a slice of partitions at a time, and acknowledge it."""
        waiting = {partition: entries for partition, entries in self._hand.items() if entries}
        while waiting:
            some: dict[int, list[RawEntry]] = {}
            while waiting and sum(map(len, some.values())) < SLICE:
                partition, entries = waiting.popitem()
                some[partition] = entries
            await self._applier.apply([entry for entries in some.values() for entry in entries])
            self._after_commit()
            await self._acknowledge(some)

    async def _acknowledge(self, done: Mapping[int, Sequence[RawEntry]]) -> None:
        ids = {partition: [entry.entry_id for entry in done[partition]] for partition in done}
        try:
            await asyncio.gather(
                *(
                    self._link.script(FINISH, (tagged(partition, "log"),), (GROUP, *numbers))
                    for partition, numbers in ids.items()
                )
            )
        except BaseException:
            # They are found in hand again, and left out because they are noted as applied.
            for partition in done:
                self._drop(partition, forget=False)
            raise
        for partition in done:
            self._hand[partition] = []

    async def _give_away(self) -> None:
        surplus = self._leases.surplus & self._hand.keys()
        if surplus:
            for partition in surplus:
                self._drop(partition, forget=False)
            await self._leases.release(sorted(surplus), self._reader)

    def _drop(self, partition: int, *, forget: bool = True) -> None:
        self._hand.pop(partition, None)
        if forget:
            self._leases.forget(partition)

    async def _leave(self) -> None:
        with suppress(Refused, ReplyError):
            await self._leases.release(sorted(self._leases.held), self._reader)
            await self._leases.leave()


def _consumers(answer: Any) -> set[str]:
    """Give the names in an answer to XINFO CONSUMERS; none where there is no group yet."""
    if isinstance(answer, Exception):
        if isinstance(answer, ReplyError):
            return set()
        raise answer
    return {dict(zip(c[::2], c[1::2], strict=True))[b"name"].decode() for c in answer}
