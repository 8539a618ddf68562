"""Applies a batch of log entries: one transaction, and only what is poison is put aside."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set

import asyncpg

from server.broker_metrics import APPLIED, DEAD
from server.database import Database, Transaction
from server.errors import HirobaError, Refused
from server.stream_entry import Entry, Handler, RawEntry

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT = 10.0
InHand = Set[tuple[int, str]]
"""Partition and id of all that was read and is not yet acknowledged."""
DEAD_LETTER = """
    INSERT INTO dead_letters (partition, entry_id, channel, payload, private, error)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
NOT_THE_ENTRY = (
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InsufficientPrivilegeError,
)
"""What is wrong with the database rather than with an entry: tried again, nothing is put aside."""


class LostPartitions(HirobaError):
    """Another worker owns some of the partitions now."""

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(f"partitions {sorted(partitions)} have another owner")
        self.partitions = partitions


class Applier:
    """The database's side of one worker."""

    def __init__(
        self,
        db: Database,
        owner: str,
        handlers: Mapping[str, Handler],
        consumers: Sequence[Handler] = (),
        *,
        idle_limit: float,
    ) -> None:
        """`idle_limit` are the seconds after which PostgreSQL ends the transaction of a worker
        that was frozen inside it: sooner than its lease ends, so the next owner finds no locks.
        """
        self.applied = 0
        self.dead = 0
        self._db = db
        limit = int(idle_limit * 1000)
        self._set_limit = f"SET LOCAL idle_in_transaction_session_timeout = {limit}"
        self._owner = owner
        self._handlers = handlers
        self._consumers = consumers

    async def claim(self, partitions: Sequence[int]) -> None:
        """Become the owner in the database: whoever was it before can commit nothing any more."""
        await self._db.run(
            """INSERT INTO stream_owners (partition, owner)
               SELECT partition, $2 FROM unnest($1::smallint[]) AS partition ORDER BY partition
               ON CONFLICT (partition) DO UPDATE SET owner = excluded.owner""",
            list(partitions),
            self._owner,
        )

    async def apply(self, entries: Sequence[RawEntry]) -> None:
        """Apply all that is in hand of some partitions, in order; on return it is committed.

        Raises Refused("unavailable") while the database is away, LostPartitions when another
        worker took over; then some may be committed, and are left out the next time.
        """
        await self._apply(entries, {(entry.partition, entry.entry_id) for entry in entries})

    async def _apply(self, entries: Sequence[RawEntry], in_hand: InHand) -> None:
        try:
            await self._commit(entries, in_hand)
        except Exception as error:
            if not _is_poison(error):
                raise
            if len(entries) == 1:
                await self._put_aside(entries[0], in_hand, error)
                return
            middle = len(entries) // 2
            await self._apply(entries[:middle], in_hand)
            await self._apply(entries[middle:], in_hand)

    async def _commit(
        self,
        entries: Sequence[RawEntry],
        in_hand: InHand,
        *,
        handle: bool = True,
        error: Exception | None = None,
    ) -> None:
        """Apply entries in one transaction; with an `error` they also become dead letters."""
        async with self._db.transaction() as transaction:
            await transaction.run(self._set_limit)
            fresh = await self._fence(transaction, entries, in_hand)
            good: list[Entry] = []
            bad = [(raw, error) for raw in fresh if error is not None]
            for raw in fresh if handle else ():
                try:
                    good.append(self._opened(raw))
                except HirobaError as problem:
                    bad.append((raw, problem))
            for run in runs(good):
                await self._handlers[run[0].event](transaction, run)
            for consumer in self._consumers if good and error is None else ():
                await consumer(transaction, good)
            if bad:
                await transaction.many(DEAD_LETTER, [_letter(*each) for each in bad])
        self.applied += len(good)
        self.dead += len(bad)
        APPLIED.inc(len(good))
        DEAD.inc(len(bad))

    async def _put_aside(self, entry: RawEntry, in_hand: InHand, error: Exception) -> None:
        """Keep a poison entry for people; what its handler can do without consumers is done."""
        log.error("an entry of partition %s is put aside: %r", entry.partition, error)
        try:
            await self._commit([entry], in_hand, error=error)
        except Exception as again:
            if not _is_poison(again):
                raise
            await self._commit([entry], in_hand, handle=False, error=error)

    def _opened(self, raw: RawEntry) -> Entry:
        entry = raw.open()
        if entry.event not in self._handlers:
            raise HirobaError(f"nothing handles {entry.event!r}")
        return entry

    async def _fence(
        self, transaction: Transaction, entries: Sequence[RawEntry], in_hand: InHand
    ) -> Sequence[RawEntry]:
        """Hold the ownership until the commit, and give the entries that were not applied before.

        What is committed and not yet acknowledged is noted in the same transaction: a worker that
        dies between the two leaves entries in hand that must not count twice.
        """
        partitions = sorted({entry.partition for entry in entries})
        rows = await transaction.all(
            """SELECT partition, applied FROM stream_owners
               WHERE partition = ANY($1::smallint[]) AND owner = $2
               ORDER BY partition FOR UPDATE""",
            partitions,
            self._owner,
            timeout=STATEMENT_TIMEOUT,
        )
        before: dict[int, list[str]] = {row["partition"]: row["applied"] for row in rows}
        if lost := set(partitions) - before.keys():
            raise LostPartitions(lost)
        fresh = [entry for entry in entries if entry.entry_id not in set(before[entry.partition])]
        noted = {p: [i for i in ids if (p, i) in in_hand] for p, ids in before.items()}
        for entry in fresh:
            noted[entry.partition].append(entry.entry_id)
        await transaction.many(
            "UPDATE stream_owners SET applied = $2 WHERE partition = $1", list(noted.items())
        )
        return fresh


def runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into runs of one event, as long as the order in each partition allows."""
    queues: dict[int, deque[Entry]] = {}
    for entry in entries:
        queues.setdefault(entry.partition, deque()).append(entry)
    while queues:
        event = next(iter(queues.values()))[0].event
        run: list[Entry] = []
        for queue in queues.values():
            while queue and queue[0].event == event:
                run.append(queue.popleft())
        queues = {partition: queue for partition, queue in queues.items() if queue}
        yield run


def _is_poison(error: Exception) -> bool:
    """Tell an entry that cannot be applied from a database that cannot apply anything now."""
    if isinstance(error, LostPartitions) or (
        isinstance(error, Refused) and error.code == "unavailable"
    ):
        return False
    return not isinstance(error, NOT_THE_ENTRY)


def _letter(raw: RawEntry, error: Exception) -> tuple[object, ...]:
    channel = raw.channel.decode(errors="replace").replace("\0", "")
    text = repr(error).replace("\0", "")[:2000]
    return (raw.partition, raw.entry_id, channel, raw.payload, raw.private, text)
