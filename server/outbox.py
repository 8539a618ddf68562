"""The durable path: Postgres first, and what it announces is published although we may crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgpack

from server.broker_metrics import SWEPT
from server.context import Context
from server.database import TIMEOUT, Queries, Transaction
from server.errors import Refused
from server.keys import partition_of, stem
from server.publication import Flag, Publish, Published

if TYPE_CHECKING:
    from asyncpg import Record

log = logging.getLogger(__name__)

SWEEP_AFTER = 2.0
"""Seconds after which a row is taken for left behind by the process that wrote it."""
REMEMBER_MS = 86_400_000
"""How long Redis knows that a row was published: longer than anybody leaves a worker down."""
LATER = frozenset({"unavailable", "backlog", "channel_busy", "rate_limited", "cooldown"})
"""Refusals after which the same row may succeed; any other moves it to the dead letters."""
_AT_ONCE = 100

Step = tuple[str, str, bytes]
"""Kind, lane and payload of a row."""


class Durable:
    """One transaction, and what has to be announced once it is committed."""

    def __init__(self, transaction: Transaction) -> None:
        self.results: list[Published | None] = []
        """After the block: the place of each `publish`, None where the sweep has to do it."""
        self._transaction = transaction
        self._steps: list[Step] = []

    async def all(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> list[Record]:
        """Give every row."""
        return await self._transaction.all(sql, *args, timeout=timeout)

    async def one(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Record | None:
        """Give the first row, or None."""
        return await self._transaction.one(sql, *args, timeout=timeout)

    async def value(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Any:
        """Give the first column of the first row, or None."""
        return await self._transaction.value(sql, *args, timeout=timeout)

    async def run(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> str:
        """Execute a statement and give its tag."""
        return await self._transaction.run(sql, *args, timeout=timeout)

    async def many(self, sql: str, rows: Iterable[Sequence[Any]], timeout: float = TIMEOUT) -> None:
        """Execute a statement once for every row."""
        await self._transaction.many(sql, rows, timeout=timeout)

    def publish(self, p: Publish) -> None:
        """Publish after the commit, exactly once; its client_message_id gives way to our own."""
        self._steps.append(_publish_step(p))

    def notice(self, channel: str, to: str, body: dict[str, Any]) -> None:
        """Tell one viewer after the commit; twice when this process dies at the wrong moment."""
        self._steps.append(_notice_step(channel, to, body))

    def control(self, body: dict[str, Any]) -> None:
        """Tell every process after the commit; repeated as `notice` is."""
        self._steps.append(("control", "control", msgpack.packb(body)))

    def deny_everywhere(self, publisher: str, until: int) -> None:
        """Deny on every channel after the commit (ms; 0 lifts it)."""
        self._steps.append(("deny", f"publisher {publisher}", msgpack.packb([publisher, until])))


@asynccontextmanager
async def durable(ctx: Context) -> AsyncIterator[Durable]:
    """Open a transaction whose announcements are written with it and carried out after it.

    An exception in the block, or a commit that fails, announces nothing. After the commit nothing
    raises any more: what cannot be carried out now is left for `sweep`.
    """
    async with ctx.db.transaction() as transaction:
        d = Durable(transaction)
        yield d
        ids = await _insert(transaction, d._steps)
    d.results = await _carry_out_now(ctx, dict(zip(ids, d._steps, strict=True)))


async def add(transaction: Queries, p: Publish) -> None:
    """Announce from within somebody else's transaction: the sweep publishes after the commit."""
    await _insert(transaction, [_publish_step(p)])


async def add_control(transaction: Queries, body: dict[str, Any]) -> None:
    """Tell every process from within somebody else's transaction, as `add` publishes."""
    await _insert(transaction, [("control", "control", msgpack.packb(body))])


async def add_notices(
    transaction: Queries, notices: Iterable[tuple[str, str, dict[str, Any]]]
) -> None:
    """Tell viewers (channel, who, body) from within somebody else's transaction, as `add` does."""
    await _insert(transaction, [_notice_step(*notice) for notice in notices])


async def sweep(ctx: Context, *, older_than: float = SWEEP_AFTER) -> int:
    """Carry out what was left behind, lane by lane; gives how many rows are done with."""
    if not ctx.broker.ready:
        return 0
    lanes = await ctx.db.all(
        """SELECT lane FROM outbox WHERE created_at <= now() - make_interval(secs => $1)
           GROUP BY lane ORDER BY min(id) LIMIT $2""",
        older_than,
        _AT_ONCE,
    )
    done = sum([len(await _carry_out_lane(ctx, row["lane"], wait=False)) for row in lanes])
    SWEPT.inc(done)
    return done


class Sweeper:
    """Sweeps every second, and at once when somebody in this process added a row."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Sweep now, whatever the age of the rows."""
        self._nudged.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            nudged = self._nudged.is_set()
            self._nudged.clear()
            try:
                await sweep(self._ctx, older_than=0.0 if nudged else SWEEP_AFTER)
            except Refused as error:
                log.warning("outbox: %s", error)
            except Exception:
                log.exception("outbox: the sweep failed")
            try:
                async with asyncio.timeout(1.0):
                    await self._nudged.wait()
            except TimeoutError:
                continue


def _publish_step(p: Publish) -> Step:
    values = p._asdict()
    payload = msgpack.packb({**values, "flags": int(p.flags)})
    return "publish", f"channel {stem(p.channel)}", payload


def _notice_step(channel: str, to: str, body: dict[str, Any]) -> Step:
    payload = msgpack.packb([channel, to, msgpack.packb(body)])
    return "notice", f"channel {stem(channel)}", payload


def _stored_publish(payload: bytes) -> Publish:
    values = msgpack.unpackb(payload)
    deny = tuple(values["deny"]) if values["deny"] else None
    return Publish(**{**values, "flags": Flag(values["flags"]), "deny": deny})


async def _insert(transaction: Queries, steps: Sequence[Step]) -> list[int]:
    if not steps:
        return []
    rows = await transaction.all(
        """INSERT INTO outbox (kind, lane, payload)
           SELECT kind, lane, payload
           FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY
                AS step (kind, lane, payload, place)
           ORDER BY place RETURNING id""",
        *(list(column) for column in zip(*steps, strict=True)),
    )
    return sorted(row["id"] for row in rows)


async def _carry_out_now(ctx: Context, steps: dict[int, Step]) -> list[Published | None]:
    done: dict[int, Published | None] = {}
    lanes = dict.fromkeys(lane for _, lane, _ in steps.values())
    for lane in lanes if ctx.broker.ready else ():
        last = max(number for number, step in steps.items() if step[1] == lane)
        try:
            done.update(await _carry_out_lane(ctx, lane, up_to=last))
        except Refused as error:
            log.warning("outbox: %s is left for the sweep: %s", lane, error)
    results = []
    for number, (kind, _, payload) in steps.items():
        if kind == "publish":
            results.append(done[number] if number in done else await _answer(ctx, number, payload))
    return results


async def _answer(ctx: Context, number: int, payload: bytes) -> Published | None:
    """Ask for the place of a row that another process carried out, or could not yet."""
    try:
        if await ctx.db.value("SELECT 1 FROM outbox WHERE id = $1", number) is not None:
            return None
        return await _publish(ctx, number, payload)
    except Refused:
        return None


async def _carry_out_lane(
    ctx: Context, lane: str, *, up_to: int | None = None, wait: bool = True
) -> dict[int, Published | None]:
    """Carry out the rows of a lane in order, as far as they succeed; alone, by a lock."""
    lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    done: dict[int, Published | None] = {}
    async with ctx.db.transaction() as transaction:
        taken = await transaction.value(
            f"SELECT {lock}(hashtextextended('outbox ' || $1, 0))", lane
        )
        if taken is False:
            return done
        rows = await transaction.all(
            """SELECT id, kind, payload FROM outbox
               WHERE lane = $1 AND id <= coalesce($2, id) ORDER BY id LIMIT $3""",
            lane,
            up_to,
            _AT_ONCE,
        )
        for row in rows:
            try:
                done[row["id"]] = await _perform(ctx, row["id"], row["kind"], row["payload"])
            except Exception as error:
                if not await _failed(transaction, row, error):
                    break
                done[row["id"]] = None
        await transaction.run("DELETE FROM outbox WHERE id = ANY($1)", list(done))
    return done


async def _perform(ctx: Context, number: int, kind: str, payload: bytes) -> Published | None:
    if kind == "publish":
        return await _publish(ctx, number, payload)
    if kind == "control":
        await ctx.broker.control(msgpack.unpackb(payload))
    elif kind == "notice":
        await ctx.broker.notice(*msgpack.unpackb(payload))
    elif kind == "deny":
        await ctx.broker.deny_everywhere(*msgpack.unpackb(payload))
    else:
        raise ValueError(f"no such kind: {kind}")
    return None


async def _publish(ctx: Context, number: int, payload: bytes) -> Published:
    # A sign that no publisher may use, so that nobody can take the key of a row beforehand.
    p = _stored_publish(payload)._replace(client_message_id=f"№{number}", digest=b"outbox")
    return (await ctx.broker.publish(p, remember_ms=REMEMBER_MS))._replace(repeated=False)


async def _failed(transaction: Transaction, row: Record, error: Exception) -> bool:
    """Record a failure; True when the row will never succeed and was put to the dead letters."""
    if isinstance(error, Refused) and error.code in LATER:
        await transaction.run(
            "UPDATE outbox SET tries = tries + 1, last_error = $2 WHERE id = $1",
            row["id"],
            str(error),
        )
        return False
    log.error("outbox: row %s cannot be carried out: %s", row["id"], error, exc_info=error)
    channel = _stored_publish(row["payload"]).channel if row["kind"] == "publish" else ""
    await transaction.run(
        """INSERT INTO dead_letters (partition, entry_id, channel, payload, private, error)
           VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT DO NOTHING""",
        partition_of(channel) if channel else -1,
        f"outbox-{row['id']}",
        channel or row["kind"],
        row["payload"],
        repr(error),
    )
    return True
